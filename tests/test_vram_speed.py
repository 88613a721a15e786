"""Floating-point operations for a token, and what follows from them."""

from typing import Any

import pytest
from vram_cases import make_model, settings_of

from tools.errors import BadInput
from tools.gpus import Gpu, find_gpu
from tools.vram_speed import count_forward_flops, estimate_speed, measure_utilisation

MATRICES = 7_241_732_096 - 32000 * 4096 - 65 * 4096
"""Mistral-7B without its embedding, which is a look-up, and its 65 norms."""


def test_the_forward_pass_costs_two_operations_a_weight_and_attention() -> None:
    attention = 2 * 4096 * 4096 * 32
    assert count_forward_flops(make_model(), 4096) == 2 * MATRICES + attention


@pytest.mark.parametrize(
    ("flags", "passes"),
    [
        ({"method": "full", "checkpointing": "none"}, (3, 3)),
        ({"method": "full", "checkpointing": "full"}, (3, 4)),
        ({"method": "lora", "checkpointing": "none"}, (2, 2)),
        ({"method": "qlora", "checkpointing": "full"}, (2, 3)),
    ],
)
def test_passes_by_method(flags: dict[str, Any], passes: tuple[int, int]) -> None:
    model = make_model()
    settings = settings_of(model, **flags)
    speed = estimate_speed(model, settings, find_gpu("A100 80GB"))
    forward = count_forward_flops(model, settings.seq_len)
    assert (speed.model_flops_per_token, speed.flops_per_token) == (passes[0] * forward, passes[1] * forward)


def test_a_mixture_computes_with_the_experts_a_token_passes() -> None:
    flags: dict[str, Any] = {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
    extra = count_forward_flops(make_model(**flags), 1024) - count_forward_flops(make_model(), 1024)
    assert extra == 2 * 32 * 3 * 4096 * 14336


def test_expected_and_measured_speed_are_one_sum() -> None:
    model = make_model()
    settings = settings_of(model, method="full", checkpointing="none")
    gpu = find_gpu("A100 80GB")
    speed = estimate_speed(model, settings, gpu, utilisation=0.5)
    assert speed.tokens_per_second is not None
    assert measure_utilisation(model, settings, gpu, speed.tokens_per_second) == pytest.approx(0.5)
    assert speed.seconds_for(1000) == pytest.approx(1000 / speed.tokens_per_second)


def test_a_gpu_of_unknown_throughput_gives_no_speed() -> None:
    model = make_model()
    gpu = Gpu("mine", 1 << 34, 1 << 34, 0.0, 0.0)
    assert estimate_speed(model, settings_of(model), gpu).tokens_per_second is None
    assert measure_utilisation(model, settings_of(model), gpu, 1000.0) is None


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(BadInput, match="utilisation"):
        estimate_speed(make_model(), settings_of(), find_gpu("T4"), utilisation=share)
