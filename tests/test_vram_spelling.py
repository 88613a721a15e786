"""Settings in the spellings of trainers, tables and people."""

from typing import Any

import pytest
from vram_cases import make_model, settings_of

from tools.errors import BadInput
from tools.vram_frameworks import FRAMEWORKS, find_framework
from tools.vram_matrices import find_adapted, read_targets
from tools.vram_optimizers import OPTIMIZERS, find_optimizer


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"method": "full"}, {"adapter": "none", "quantization": "none"}),
        ({"method": "qlora"}, {"adapter": "lora", "quantization": "nf4"}),
        ({"method": "lora (8-bit base)"}, {"adapter": "lora", "quantization": "int8"}),
        ({"method": "qlora", "quant": "gptq-int4"}, {"quantization": "gptq"}),
        ({"method": "lora", "weights": "4bit"}, {"quantization": "nf4"}),
        ({"method": "lora", "weights": "bfloat16"}, {"weights": "bf16", "quantization": "none"}),
        ({"method": "lora", "weights": "float32"}, {"weights": "fp32"}),
        ({"method": "dora"}, {"adapter": "dora"}),
        ({"method": "rslora"}, {"adapter": "lora"}),
        ({"method": "lora + trainable embedding & lm_head"}, {"modules_to_save": "embed_tokens"}),
        ({"compute": "bfloat16 (no autocast)"}, {"compute": "pure"}),
        ({"compute": "bfloat16 (no AMP); adapter params fp32"}, {"compute": "pure"}),
        ({"compute": "fp16 autocast"}, {"compute": "autocast"}),
        ({"method": "full", "sharding": "DeepSpeed ZeRO-3", "num_gpus": 2}, {"compute": "master", "sharding": "zero3"}),
        ({"sharding": "FSDP full shard (accelerate)", "num_gpus": "2"}, {"sharding": "fsdp", "num_gpus": 2}),
        ({"sharding": "FSDP2", "num_gpus": 4}, {"sharding": "fsdp2"}),
        ({"sharding": "FSDP full shard (accelerate)"}, {"sharding": "none"}),
        ({"checkpointing": "yes"}, {"checkpointing": "full"}),
        ({"checkpointing": True}, {"checkpointing": "full"}),
        ({"checkpointing": False}, {"checkpointing": "none"}),
        ({"checkpointing": "yes (unsloth offloaded)"}, {"checkpointing": "offloaded"}),
        ({"attention": "flash_attention_2"}, {"attention": "flash"}),
        ({"attention": "transformers default"}, {"attention": "sdpa"}),
        ({"fused_loss": True}, {"loss": "fused_linear"}),
        ({"fused_loss": "liger"}, {"loss": "fused_linear", "fused_layers": "all"}),
        ({"fused_loss": "fused_ce"}, {"loss": "fused_cross_entropy"}),
        ({"fused_loss": "no", "framework": "unsloth"}, {"loss": "plain"}),
        ({"framework": "unsloth+TRL"}, {"framework": "unsloth", "loss": "fused_linear", "optimizer": "adamw_8bit"}),
        ({"optimizer": "paged_adamw_8bit"}, {"optimizer": "paged_adamw_8bit"}),
        ({"seq_len": "<=768"}, {"seq_len": 768, "is_length_assumed": False}),
        ({"seq_len": ""}, {"is_length_assumed": True}),
        ({"micro_batch": "4.0", "rank": "16"}, {"micro_batch": 4, "rank": 16}),
        ({"method": "full dpo"}, {"objective": "dpo", "has_reference": True}),
        ({"method": "lora grpo"}, {"objective": "grpo", "has_reference": False}),
        ({"offload": "cpu"}, {"offloads_optimizer": True, "offloads_parameters": True}),
        ({"offload": "optimizer"}, {"offloads_optimizer": True, "offloads_parameters": False}),
    ],
)
def test_a_spelling_is_understood(flags: dict[str, Any], expected: dict[str, Any]) -> None:
    settings = settings_of(**flags)
    assert {name: getattr(settings, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"method": "magic"}, "allowed are full, lora"),
        ({"rank": 0}, "rank must be a whole number from 1"),
        ({"rank": "x"}, "rank must be"),
        ({"micro_batch": -1}, "micro-batch must be"),
        ({"micro_batch": "1e999"}, "micro-batch must be"),
        ({"seq_len": 10**9}, "seq-len must be"),
        ({"dropout": 1.5}, "dropout must be"),
        ({"weights": "purple"}, "weights 'purple' is not known"),
        ({"compute": "purple"}, "compute 'purple' is not known"),
        ({"optimizer": "purple"}, "optimizer 'purple' is not known; allowed are"),
        ({"attention": "purple"}, "attention 'purple' is not known"),
        ({"checkpointing": "purple"}, "checkpointing 'purple' is not known"),
        ({"fused_loss": "purple"}, "fused-loss 'purple' is not known"),
        ({"sharding": "purple", "num_gpus": 2}, "sharding 'purple' is not known"),
        ({"quantization": "purple"}, "quantization 'purple' is not known"),
        ({"packing": "purple"}, "packing must be yes or no"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_in_one_line(flags: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as error:
        settings_of(**flags)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("adamw_torch", "adamw"),
        ("AdamW", "adamw"),
        ("adamw_torch (HF default)", "adamw"),
        ("adamw_torch_fused", "adamw_fused"),
        ("adamw_bnb_8bit", "adamw_8bit"),
        ("PagedAdamW8bit", "paged_adamw_8bit"),
        ("paged_adamw_32bit", "paged_adamw"),
        ("lion_8bit", "lion_8bit"),
        ("Adafactor", "adafactor"),
        ("SGD", "sgd"),
        ("Muon", "muon"),
        ("galore_adamw", "galore"),
    ],
)
def test_an_optimizer_is_known_by_the_names_of_its_trainers(name: str, found: str) -> None:
    assert find_optimizer(name).name == found


def test_every_optimizer_and_framework_is_found_by_its_own_name() -> None:
    assert {name: find_optimizer(name).name for name in OPTIMIZERS} == {name: name for name in OPTIMIZERS}
    names = [name for name in FRAMEWORKS if name not in ("peft_bench", "remote_2023", "llama_factory")]
    assert {name: find_framework(name).name for name in names} == {name: name for name in names}


@pytest.mark.parametrize(
    ("targets", "num_kinds"),
    [
        ("q_proj,v_proj", 2),
        ("q+k+v+o", 4),
        ("all-linear", 7),
        ("", 2),
        ("gate_proj+up_proj+down_proj", 3),
        ("query,value,projection,mlp,head", 6),
        ("lora_query,lora_key", 2),
        (r".*self_attn\.(q|k)_proj", 2),
    ],
)
def test_targets_name_matrices(targets: str, num_kinds: int) -> None:
    assert len(find_adapted(make_model().modules, targets)) == num_kinds


def test_targets_that_name_nothing_are_refused_with_what_there_is() -> None:
    with pytest.raises(BadInput, match="it has down_proj, gate_proj"):
        find_adapted(make_model().modules, "c_attn")


def test_targets_of_another_family_find_the_fused_matrix() -> None:
    config = {"model_type": "gpt2", "n_embd": 768, "n_layer": 2, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
    found = find_adapted(make_model(config).modules, "q_proj,v_proj")
    assert [(one.d_out, one.d_in) for one in found] == [(2304, 768)]


def test_a_broken_regular_expression_is_refused() -> None:
    with pytest.raises(BadInput, match="no regular expression"):
        find_adapted(make_model().modules, "(q_proj")


def test_notes_in_parentheses_do_not_change_targets() -> None:
    assert read_targets("all linear (lora_target_linear)") == ("all-linear",)
