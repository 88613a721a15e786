"""Counts against transformers and PEFT themselves, on the meta device: the difference is 0 everywhere."""

import json
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from model_variations import MASKED, adapt_with_peft, count_with_peft, seeded, vary_adaptation, vary_config

from tools.adaptation import Adaptation
from tools.adapter_defaults import IA3_DEFAULTS, LORA_DEFAULTS
from tools.architectures import CLOSED_FORMS
from tools.architectures.remote import REMOTE
from tools.config_sizes import shape_from_config
from tools.config_values import ALIASES, model_defaults
from tools.errors import BadInput
from tools.meta_device import build_on_meta, read_modules
from tools.model_config import load_model_shape
from tools.modules import Module
from tools.parameters import count_parameters, model_modules
from tools.stacked_targets import STACKED_STYLES
from tools.targets import numbers_of

BUILDABLE = tuple(name for name in CLOSED_FORMS if name not in REMOTE)
VARIATIONS = 320
ALL_LINEAR = Adaptation("lora", rank=8, targets="all-linear")


def spread(modules: Any) -> dict[str, tuple[object, ...]]:
    """Every module of every layer by its full name, with all that counts depend on."""
    return {module.name_in(number): _facts(module) for module in modules for number in numbers_of(module)}


def _facts(module: Module) -> tuple[object, ...]:
    tensors, tied = tuple(sorted(module.tensors)), tuple(sorted(module.tied))
    return module.kind, module.d_out, module.d_in, tensors, tied, module.role, module.num_experts


@cache
def variations() -> list[tuple[dict[str, Any], Adaptation]]:
    """The same random models and adaptations in every run, each architecture equally often."""
    chance, made = seeded(4), []
    for index in range(VARIATIONS):
        config = vary_config(BUILDABLE[index % len(BUILDABLE)], chance)
        modules, _ = model_modules(shape_from_config("model", "file", config))
        made.append((config, vary_adaptation(modules, chance)))
    return made


@pytest.mark.parametrize("model_type", BUILDABLE)
def test_closed_forms_list_the_modules_that_transformers_builds(model_type: str) -> None:
    for config, _ in variations():
        if config["model_type"] == model_type:
            shape = shape_from_config("model", "file", config)
            built = read_modules(build_on_meta("model", config), num_experts=shape.num_experts)
            modules, how = model_modules(shape)
            assert how == "closed_form"
            assert spread(modules) == spread(built), config


@pytest.mark.parametrize("part", range(8))
def test_random_models_with_random_adapters_count_as_peft_counts(part: int) -> None:
    num_refused = 0
    for config, adaptation in variations()[part::8]:
        theirs = count_with_peft(config, adaptation)
        try:
            count = count_parameters(shape_from_config("model", "file", config), adaptation)
        except BadInput:
            assert isinstance(theirs, str), (config, adaptation)
            num_refused += 1
        else:
            assert (count.trainable, count.total) == theirs, (config, adaptation)
    assert num_refused <= VARIATIONS // 8 // 4


VISION = (
    "google/gemma-3-4b-it",
    "Qwen/Qwen2-VL-2B-Instruct",
    "Qwen/Qwen2.5-VL-7B-Instruct",
    "Qwen/Qwen3-VL-8B-Instruct",
    "mistralai/Mistral-Small-3.1-24B-Instruct-2503",
    "mistralai/Ministral-3-3B-Instruct-2512",
    "meta-llama/Llama-4-Maverick-17B-128E",
)


@pytest.mark.parametrize("name", VISION)
def test_models_over_images_have_the_modules_that_transformers_builds(name: str) -> None:
    config = json.loads(json.dumps(dict(load_model_shape(name).config)))
    config["text_config"]["num_hidden_layers"] = 2
    config["vision_config"]["depth" if "depth" in config["vision_config"] else "num_hidden_layers"] = 3
    config["vision_config"].pop("deepstack_visual_indexes", None)
    config["vision_config"] |= {"deepstack_visual_indexes": [0, 2]} if "qwen3" in config["model_type"] else {}
    shape = shape_from_config(name, "file", config)
    model = build_on_meta(name, config)
    modules, how = model_modules(shape)
    assert how == "closed_form"
    assert spread(modules) == spread(read_modules(model, num_experts=shape.num_experts))
    count = count_parameters(shape, ALL_LINEAR)
    assert (count.trainable, count.total) == adapt_with_peft(model, ALL_LINEAR)


@cache
def default_models() -> tuple[dict[str, Any], dict[str, str]]:
    """Causal architectures with a config that transformers can build by default, and its reasons for the others."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    built: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        for sizes in ({"num_hidden_layers": 4}, {}):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    config = AutoConfig.for_model(model_type, **sizes)
                    config = json.loads(json.dumps(config.to_dict()))
                    built[model_type] = (config, build_on_meta(model_type, config))
                refused.pop(model_type, None)
                break
            except Exception as error:  # noqa: BLE001 - what transformers cannot build, it says with errors of any kind
                refused[model_type] = f"{type(error).__name__}: {error}"
    return built, refused


def test_every_causal_architecture_counts_as_transformers_and_peft_count(
    record_property: Callable[[str, object], None],
) -> None:
    built, refused = default_models()
    record_property("transformers cannot build", refused)
    assert len(built) >= 150
    wrong = []
    for model_type, (config, model) in built.items():
        shape = shape_from_config(model_type, "file", config)
        base = sum(parameter.numel() for parameter in model.parameters())
        count, adapted = count_parameters(shape), count_parameters(shape, ALL_LINEAR)
        theirs = adapt_with_peft(model, ALL_LINEAR)
        is_refused = isinstance(theirs, str) and "incompatible with Mamba" in theirs
        if count.total != base or not (is_refused or (adapted.trainable, adapted.total) == theirs):
            wrong.append((model_type, count.how, count.total, base, adapted.trainable, theirs))
    assert not wrong


def test_defaults_are_those_of_the_library() -> None:
    from transformers import CONFIG_MAPPING

    for model_type, defaults in model_defaults().items():
        config = CONFIG_MAPPING[model_type]
        for key, value in defaults.items():
            names = [name for name in (key, *ALIASES.get(key, ())) if hasattr(config, name)]
            found = config().tie_word_embeddings if key == "tie_word_embeddings" else getattr(config, names[0], value)
            assert found == value or callable(found) or isinstance(found, property), (model_type, key)


def test_stacked_experts_are_those_whose_targets_peft_renames() -> None:
    from peft.utils.transformers_weight_conversion import _MODEL_TO_CONVERSION_PATTERN
    from transformers import CONFIG_MAPPING

    styles = {"mixtral": "mixtral", "qwen2_moe": "qwen"}
    theirs = {key: styles[base] for key, base in _MODEL_TO_CONVERSION_PATTERN.items() if base in styles}
    assert {key: style for key, style in theirs.items() if key in CONFIG_MAPPING} == {
        key: style for key, style in STACKED_STYLES.items() if key in CONFIG_MAPPING
    }


def test_default_targets_are_those_of_peft() -> None:
    from peft.utils import constants

    lora = constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    taken = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    scaled = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    assert {key: list(names) for key, names in LORA_DEFAULTS.items()} == {key: lora[key] for key in LORA_DEFAULTS}
    for model_type, (targets, second) in IA3_DEFAULTS.items():
        assert (set(targets), set(second)) == (set(taken[model_type]), set(scaled[model_type])), model_type


@pytest.mark.parametrize(
    ("model_type", "targets", "parameters"),
    [
        ("mixtral", ("q_proj", "w1", "w2", "w3"), ()),
        ("mixtral", r".*\.(gate|k_proj)", ()),
        ("mixtral", "all-linear", ()),
        ("qwen3_moe", ("gate_proj", "up_proj", "down_proj"), ()),
        ("qwen3_moe", r".*\.(q_proj|gate_proj|up_proj)", ()),
        ("deepseek_v3", "all-linear", ()),
        ("qwen2_moe", ("gate_proj", "up_proj", "down_proj"), ()),
        ("gpt_oss", ("q_proj",), ("experts.gate_up_proj", "experts.down_proj")),
        ("llama4_text", ("q_proj",), ("experts.down_proj",)),
        ("olmoe", ("down_proj",), ("experts.gate_up_proj",)),
    ],
)
def test_lora_on_experts_counts_as_peft_counts(
    model_type: str, targets: str | tuple[str, ...], parameters: tuple[str, ...]
) -> None:
    config = vary_config(model_type, seeded(7)) | {"num_hidden_layers": 3}
    adaptation = Adaptation("lora", rank=4, targets=targets, parameters=parameters)
    count = count_parameters(shape_from_config("model", "file", config), adaptation)
    assert (count.trainable, count.total) == count_with_peft(config, adaptation)


def test_one_of_two_matrices_stored_together_is_refused_as_peft_refuses_it() -> None:
    config = vary_config("mixtral", seeded(1))
    adaptation = Adaptation("lora", targets=("w1",))
    with pytest.raises(BadInput, match="w3"):
        count_parameters(shape_from_config("model", "file", config), adaptation)
    assert isinstance(count_with_peft(config, adaptation), str)


@pytest.mark.parametrize("method", ["prompt", "prefix"])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "qwen3", "opt", "gemma"])
def test_prompts_count_as_peft_counts(method: Any, model_type: str) -> None:
    config = vary_config(model_type, seeded(3))
    adaptation = Adaptation(method, num_virtual_tokens=7)
    count = count_parameters(shape_from_config("model", "file", config), adaptation)
    assert (count.trainable, count.total) == count_with_peft(config, adaptation)


def test_masked_models_are_built_by_the_class_they_name() -> None:
    for model_type, name in MASKED.items():
        config = vary_config(model_type, seeded(2))
        assert type(build_on_meta("model", config)).__name__ == name
