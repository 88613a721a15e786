"""Configs of random small models, and what PEFT itself says about them."""

import random
import re
import warnings
from collections.abc import Sequence
from typing import Any

from tools.adaptation import Adaptation
from tools.config_values import model_defaults
from tools.meta_device import build_on_meta
from tools.modules import Module

MASKED = {"bert": "BertForMaskedLM", "roberta": "RobertaForMaskedLM", "xlm-roberta": "XLMRobertaForMaskedLM"}
MIXTURES = {
    **dict.fromkeys(("mixtral", "granitemoe", "gpt_oss", "phimoe", "llama4_text", "qwen3_moe"), "num_local_experts"),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "glm4_moe"), "n_routed_experts"),
}
_NO_SWITCHES = ("tie_word_embeddings", "is_decoder", "add_cross_attention")


def seeded(seed: int) -> random.Random:
    """The same chance in every run."""
    return random.Random(seed)  # noqa: S311 - it draws models, no secrets


def vary_config(model_type: str, chance: random.Random) -> dict[str, Any]:
    """A small config of this architecture: sizes, heads, switches and tying by chance."""
    defaults = model_defaults()[model_type]
    heads, layers = chance.choice([2, 4, 6, 8]), chance.choice([1, 2, 3])
    config: dict[str, Any] = {
        "model_type": model_type,
        "hidden_size": heads * chance.choice([16, 32]),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": chance.randrange(16, 300),
        "vocab_size": chance.randrange(100, 5000),
        "tie_word_embeddings": chance.random() < 0.5,
        "pad_token_id": 0,
    }
    if "num_key_value_heads" in defaults:
        config["num_key_value_heads"] = chance.choice([n for n in (1, 2, 3, 4, 6, 8) if heads % n == 0])
    if "head_dim" in defaults and chance.random() < 0.5:
        config["head_dim"] = chance.choice([16, 32, 48])
    for key, value in defaults.items():
        if isinstance(value, bool) and key not in _NO_SWITCHES:
            config[key] = chance.random() < 0.5
    _vary_mixture(config, defaults, chance)
    _respell(config, chance)
    return config


def _vary_mixture(config: dict[str, Any], defaults: dict[str, Any], chance: random.Random) -> None:
    if defaults.get("num_experts"):
        config[MIXTURES.get(config["model_type"], "num_experts")] = chance.choice([2, 4, 8])
        config["num_experts_per_tok"] = 2
    for key in ("moe_intermediate_size", "shared_expert_intermediate_size", "q_lora_rank", "kv_lora_rank"):
        if key in defaults:
            config[key] = chance.randrange(8, 64)
    if "q_lora_rank" in defaults and chance.random() < 0.4:
        config["q_lora_rank"] = None
    choices: dict[str, list[Any]] = {
        "n_shared_experts": [1, 2],
        "first_k_dense_replace": [0, 1, 2],
        "decoder_sparse_step": [1, 2],
        "mlp_only_layers": [[], [0], [1]],
        "interleave_moe_layer_step": [1, 2],
    }
    config |= {key: chance.choice(values) for key, values in choices.items() if key in defaults}


def _respell(config: dict[str, Any], chance: random.Random) -> None:
    """Bring the sizes to the names that the architecture's own configs use."""
    model_type, hidden, layers = config["model_type"], config["hidden_size"], config["num_hidden_layers"]
    if model_type in MASKED:
        config["architectures"] = [MASKED[model_type]]
    if model_type in ("t5", "mt5"):
        config |= {"d_ff": config.pop("intermediate_size"), "d_kv": config.pop("head_dim", 24), "num_layers": layers}
        config |= {"num_decoder_layers": chance.choice([1, 2, None]), "tie_word_embeddings": True}
        config |= {"feed_forward_proj": chance.choice(["relu", "gated-gelu"])}
        del config["num_hidden_layers"]
    if model_type == "gpt_neo":
        config |= {"attention_types": [[["global"], layers]], "num_layers": config.pop("num_hidden_layers")}
        config["num_heads"] = config.pop("num_attention_heads")
    if model_type == "opt":
        config |= {"ffn_dim": config.pop("intermediate_size"), "word_embed_proj_dim": chance.choice([hidden, 40])}
    if model_type == "falcon":
        config |= {
            "num_kv_heads": config.pop("num_key_value_heads"),
            "ffn_hidden_size": config.pop("intermediate_size"),
        }
    if model_type in ("gpt2", "gpt_bigcode", "gptj", "codegen"):
        config |= {"n_inner": config.pop("intermediate_size"), "rotary_dim": 8}
    if model_type in ("bloom", "mpt"):
        del config["intermediate_size"]


def vary_adaptation(modules: Sequence[Module], chance: random.Random) -> Adaptation:
    """LoRA or one of its kin, or IA3, on targets by chance."""
    leaves = {module.name.rsplit(".", 1)[-1] for module in modules if module.kind == "linear"}
    names = sorted(leaf for leaf in leaves if not leaf.isdigit())
    chosen = tuple(chance.sample(names, chance.randint(1, len(names))))
    if chance.random() < 0.15:
        return Adaptation("ia3", targets=chosen, feedforward=chosen[:1])
    table = next(module.name.rsplit(".", 1)[-1] for module in modules if module.role == "token_embedding")
    pattern = r".*\.(" + "|".join(map(re.escape, chosen[:2])) + ")"
    options: list[str | tuple[str, ...]] = [chosen, chosen, "all-linear", pattern, (*chosen, table)]
    targets = chance.choice(options)
    is_list = isinstance(targets, tuple)
    return Adaptation(
        chance.choice(["lora", "lora", "rslora", "dora"]),
        rank=chance.choice([1, 2, 3, 8, 16, 64]),
        targets=targets,
        layers=(chance.randrange(2),) if is_list and chance.random() < 0.2 else None,
        saved=chance.choice([(), (), ("lm_head",), (table, "lm_head")]) if "lm_head" in leaves else (),
        bias=chance.choice(["none", "none", "none", "all", "lora_only"]),
    )


def count_with_peft(config: dict[str, Any], adaptation: Adaptation) -> tuple[int, int] | str:
    """(trainable, all) parameters of the model as PEFT makes it, or PEFT's refusal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return adapt_with_peft(build_on_meta("model", config), adaptation)


def adapt_with_peft(model: Any, adaptation: Adaptation) -> tuple[int, int] | str:
    """Put PEFT's adapter on a built model and count."""
    import torch
    from peft import get_peft_model

    try:
        with torch.device("meta"):
            adapted = get_peft_model(model, _peft_config(adaptation))
    except ValueError as error:
        return str(error)
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in adapted.parameters()]
    return sum(size for size, is_trained in sizes if is_trained), sum(size for size, _ in sizes)


def _peft_config(adaptation: Adaptation) -> Any:
    from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig

    targets = list(adaptation.targets) if isinstance(adaptation.targets, tuple) else adaptation.targets
    saved = list(adaptation.saved) or None
    if adaptation.method == "ia3":
        second = list(adaptation.feedforward or ())
        return IA3Config(target_modules=targets, feedforward_modules=second, modules_to_save=saved)
    if adaptation.method in ("prompt", "prefix"):
        config_class = PromptTuningConfig if adaptation.method == "prompt" else PrefixTuningConfig
        return config_class(num_virtual_tokens=adaptation.num_virtual_tokens, task_type="CAUSAL_LM")
    return LoraConfig(
        r=adaptation.rank,
        target_modules=targets,
        target_parameters=list(adaptation.parameters) or None,
        exclude_modules=list(adaptation.excluded) or None,
        use_dora=adaptation.method == "dora",
        use_rslora=adaptation.method == "rslora",
        layers_to_transform=list(adaptation.layers) if adaptation.layers else None,
        modules_to_save=saved,
        bias=adaptation.bias,
    )
