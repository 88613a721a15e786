"""Settings in the dumps, command lines and tables of many trainers; the machine; what is no setting."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settings_factory import logged, values_of

from tools.log_formats.setting_blocks import SettingReader


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "Namespace(lr=0.0003, batch_size=16, num_epochs=3, weight_decay=0.1, device='cuda')",
            {
                "learning_rate": 3e-4,
                "per_device_train_batch_size": 16,
                "num_train_epochs": 3,
                "weight_decay": 0.1,
            },
        ),
        (
            "LoraConfig(task_type='CAUSAL_LM', r=16, target_modules={'q_proj', 'v_proj'}, lora_alpha=32, "
            "lora_dropout=0.0)",
            {
                "task_type": "CAUSAL_LM",
                "lora_r": 16,
                "target_modules": "q_proj,v_proj",
                "lora_alpha": 32,
                "lora_dropout": 0,
            },
        ),
        (
            "args: SftArguments(model='Qwen/Qwen2.5-7B', lora_rank=8, eval_strategy=<IntervalStrategy.NO: 'no'>, "
            "bf16=True)",
            {"model_name_or_path": "Qwen/Qwen2.5-7B", "lora_r": 8, "eval_strategy": "no", "bf16": True},
        ),
        (
            "{'precision': 'bf16-true', 'quantize': 'bnb.nf4', 'seed': 1337, 'train': TrainArgs(global_batch_size=8, "
            "micro_batch_size=1, lr_warmup_steps=10, epochs=4, max_steps=None, max_norm=None), 'optimizer': "
            "{'init_args': {'lr': 0.0002, 'weight_decay': 0.0}}}",
            {
                "bf16": True,
                "load_in_4bit": True,
                "seed": 1337,
                "total_train_batch_size": 8,
                "per_device_train_batch_size": 1,
                "warmup_steps": 10,
                "num_train_epochs": 4,
                "learning_rate": 2e-4,
                "weight_decay": 0,
            },
        ),
        ("  lr .............................................. 0.00015", {"learning_rate": 1.5e-4}),
        ("  num_layers ...................................... 24", {"num_hidden_layers": 24}),
        ("  optimizer ....................... Adam..................updated", {"optim": "Adam"}),
        ("[INFO] [config.py:9:print]   train_micro_batch_size_per_gpu  4", {"per_device_train_batch_size": 4}),
        ("[INFO] [config.py:9:print]   bfloat16_enabled ............. True", {"bf16": True}),
        ("  bf16 ............................ {'enabled': True}...........updated", {"bf16": True}),
        (
            "+ torchrun --nproc_per_node=4 train.py --lora_target_modules q_proj v_proj --lr 1e-4 --bf16",
            {"num_gpus": 4, "target_modules": "q_proj,v_proj", "learning_rate": 1e-4, "bf16": True},
        ),
        (
            "tune run lora_finetune --config c batch_size=4 optimizer.lr=2e-5 gradient_accumulation_steps=8",
            {"per_device_train_batch_size": 4, "learning_rate": 2e-5, "gradient_accumulation_steps": 8},
        ),
        (
            "Command '['/usr/bin/python', 'train.py', '--learning_rate', '2e-4', '--fp16']' returned non-zero status.",
            {"learning_rate": 2e-4, "fp16": True},
        ),
        (
            "O^O/ \\_/ \\    Batch size per device = 2 | Gradient accumulation steps = 4",
            {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
        ),
        (
            " \"-____-\"     Trainable parameters = 41,943,040 of 8,072,204,288 (0.52% trained)",
            {"trainable_parameters": 41943040, "all_parameters": 8072204288},
        ),
        (
            "Trainable parameters: 0.071% (5.243M/7241.732M)",
            {"trainable_parameters": 5243000, "all_parameters": 7241732000},
        ),
        (
            "\\        /    Data Parallel GPUs = 2 | Total batch size (2 x 4 x 2) = 16",
            {"num_gpus": 2, "total_train_batch_size": 16},
        ),
        ("Process rank: 0, world size: 8, device: cuda:0, distributed training: True", {"world_size": 8}),
    ],
)  # fmt: skip
def test_the_dumps_of_other_trainers_give_hugging_face_names(text: str, found: dict[str, float | str | bool]) -> None:
    assert values_of(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "   \\\\   /|    Tesla T4. Num GPUs = 1. Max memory: 14.741 GB. Platform: Linux.",
            {"gpu_name": "Tesla T4", "gpu_total_bytes": round(14.741 * 2**30), "num_gpus": 1},
        ),
        (
            "==((====))==  Unsloth 2025.3.19: Fast Llama patching. Transformers: 4.50.0.",
            {"unsloth_version": "2025.3.19", "transformers_version": "4.50.0"},
        ),
        (
            "O^O/ \\_/ \\    Torch: 2.6.0+cu124. CUDA: 7.5. CUDA Toolkit: 12.4. Triton: 3.2.0",
            {"torch_version": "2.6.0+cu124", "cuda_version": "12.4"},
        ),
        ("\\        /    Bfloat16 = FALSE. FA [Xformers = 0.0.29. FA2 = False]", {"bf16_supported": False}),
        ("|   0  NVIDIA A100-SXM4-40GB       On  | 00000000:07:00.0 Off |", {"gpu_name": "NVIDIA A100-SXM4-40GB"}),
        ("| N/A   33C    P0    52W / 400W |      4MiB / 40960MiB |   0%   Default |", {"gpu_total_bytes": 40960 << 20}),
        ("GPU available: True (cuda), used: True", {"cuda_available": True}),
        ("GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-1)", {"gpu_name": "NVIDIA GeForce RTX 4090"}),
        (
            "CUDA capacity: NVIDIA H100 80GB HBM3 with 79.11GiB memory",
            {"gpu_name": "NVIDIA H100 80GB HBM3", "gpu_total_bytes": round(79.11 * 2**30)},
        ),
        ("CUDA_VISIBLE_DEVICES=0,1,2", {"num_gpus": 3}),
        ("- transformers==4.44.2", {"transformers_version": "4.44.2"}),
        ("         trl: 0.8.6", {"trl_version": "0.8.6"}),
        ("- PEFT 0.10.0", {"peft_version": "0.10.0"}),
    ],
)  # fmt: skip
def test_the_machine_and_the_versions_are_read(text: str, found: dict[str, float | str | bool]) -> None:
    assert values_of(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "    optimizer = torch.optim.AdamW(params, lr=args.lr, weight_decay=args.weight_decay)",
        "    learning_rate=args.learning_rate,",
        "    optim=optimizer, lr_scheduler_type=lr_scheduler_type, seed=seed)",
        "set learning_rate to a lower value such as 1e-5",
        "Consider gradient_accumulation_steps: raise it, and max_length: lower it",
        "learning_rate: 0.5 is too high for this model",
        "step: 10 loss: 2.31 learning_rate: 0.0001",
        "Epoch 1 | lr=0.0001, batch_size=8 | loss=2.3",
        "iteration 5: loss 2.2, learning_rate=1e-4, weight_decay=0.1",
        "RuntimeError: flash-attn requires torch==2.1.0, but you have torch 2.0.1",
        "pip install transformers==4.40.0",
        "In PyTorch 1.1.0 and later, you should call them in the opposite order",
        "use --gradient_checkpointing to save memory",
        "learning_rate: nan",
        "per_device_train_batch_size: auto",
        "num_train_epochs: -1",
    ],
)
def test_code_advice_and_metrics_are_no_settings(text: str) -> None:
    assert values_of(text) == {}


TORCHTUNE = """INFO:torchtune.utils.logging:Running LoRAFinetuneRecipe with resolved config:

batch_size: 2
checkpointer:
  _component_: torchtune.training.FullModelHFCheckpointer
dataset:
  _component_: torchtune.datasets.alpaca_dataset
  packed: true
dtype: bf16
epochs: 1
lr_scheduler:
  num_warmup_steps: 100
model:
  lora_attn_modules:
  - q_proj
  - v_proj
  lora_rank: 8
optimizer:
  _component_: torch.optim.AdamW
  lr: 0.0003
tokenizer:
  max_seq_len: 2048
"""


def test_a_setting_is_known_by_its_section() -> None:
    assert logged(TORCHTUNE) == {
        "per_device_train_batch_size": 2,
        "packing": True,
        "torch_dtype": "bf16",
        "num_train_epochs": 1,
        "warmup_steps": 100,
        "target_modules": "q_proj,v_proj",
        "lora_r": 8,
        "optim": "torch.optim.AdamW",
        "learning_rate": 3e-4,
        "max_length": 2048,
    }


def test_a_list_with_an_item_a_line_is_joined() -> None:
    modules = '  "lora_target_modules": [\n    "q_proj",\n    "k_proj"\n  ],\n'
    text = f'[INFO] config:\n{{\n  "lora_r": 8,\n{modules}  "seed": 1\n}}\n'
    assert logged(text) == {"lora_r": 8, "target_modules": "q_proj,k_proj", "seed": 1}


def test_a_batch_size_is_that_of_a_device_unless_another_name_tells() -> None:
    both = "base_model: m/m\nbatch_size: 128\nmicro_batch_size: 4\nnum_epochs: 3\n"
    assert logged("Training with params:\n" + both)["per_device_train_batch_size"] == 4
    assert logged("config:\nbatch_size: 8\nnum_epochs: 3\n")["per_device_train_batch_size"] == 8


def test_settings_of_generation_are_not_those_of_training() -> None:
    text = 'Generate config GenerationConfig {\n  "max_length": 20,\n  "seed": 1\n}\n\nmax_length: 2048\n'
    assert logged(text) == {"max_length": 2048}


def test_a_record_with_a_key_a_line_is_no_setting() -> None:
    assert (
        logged('config\n  {\n   "epoch": 0.1,\n   "grad_norm": 1.5,\n   "learning_rate": 1e-05,\n   "step": 1\n  }\n')
        == {}
    )


def test_the_search_ends_where_nothing_new_comes() -> None:
    reader = SettingReader()
    for number in range(20_001):
        list(reader.read("worker: 1 is alive", number))
    assert reader.is_idle


def test_a_product_of_numbers_is_a_number() -> None:
    assert logged("Overriding config with train.py:\ngradient_accumulation_steps = 5 * 8\n") == {
        "gradient_accumulation_steps": 40
    }


WORDS = "lr learning_rate = : -- [ ] { } ' , | .. loss 1e999 config r 0.1 true torch"
PIECES = st.sampled_from([*WORDS.split(), "\n"])


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map(" ".join), st.booleans())
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
def test_any_text_gives_finite_settings_or_none(text: str, is_config: bool) -> None:
    reader = SettingReader(is_config=is_config)
    found = [one for number, line in enumerate(text.split("\n"), 1) for one in reader.read(line, number)]
    for one in [*found, *reader.finish()]:
        assert isinstance(one.value, bool | str) or math.isfinite(one.value)


@pytest.mark.parametrize(
    "unit", ["a", "a=", "'", "[", "lr=", "a.", " --a", "1,", " .. ", "loss", "torch ", "- x: ", '"a": [', "=1"]
)
def test_a_line_of_one_mebibyte_takes_no_quadratic_time(unit: str) -> None:
    text = (unit * (1 << 20))[: 1 << 20]
    started = time.monotonic()
    list(SettingReader(is_config=True).read(text, 1))
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[INFO] checkpointing:143 >> Gradient checkpointing enabled.", {"gradient_checkpointing": True}),
        ("[INFO] >> Found linear modules: q_proj,v_proj", {"target_modules": "q_proj,v_proj"}),
        ("[INFO] >> Fine-tuning method: LoRA", {"adapter": "lora"}),
        ("Quantizing model to 4 bit with bitsandbytes.", {"load_in_4bit": True}),
        ("device: cuda:0, distributed training: False, compute dtype: torch.float16", {"fp16": True}),
        ("Using bfloat16 Automatic Mixed Precision (AMP)", {"bf16": True}),
        ("Mixed precision type: bf16", {"bf16": True}),
        ("number of parameters: 123.59M", {"all_parameters": 123590000}),
        ("6.6 M     Trainable params", {"trainable_parameters": 6600000}),
        ("0         Non-trainable params", {}),
        ("Number of non-trainable parameters: 1,100,048,384", {}),
        ("Global seed set to 42", {"seed": 42}),
        ("found vocab_size = 65 (inside data/shakespeare_char/meta.pkl)", {"vocab_size": 65}),
        ("You didn't pass a `max_seq_length` argument, this will default to 1024", {"max_length": 1024}),
        ("TrainArgs(optim=OptimArgs(lr=6e-05, pct_start=0.05), num_microbatches=1)", {"learning_rate": 6e-5}),
        ("   'optim': {'lr': 1e-06,", {"learning_rate": 1e-6}),
        ("Num processes: 4", {"world_size": 4}),
        ("Training samples: 5,000", {"num_examples": 5000}),
    ],
)
def test_what_a_trainer_says_in_words_is_read(text: str, found: dict[str, float | str | bool]) -> None:
    assert values_of(text) == found
