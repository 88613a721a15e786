"""Settings as logs print them: banners, flags, dictionaries, YAML and the printed TrainingArguments."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settings_factory import logged, read_log, values_of

from tools.log_formats.setting_names import KINDS
from tools.log_formats.settings import CONFIG_NAMES, read_value

BANNER = """***** Running training *****
  Num examples = 52,002
  Num Epochs = 3
  Instantaneous batch size per device = 4
  Total train batch size (w. parallel, distributed & accumulation) = 16
  Gradient Accumulation steps = 4
  Total optimization steps = 9,750
  Number of trainable parameters = 4,194,304
"""
ARGUMENTS = """TrainingArguments(
_n_gpu=1,
adam_beta1=0.9,
bf16=True,
data_seed=None,
eval_strategy=steps,
eval_steps=50,
fp16=False,
gradient_accumulation_steps=8,
gradient_checkpointing=True,
learning_rate=5e-05,
logging_steps=10,
lr_scheduler_type=linear,
max_grad_norm=1.0,
max_steps=-1,
num_train_epochs=3.0,
optim=adamw_torch,
per_device_eval_batch_size=8,
per_device_train_batch_size=2,
save_steps=500,
seed=42,
warmup_ratio=0.03,
warmup_steps=0,
weight_decay=0.1,
)
"""


def test_the_banner_of_the_trainer_is_read() -> None:
    assert logged(BANNER) == {
        "num_examples": 52002,
        "num_train_epochs": 3,
        "per_device_train_batch_size": 4,
        "total_train_batch_size": 16,
        "gradient_accumulation_steps": 4,
        "total_steps": 9750,
        "trainable_parameters": 4194304,
    }


def test_the_parameter_count_of_peft_is_read() -> None:
    text = "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622\n"
    assert logged(text) == {"trainable_parameters": 4194304, "all_parameters": 6742609920}


def test_several_settings_may_share_a_banner_line() -> None:
    assert values_of("   \\\\   /|    Num examples = 1,000 | Num Epochs = 1 | Total steps = 60") == {
        "num_examples": 1000,
        "num_train_epochs": 1,
        "total_steps": 60,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bf16", True),
        ("eval_steps", 50),
        ("eval_strategy", "steps"),
        ("fp16", False),
        ("gradient_accumulation_steps", 8),
        ("gradient_checkpointing", True),
        ("learning_rate", 5e-05),
        ("lr_scheduler_type", "linear"),
        ("max_grad_norm", 1.0),
        ("max_steps", -1),
        ("num_train_epochs", 3),
        ("optim", "adamw_torch"),
        ("per_device_eval_batch_size", 8),
        ("per_device_train_batch_size", 2),
        ("seed", 42),
        ("warmup_ratio", 0.03),
        ("warmup_steps", 0),
        ("weight_decay", 0.1),
    ],
)
def test_the_printed_training_arguments_are_read(name: str, value: float | str | bool) -> None:
    assert logged(ARGUMENTS).get(name) == value


VALUES: dict[str, tuple[str, float | str | bool]] = {"number": ("1", 1), "truth": ("True", True), "list": ("[a]", "a")}
WORDS = {
    "lr_scheduler_type": "cosine",
    "optim": "adamw_torch",
    "attn_implementation": "sdpa",
    "torch_dtype": "bfloat16",
    "mixed_precision": "no",
    "adapter": "lora",
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_compute_dtype": "float16",
    "model_type": "llama",
    "model_name_or_path": "meta-llama/Llama-3.1-8B",
    "task_type": "CAUSAL_LM",
    "loss_type": "sigmoid",
    "metric_for_best_model": "eval_loss",
}


@pytest.mark.parametrize("name", sorted(CONFIG_NAMES))
def test_every_known_setting_is_found_in_a_log(name: str) -> None:
    canonical = CONFIG_NAMES[name]
    raw, value = VALUES.get(KINDS[canonical]) or (WORDS.get(canonical, "steps"),) * 2
    assert logged(f"{name}: {raw}\n") == {canonical: value}


@pytest.mark.parametrize(
    "text",
    [
        "learning_rate=2e-4",
        "learning_rate = 2e-4",
        "learning_rate: 2e-4",
        "  learning_rate: 2e-4  # higher for adapters",
        "'learning_rate': 0.0002,",
        '"learning_rate": 0.0002,',
        "learning_rate='2e-4'",
        "--learning_rate 2e-4",
        "--learning_rate=2e-4",
        "--learning_rate   2e-4 \\",
        "--learning-rate 2e-4",
        "python train.py --model m --learning_rate 2e-4 --output_dir out",
        "Namespace(model='m', learning_rate=0.0002, output='out')",
        "{'model': 'm', 'learning_rate': 0.0002, 'output': 'out'}",
        "[INFO|configuration.py:1] 2024-04-25 17:21:02,619 >>   learning_rate: 0.0002",
    ],
)
def test_a_setting_is_read_in_every_notation(text: str) -> None:
    assert values_of(text) == {"learning_rate": 2e-4}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("train.py --bf16 --learning_rate 2e-4", {"bf16": True, "learning_rate": 2e-4}),
        ("train.py --packing --max_length 2048", {"packing": True, "max_length": 2048}),
        ("train.py --gradient_checkpointing", {"gradient_checkpointing": True}),
        ("train.py --bf16 False --seed 7", {"bf16": False, "seed": 7}),
    ],
)
def test_a_flag_without_a_value_is_true_and_hides_no_other(text: str, found: dict[str, float | bool]) -> None:
    assert values_of(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "max_steps is given, it will override any value given in num_train_epochs",
        "the learning_rate was lowered by the scheduler",
        "`evaluation_strategy` is deprecated and will be removed; use `eval_strategy` instead",
        "Setting max_length to the limit of the model",
        "my_learning_rate = 1",
        "learning_rate_decay: 0.5",
        "data_seed=42",
        "optimizer: adamw",
        "learning_rate: null",
        "eval_steps=None,",
    ],
)
def test_prose_and_other_names_are_no_settings(text: str) -> None:
    assert values_of(text) == {}


def test_prose_does_not_hide_the_value_that_is_printed_later() -> None:
    text = "max_steps is given, it will override any value given in num_train_epochs\nmax_steps: 60\n"
    assert logged(text) == {"max_steps": 60}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lora_rank: 16", "lora_r", 16),
        ("lora_r: 16", "lora_r", 16),
        ("lora_target_modules: all-linear", "target_modules", "all-linear"),
    ],
)
def test_other_names_of_a_setting_give_the_hugging_face_name(text: str, name: str, value: float | str) -> None:
    assert values_of(text) == {name: value}


def test_the_value_that_was_printed_first_is_kept() -> None:
    assert logged("learning_rate: 2e-4\nmax_steps: 5\nlearning_rate: 1e-5\n") == {"learning_rate": 2e-4, "max_steps": 5}


def test_a_metric_row_is_no_setting() -> None:
    assert logged("{'loss': 1.5, 'learning_rate': 1e-08, 'epoch': 0.1}\n") == {}


def test_a_setting_knows_its_line() -> None:
    setting = read_log("start\n\n  learning_rate: 2e-4\n")["learning_rate"]
    assert (setting.line.number, setting.line.text) == (3, "  learning_rate: 2e-4")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1e-4", 1e-4),
        (" 5 ", 5.0),
        ("'cosine'", "cosine"),
        ("True", True),
        ("false", False),
        ("null", None),
        ("None", None),
        ("''", None),
    ],
)
def test_values_are_numbers_truths_or_words(raw: str, value: float | str | bool | None) -> None:
    assert read_value(raw) == value


NUMBERS = sorted(name for name in CONFIG_NAMES if KINDS[CONFIG_NAMES[name]] == "number")


@given(st.sampled_from(NUMBERS), st.floats(min_value=1e-12, max_value=1e12))
@settings(derandomize=True, database=None, deadline=None)
def test_any_number_reads_back_from_a_config_line(name: str, value: float) -> None:
    assert values_of(f"{name} = {value}") == {CONFIG_NAMES[name]: value}
