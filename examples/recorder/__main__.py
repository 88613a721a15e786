r"""Record real runs of a tiny model, each with one knob broken, as console text and as trainer_state.json.

    OMP_NUM_THREADS=1 PYTHONPATH=examples python -m recorder NAME...|all --scratch FOLDER

Each runs in a process of its own. tests/logs/recorded/NAME.log is what it wrote, both streams in their order, bars and
carriage returns included; only the path of the environment and of the scratch folder are replaced. Labels are given in
`knobs.py`, after a look at each curve. Nothing is downloaded; it needs `pip install 'ftchat[examples]'`.
"""

import argparse
import copy
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from recorder.knobs import NOT_TO_BE_SEEN, RUNS, Knobs
from recorder.preference import make_group_trainer, make_pair_trainer
from recorder.tiny_model import collate, encode, make_pairs, train_base

RECORDED = Path(__file__).parents[2] / "tests" / "logs" / "recorded"
SEED = 17
TRAIN_SEED, EVAL_SEED = 101, 202
SHARED: dict[str, Any] = {
    "seed": SEED,
    "num_train_epochs": 1,
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 32,
    "logging_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 10,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 4,
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "log_level": "info",
    "remove_unused_columns": False,
}
STOP_AT = 0.5
HEART_EPOCHS = 120
CONSOLE_DIGITS = 4


class SumTrainer(Trainer):  # type: ignore[misc]  # transformers is not typed here
    """A trainer that adds the losses of the accumulated batches up, as some scripts do."""

    def compute_loss(self, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        """The loss of one micro-batch, not divided by their number while training."""
        named.pop("num_items_in_batch", None)
        found = super().compute_loss(model, inputs, *given, **named)
        return found * self.args.gradient_accumulation_steps if model.training else found


def train(knobs: Knobs, base: Path, out: Path, *, part: int) -> None:
    """Train in this process and leave trainer_state.json in the folder."""
    set_seed(SEED + part)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    model = LlamaForCausalLM.from_pretrained(base, dtype=knobs.dtype)
    rows = make_rows(tokenizer, knobs)
    held = [encode(tokenizer, pair, knobs.max_tokens) for pair in make_pairs(knobs.make, knobs.num_eval, EVAL_SEED)]
    if knobs.fault in ("validation_in_training", "answers_known"):
        held = rows[: knobs.num_eval]
    if knobs.fault == "answers_known":
        learn_by_heart(model, rows)
    if knobs.rank:
        lora = LoraConfig(r=knobs.rank, lora_alpha=knobs.alpha, target_modules=knobs.targets, task_type="CAUSAL_LM")
        model = get_peft_model(model, lora)
    arguments = {"output_dir": str(out), **SHARED, **knobs.arguments, **saving(knobs, len(rows))}
    if knobs.kind == "tune":
        kind = SumTrainer if knobs.fault == "loss_summed" else Trainer
        settings = TrainingArguments(**arguments)
        trainer = kind(model=model, args=settings, train_dataset=rows, eval_dataset=held, data_collator=collate)
    else:
        make_trainer = make_pair_trainer if knobs.kind == "dpo" else make_group_trainer
        trainer = make_trainer(model, tokenizer, knobs, arguments)
    tell_settings(knobs, trainer.args, model, len(rows))
    break_trainer(trainer, knobs, len(rows), part)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(out)) if part else None)
    trainer.save_state()


def make_rows(tokenizer: Any, knobs: Knobs) -> list[dict[str, list[int]]]:
    """The training rows, broken as the knobs say."""
    pairs = make_pairs(knobs.make, knobs.num_train, TRAIN_SEED)
    return knobs.change_rows([encode(tokenizer, pair, knobs.max_tokens) for pair in pairs])


def learn_by_heart(model: Any, rows: Sequence[dict[str, list[int]]]) -> None:
    """Train on the rows beforehand, so that the run that is recorded starts from known answers."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(HEART_EPOCHS):
        for start in range(0, len(rows), 16):
            model(**collate(list(rows[start : start + 16]))).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()


def saving(knobs: Knobs, num_rows: int) -> dict[str, Any]:
    """Arguments that keep a checkpoint half-way, where the run is to be resumed."""
    if knobs.fault != "resumed_without_weights":
        return {}
    return {"save_strategy": "steps", "save_steps": round(STOP_AT * num_rows / SHARED["per_device_train_batch_size"])}


def tell_settings(knobs: Knobs, settings: Any, model: Any, num_rows: int) -> None:
    """Print the settings as a training script does."""
    names = (*SHARED, "learning_rate", "gradient_accumulation_steps", "weight_decay", "max_grad_norm", "optim", "fp16")
    shown = {key: value for key, value in settings.to_dict().items() if key in (*names, "bf16")}
    del shown["report_to"], shown["use_cpu"], shown["log_level"], shown["remove_unused_columns"]
    if knobs.rank:
        shown |= {"lora_r": knobs.rank, "lora_alpha": knobs.alpha, "target_modules": knobs.targets}
    shown |= {"vocab_size": model.config.vocab_size, "max_length": knobs.max_tokens, "train_rows": num_rows}
    sys.stdout.write(f"training config: {json.dumps(shown)}\n")
    if knobs.rank:
        model.print_trainable_parameters()
    sys.stdout.flush()


def break_trainer(trainer: Any, knobs: Knobs, num_rows: int, part: int) -> None:
    """Break what no argument breaks."""
    if knobs.fault == "optimiser_elsewhere":
        elsewhere = copy.deepcopy([one for one in trainer.model.parameters() if one.requires_grad])
        trainer.optimizer = torch.optim.AdamW(elsewhere, lr=knobs.arguments["learning_rate"])
    if knobs.fault == "schedule_ends_early":
        last = num_rows // SHARED["per_device_train_batch_size"] // 5
        trainer.create_optimizer()
        trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            trainer.optimizer, lambda step: max(0.0, 1 - step / last)
        )
    if knobs.fault == "resumed_without_weights":
        if part:
            trainer._load_from_checkpoint = keep_fresh_weights
        else:
            trainer.add_callback(StopHalfWay())


def keep_fresh_weights(*_: Any, **__: Any) -> None:
    """Load nothing, where the weights of the checkpoint should have been loaded."""


class StopHalfWay(TrainerCallback):  # type: ignore[misc]  # transformers is not typed here
    """Ends the first part of a run."""

    def on_step_end(self, _settings: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop where the run is to be resumed."""
        control.should_training_stop = state.global_step >= STOP_AT * state.max_steps


def record(name: str, scratch: Path, folder: Path) -> None:
    """Run one training, or its two parts, in processes of their own and keep the log and the state file."""
    out, console = scratch / name, scratch / f"{name}.console"
    shutil.rmtree(out, ignore_errors=True)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    started = time.monotonic()
    with console.open("wb") as stream:
        for part in range(2 if RUNS[name].fault == "resumed_without_weights" else 1):
            command = [sys.executable, "-m", "recorder", name, "--scratch", str(scratch), "--part", str(part)]
            subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, check=True)
    folder.mkdir(parents=True, exist_ok=True)
    log = console.read_bytes().replace(sys.prefix.encode(), b"/venv").replace(str(scratch).encode(), b"/scratch")
    (folder / f"{name}.log").write_bytes(log)
    shutil.copyfile(out / "trainer_state.json", folder / f"{name}.trainer_state.json")
    sys.stdout.write(f"{name}: {time.monotonic() - started:.0f} s\n")


def write_index(folder: Path) -> None:
    """Write what is wrong with each recorded run, for the graders."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".log", ".json"))
    entries = [make_entry(path, RUNS[path.name.partition(".")[0]]) for path in files if ".golden" not in path.name]
    (folder / "index.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")


def make_entry(path: Path, knobs: Knobs) -> dict[str, Any]:
    """One line of the index."""
    is_seen = knobs.is_seen_in_state or path.suffix != ".json"
    told = {"either": knobs.either, "fair": knobs.fair} if is_seen else {}
    labels = (knobs.labels or ("healthy",)) if is_seen else NOT_TO_BE_SEEN
    facts = {"facts": count_rows(path)}
    return {"file": path.name, "labels": labels, **{key: value for key, value in told.items() if value}, **facts}


def count_rows(path: Path) -> dict[str, float]:
    """The plain numbers of a run, from the rows of its state file; the console of transformers 5 shows four digits."""
    state = path.with_name(f"{path.name.partition('.')[0]}.trainer_state.json")
    rows = json.loads(state.read_text(encoding="utf-8"))["log_history"]
    digits = CONSOLE_DIGITS if "'loss': '" in path.read_text(encoding="utf-8") else 17
    losses = [row["loss"] for row in rows if "loss" in row]
    evals = [(float(f"{row['eval_loss']:.{digits}g}"), row["step"]) for row in rows if "eval_loss" in row]
    finite = [pair for pair in evals if math.isfinite(pair[0])]
    facts = {"n_points": len(losses), "first_loss": losses[0], "last_loss": losses[-1]}
    if finite:
        facts |= {"min_eval_loss": min(finite)[0], "min_eval_step": min(finite)[1], "last_eval_loss": finite[-1][0]}
    return facts


def main() -> None:
    """Record what the command line names."""
    parser = argparse.ArgumentParser(description="Record real runs with one knob broken each.")
    parser.add_argument("names", nargs="+", choices=[*RUNS, "all"])
    parser.add_argument("--scratch", type=Path, required=True, help="folder for the base model and for checkpoints")
    parser.add_argument("--folder", type=Path, default=RECORDED, help="folder for the logs")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    base = given.scratch / "base"
    train_base(base)
    for name in RUNS if "all" in given.names else given.names:
        if given.part is None:
            record(name, given.scratch, given.folder)
        else:
            train(RUNS[name], base, given.scratch / name, part=given.part)
    if given.part is None:
        write_index(given.folder)


if __name__ == "__main__":
    main()
