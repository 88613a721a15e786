"""The memory estimate: hand-worked cases, sums, and pairs that must stand in a known relation."""

import time
from typing import Any

import pytest
from vram_cases import estimate, make_model, settings_of

from tools.gpus import find_gpu
from tools.vram import estimate_vram, judge
from tools.vram_layers import Adapted, count_adapter_values
from tools.vram_logits import count_fused_rows

MISTRAL_VALUES = 7_241_732_096
LORA_VALUES = 13_631_488
"""Rank 16 on q, k, v, o of 32 layers: 16 * (2 * (4096 + 4096) + 2 * (4096 + 1024)) * 32."""

ATTENTION = "q_proj,k_proj,v_proj,o_proj"

GB = 1e9


def test_full_fine_tuning_in_pure_bf16_peaks_in_the_optimizer_step_at_ten_bytes_a_parameter() -> None:
    """Weights 2, gradients 2, two moments 4, foreach's square root 2.

    fms-acceleration's benchmark measured 72.4 GB for Mistral-7B on an A100, for micro-batches 4 and 8 alike.
    """
    found = [estimate(framework="fms", method="full", micro_batch=size, seq_len=4096) for size in (4, 8)]
    assert [one.peak_at for one in found] == ["optimizer", "optimizer"]
    assert [one.allocated_bytes.value for one in found] == [10 * MISTRAL_VALUES] * 2


def test_the_fused_optimizer_has_no_copy() -> None:
    found = estimate(framework="fms", method="full", optimizer="adamw_torch_fused", seq_len=4096)
    assert found.moments["optimizer"] == 8 * MISTRAL_VALUES


@pytest.mark.parametrize(("micro_batch", "measured"), [(4, 26.7e9), (8, 38.7e9)])
def test_lora_with_the_plain_loss_peaks_at_the_loss(micro_batch: int, measured: float) -> None:
    """The slope is 735 KB a token: 32 checkpoints of 8,192 bytes, 14 bytes for each of 32,000 logits, the last norm."""
    flags: dict[str, Any] = {"framework": "fms", "method": "lora", "rank": 16, "targets": ATTENTION, "seq_len": 4096}
    found = estimate(**flags, micro_batch=micro_batch)
    assert found.peak_at == "loss"
    assert found.allocated_bytes.value == pytest.approx(measured, rel=0.01)
    assert found.parts["logits"] == 14 * 32000 * 4096 * micro_batch


def test_adapters_of_fp32_cost_sixteen_bytes_a_value() -> None:
    found = estimate(framework="fms", method="lora", rank=16, targets=ATTENTION, optimizer="adamw_torch_fused")
    assert found.parts["adapters"] == 4 * LORA_VALUES
    assert found.parts["optimizer_states"] == 8 * LORA_VALUES
    assert found.moments["optimizer"] - found.moments["load"] == 4 * LORA_VALUES


def test_nf4_with_double_quantisation_costs_half_a_byte_and_its_constants() -> None:
    """One maximum for 64 values as a byte, and an fp32 maximum for 256 of those: QLoRA's 0.127 bits a parameter."""
    found = estimate(framework="fms", method="qlora", targets=ATTENTION)
    quantized = MISTRAL_VALUES - 2 * 32000 * 4096 - 65 * 4096
    rest = 2 * (MISTRAL_VALUES - quantized)
    assert found.parts["weights"] == quantized // 2 + rest
    assert found.parts["quantization_constants"] == pytest.approx(quantized * 0.127 / 8, rel=0.01)


def test_zero_three_on_eight_gpus_holds_sixteen_bytes_a_parameter_over_eight() -> None:
    """bf16 weights and gradients 2 + 2, fp32 master weights and moments 12: ZeRO (arXiv:1910.02054), table 1."""
    found = estimate(method="full", sharding="DeepSpeed ZeRO-3", num_gpus=8, seq_len=128, framework="transformers")
    standing = found.parts["weights"] + found.parts["optimizer_states"] + found.parts["master_weights"]
    assert standing == pytest.approx(14 * MISTRAL_VALUES / 8, rel=1e-6)
    assert found.parts["gradients"] == pytest.approx(2 * MISTRAL_VALUES / 8, rel=1e-6)


@pytest.mark.parametrize(
    "method", ["full", "lora", "dora", "qlora", "gptq", "8bit", "full dpo", "lora orpo", "lora grpo"]
)
@pytest.mark.parametrize("framework", ["trl", "fms", "litgpt", "unsloth", "torchtune"])
def test_the_parts_sum_to_the_total(method: str, framework: str) -> None:
    found = estimate(method=method, framework=framework, num_gpus=2, sharding="fsdp", evaluation_batch=2)
    assert sum(found.parts.values()) == found.smi_bytes.value
    slack, context = found.parts["allocator_slack"], found.parts["cuda_context"]
    assert found.reserved_bytes.value == found.smi_bytes.value - context
    assert found.allocated_bytes.value == found.reserved_bytes.value - slack
    assert found.allocated_bytes.value == max(found.moments.values())
    assert found.moments[found.peak_at] == found.allocated_bytes.value
    assert all(isinstance(size, int) and size >= 0 for size in found.parts.values())
    for interval in (found.allocated_bytes, found.reserved_bytes, found.smi_bytes):
        assert 0 <= interval.low <= interval.value <= interval.high


def test_double_rank_is_double_adapter_bytes() -> None:
    small, large = (estimate(method="lora", rank=rank).parts["adapters"] for rank in (8, 16))
    assert large == 2 * small


def test_dora_adds_a_magnitude_for_every_output() -> None:
    adapted = [Adapted(4096, 1024, 2, is_mlp=False, is_down=False)]
    assert count_adapter_values(adapted, 8, is_dora=True) - count_adapter_values(adapted, 8) == 2 * 4096


@pytest.mark.parametrize("sharding", ["zero1", "zero2", "zero3", "fsdp", "fsdp2"])
@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_a_shard_never_grows_with_more_gpus(sharding: str, method: str) -> None:
    sizes = [
        estimate(method=method, sharding=sharding, num_gpus=number).allocated_bytes.value for number in (2, 4, 8, 64)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_zero_three_and_fsdp_shard_the_same_states() -> None:
    standing = ("weights", "optimizer_states", "master_weights", "gradients")
    one, other = (estimate(method="full", sharding=kind, num_gpus=4, compute="master") for kind in ("zero3", "fsdp"))
    for name in standing:
        assert one.parts[name] == other.parts[name], name


@pytest.mark.parametrize("method", ["full", "lora", "dora", "qlora"])
@pytest.mark.parametrize("checkpointing", ["none", "selective", "full", "offloaded"])
@pytest.mark.parametrize("attention", ["eager", "sdpa", "flash"])
@pytest.mark.parametrize("fused_loss", ["no", "liger", "fused_ce", "chunked"])
def test_more_tokens_never_need_less(method: str, checkpointing: str, attention: str, fused_loss: str) -> None:
    flags: dict[str, Any] = {"method": method, "checkpointing": checkpointing, "attention": attention}
    flags["fused_loss"] = fused_loss
    by_length = [estimate(**flags, seq_len=length).smi_bytes.value for length in (128, 1000, 4096, 32768)]
    by_batch = [estimate(**flags, micro_batch=size).smi_bytes.value for size in (1, 2, 3, 16)]
    assert by_length == sorted(by_length)
    assert by_batch == sorted(by_batch)


def test_what_saves_memory_saves_memory() -> None:
    flags: dict[str, Any] = {"method": "lora", "micro_batch": 4, "seq_len": 4096, "checkpointing": "none"}
    flags |= {"attention": "eager", "fused_loss": "no"}
    before = estimate(**flags).allocated_bytes.value
    for change in ({"checkpointing": "full"}, {"attention": "flash"}, {"fused_loss": "liger"}, {"micro_batch": 1}):
        assert estimate(**(flags | change)).allocated_bytes.value < before, change


def test_eager_attention_grows_with_the_square_of_the_length() -> None:
    def scores(length: int) -> int:
        flags: dict[str, Any] = {"method": "lora", "checkpointing": "none", "seq_len": length}
        eager, flash = (estimate(**flags, attention=kind) for kind in ("eager", "flash"))
        return eager.parts["activations_attention"] - flash.parts["activations_attention"]

    heads, grouped = 32, 2 * 2 * (4096 - 1024) * 32
    assert scores(2048) - 2048 * grouped == 6 * heads * 2048**2 * 32
    assert scores(4096) - 4096 * grouped == 4 * (scores(2048) - 2048 * grouped)


def test_accumulation_keeps_gradients_through_the_forward_pass() -> None:
    once, twice = (estimate(method="full", accumulation=number) for number in (1, 2))
    assert twice.moments["forward"] - once.moments["forward"] == 2 * MISTRAL_VALUES


def test_paged_states_are_shown_by_the_driver_and_not_by_pytorch() -> None:
    plain, paged = (estimate(method="full", optimizer=name) for name in ("adamw_8bit", "paged_adamw_8bit"))
    assert paged.parts["paged_optimizer_states"] == plain.parts["optimizer_states"]
    assert "optimizer_states" not in paged.parts
    assert paged.allocated_bytes.value == plain.allocated_bytes.value - plain.parts["optimizer_states"]
    assert sum(paged.parts.values()) == paged.smi_bytes.value


def test_an_optimizer_that_steps_in_the_backward_pass_holds_one_gradient_at_a_time() -> None:
    found = estimate(method="full", optimizer="PagedAdamW8bit (in_bwd)", framework="torchtune", seq_len=256)
    assert found.parts.get("gradients", 0) <= 2 * 32000 * 4096
    assert found.allocated_bytes.value < 3 * MISTRAL_VALUES


def test_offloading_the_optimizer_takes_its_states_off_the_gpu() -> None:
    found = estimate(method="full", offload="optimizer")
    assert "optimizer_states" not in found.parts


def test_a_learned_position_table_ends_the_sequence() -> None:
    config: dict[str, Any] = {
        "model_type": "gpt2",
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
    }
    model = make_model(config)
    long, full = (estimate(model, method="full", seq_len=length) for length in (4096, 1024))
    assert long.settings.seq_len == 1024
    assert long.allocated_bytes == full.allocated_bytes
    assert "position table" in long.notes[0]


def test_a_mixture_trains_all_experts_and_runs_few() -> None:
    config: dict[str, Any] = {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
    sparse = estimate(make_model(**config), method="lora", checkpointing="none")
    dense = estimate(method="lora", checkpointing="none")
    assert sparse.parts["weights"] > 6 * dense.parts["weights"]
    assert 2 * dense.parts["activations_mlp"] <= sparse.parts["activations_mlp"] < 3 * dense.parts["activations_mlp"]


def test_liger_cuts_the_inputs_so_that_a_piece_of_logits_is_no_larger_than_they_are() -> None:
    """16,384 tokens, 128,256 / 4,096 rounded up is 32 pieces of 512."""
    assert count_fused_rows(16384, 128256, 4096) == 512
    assert count_fused_rows(3, 1000, 4096) == 3


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [
        ({"method": "qlora", "checkpointing": "full", "fused_loss": "liger", "seq_len": 512}, "fits"),
        ({"method": "full", "seq_len": 512}, "does_not_fit"),
        ({"method": "lora", "seq_len": 4096, "packing": "yes", "micro_batch": 3, "fused_loss": "no"}, "tight"),
    ],
)
def test_the_verdict_for_a_gpu_of_24_gib(flags: dict[str, Any], verdict: str) -> None:
    assert judge(estimate(**flags), find_gpu("3090")) == verdict


def test_a_run_whose_length_is_a_guess_needs_twice_the_room() -> None:
    flags: dict[str, Any] = {"method": "lora", "micro_batch": 1}
    known, guessed = estimate(**flags, seq_len=1024), estimate(**flags, seq_len=None)
    assert guessed.settings.is_length_assumed
    assert guessed.allocated_bytes.value == known.allocated_bytes.value
    assert guessed.allocated_bytes.high > known.allocated_bytes.high


def test_the_allocator_keeps_no_more_than_the_gpu_has() -> None:
    gpu = find_gpu("A100 80GB")
    flags: dict[str, Any] = {"framework": "fms", "method": "lora", "micro_batch": 20, "seq_len": 4096}
    free = estimate(**flags)
    capped = estimate(**flags, capacity_bytes=gpu.usable_bytes)
    assert free.smi_bytes.value > gpu.usable_bytes >= capped.smi_bytes.value
    assert capped.allocated_bytes.value == free.allocated_bytes.value


def test_a_warm_estimate_takes_two_milliseconds() -> None:
    model = make_model()
    settings = settings_of(model, method="qlora")
    estimate_vram(model, settings)
    times = []
    for _ in range(20):
        started = time.perf_counter()
        estimate_vram(model, settings)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.002


@pytest.mark.parametrize(
    ("config", "attention", "expected"),
    [
        ({"model_type": "bloom", "n_head": 16}, "flash", "eager"),
        ({"model_type": "gemma2"}, "sdpa", "eager"),
        ({"model_type": "gemma2"}, "flash", "flash"),
        ({"model_type": "mistral"}, "sdpa", "sdpa"),
    ],
)
def test_code_without_a_kernel_holds_all_scores(config: dict[str, Any], attention: str, expected: str) -> None:
    found = estimate(make_model(**config), method="lora", attention=attention)
    assert found.settings.attention == expected
    assert any("holds all scores" in note for note in found.notes) == (expected != attention)


@pytest.mark.parametrize(("activation", "copies"), [("gelu", 2), ("gelu_new", 5), ("relu", 1)])
def test_an_activation_keeps_what_its_code_keeps(activation: str, copies: int) -> None:
    """Full fine-tuning also keeps the last matrix's input, which is ReLU's own result."""
    config: dict[str, Any] = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}
    config |= {"vocab_size": 50257, "activation_function": activation}
    found = estimate(make_model(config), method="full", checkpointing="none", seq_len=1024, micro_batch=16)
    assert found.parts["activations_mlp"] == copies * 2 * 4 * 768 * 12 * 1024 * 16
