"""What to change until a run fits."""

from dataclasses import replace
from typing import Any

import pytest
from vram_cases import make_model, settings_of

from tools.gpus import find_gpu
from tools.vram import estimate_vram, judge
from tools.vram_fit import list_changes, plan_fit
from tools.vram_settings import TrainingSettings

LADDER = (
    "gradient checkpointing",
    "micro-batch 1 with 8 steps of gradient accumulation",
    "4-bit base (QLoRA)",
    "sequences of 1024 tokens",
    "sequences of 512 tokens",
    "paged 8-bit AdamW",
    "flash attention",
    "fused cross-entropy (Liger)",
    "sharding over 2 GPUs (FSDP)",
)


def _settings(**flags: Any) -> TrainingSettings:
    start: dict[str, Any] = {
        "method": "lora",
        "micro_batch": 8,
        "seq_len": 2048,
        "checkpointing": "none",
        "attention": "eager",
    }
    return settings_of(**(start | flags))


def test_the_ladder_stands_in_its_order() -> None:
    changes = [change for change, _ in list_changes(_settings())]
    assert changes[: len(LADDER)] == list(LADDER)


def test_the_plan_stops_at_the_first_change_that_fits() -> None:
    plan = plan_fit(make_model(), _settings(), find_gpu("4090"))
    assert plan.verdict == "fits"
    assert [step.verdict == "fits" for step in plan.steps] == [False] * (len(plan.steps) - 1) + [True]
    assert [step.change for step in plan.steps] == [one for one in LADDER if one in {s.change for s in plan.steps}]


def test_what_each_step_saves_adds_up() -> None:
    model, settings = make_model(), _settings()
    before = estimate_vram(model, settings).allocated_bytes.value
    plan = plan_fit(model, settings, find_gpu("T4"))
    assert plan.steps
    assert all(step.saves_bytes > 0 for step in plan.steps)
    assert before - sum(step.saves_bytes for step in plan.steps) == plan.steps[-1].estimate.allocated_bytes.value


def test_a_run_that_fits_needs_no_change_and_shows_how_far_it_could_go() -> None:
    model, gpu = make_model(), find_gpu("A100 80GB")
    settings = _settings(method="qlora", micro_batch=1, checkpointing="full", attention="flash")
    plan = plan_fit(model, settings, gpu)
    assert plan.steps == ()
    assert plan.largest_micro_batch >= 1
    batch, length = plan.largest_micro_batch, plan.largest_seq_len
    for at_most in (replace(settings, micro_batch=batch), replace(settings, seq_len=length)):
        assert judge(estimate_vram(model, at_most), gpu) == "fits"
    for beyond in (replace(settings, micro_batch=batch * 34 // 32 + 1), replace(settings, seq_len=length * 34 // 32)):
        assert judge(estimate_vram(model, beyond), gpu) != "fits"


def test_what_cannot_fit_is_said() -> None:
    plan = plan_fit(make_model(num_hidden_layers=2000), _settings(), find_gpu("GTX 1060"))
    assert plan.verdict == "does_not_fit"
    assert (plan.largest_micro_batch, plan.largest_seq_len) == (0, 0)


def test_activations_that_were_larger_than_estimated_need_more_steps() -> None:
    model, settings, gpu = make_model(), _settings(), find_gpu("4090")
    assert len(plan_fit(model, settings, gpu, scale=3.0).steps) >= len(plan_fit(model, settings, gpu).steps)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_no_rung_is_offered_twice(method: str) -> None:
    settings = _settings(method=method)
    for _, change in list_changes(settings):
        settings = change(settings)
    names = [name for name, _ in list_changes(settings)]
    assert all(name.startswith("sequences") for name in names)
