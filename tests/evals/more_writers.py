"""Writes rows of metrics as further trainers do; each function names whose format it is."""

import json
import math
from collections.abc import Sequence

from run_factory import Row, draw_bar

from evals.writers import Settings, Writer

CLOCK = "2025-03-04 05:{:02d}:{:02d}"


def clock(step: float) -> str:
    """A time of day for a step."""
    return CLOCK.format(round(step) // 60 % 60, round(step) % 60)


def write_litgpt(rows: Sequence[Row], settings: Settings) -> bytes:
    """litgpt/finetune/lora.py: the validation loss of the last evaluation stands in every line."""
    text, last = "", "n/a"
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            last = f"{row['eval_loss']:.3f}"
            text += f"iter {step}: val loss {row['eval_loss']:.4f}, val time: 1234.56 ms\n"
        else:
            text += f"Epoch {math.ceil(row['epoch'])} | iter {step} step {step} | loss train: {row['loss']:.3f}, "
            text += f"val: {last} | iter time: 548.72 ms (step)\n"
    return text.encode()


def write_swift(rows: Sequence[Row], settings: Settings) -> bytes:
    """logging.jsonl of ms-swift."""
    total = round(rows[-1]["step"])
    return "".join(swift_line(row, total) for row in rows).encode()


def swift_line(row: Row, total: int) -> str:
    """One row of ms-swift: the step is told with the total."""
    shown = {name: value for name, value in row.items() if name != "step"}
    ends = {"global_step/max_steps": f"{round(row['step'])}/{total}", "percentage": f"{100 * row['step'] / total:.2f}%"}
    return json.dumps({**shown, "memory(GiB)": 14.2, "train_speed(s/it)": 2.1, **ends, "elapsed_time": "1m 2s"}) + "\n"


def write_neox(rows: Sequence[Row], settings: Settings) -> bytes:
    """Lines of GPT-NeoX: megatron/logging.py."""
    total, text = round(rows[-1]["step"]), ""
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            text += f" validation results at iteration {step} | lm_loss value: {row['eval_loss']:.6E} | "
            text += f"lm_loss_ppl value: {math.exp(min(20.0, row['eval_loss'])):.6E} |\n"
        else:
            text += (
                f" samples/sec: 855.452 | iteration {step:8d}/{total:8d} | elapsed time per iteration (ms): 598.5 | "
            )
            text += f"learning rate: {row['learning_rate']:.3E} | approx flops per GPU: 55.1TFLOPS | "
            text += f"lm_loss: {row['loss']:.6E} | loss scale: 4096.0 | number of skipped iterations:   0 | "
            text += "number of nan iterations:   0 |\n"
    return text.encode()


def write_nemo(rows: Sequence[Row], settings: Settings) -> bytes:
    """The bar of NeMo 1: a smoothed loss, the raw one, and the last validation loss on every frame."""
    total, frames, last, smooth, raw = round(rows[-1]["step"]), [""], "", 0.0, 0.0
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            last = f", val_loss={row['eval_loss']:.3f}"
        else:
            raw = row["loss"]
            smooth = raw if len(frames) == 1 else 0.9 * smooth + 0.1 * raw
        shown = f"loss={smooth:.3g}, v_num=0, reduced_train_loss={raw:.3f}, global_step={step}.0"
        bar = f"Epoch 0: {draw_bar(step, total)[:-1]}, {shown}, consumed_samples={8 * step}.0{last}]"
        frames.append(bar if step else "")
    return ("\r".join(frames) + "\n").encode()


def write_composer(rows: Sequence[Row], settings: Settings) -> bytes:
    """Blocks of Composer and llm-foundry: composer/loggers/console_logger.py."""
    total, text = round(rows[-1]["step"]), ""
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            text += "[Eval batch=20/20] Eval on eval data:\n"
            text += f"\t Eval metrics/eval/LanguageCrossEntropy: {row['eval_loss']:.4f}\n"
        else:
            text += f"[batch={step}/{total}]:\n\t Train time/batch: {step - 1}\n"
            text += f"\t Train trainer/device_train_microbatch_size: 4\n\t Train loss/train/total: {row['loss']:.4f}\n"
            text += f"\t Train metrics/train/LanguageCrossEntropy: {row['loss']:.4f}\n"
    return text.encode()


def write_xtuner(rows: Sequence[Row], settings: Settings) -> bytes:
    """Lines of mmengine's LoggerHook, as XTuner prints them."""
    total, text = round(rows[-1]["step"]), ""
    for row in rows:
        if "loss" in row:
            text += f"{clock(row['step'])[5:].replace('-', '/')} - mmengine - INFO - Iter(train) "
            text += f"[{round(row['step']):4d}/{total}]  lr: {row['learning_rate']:.4e}  eta: 1:42:16  time: 3.0543  "
            text += f"data_time: 0.0190  memory: 13995  loss: {row['loss']:.4f}  grad_norm: {row['grad_norm']:.4f}\n"
    return text.encode()


def write_fairseq(rows: Sequence[Row], settings: Settings) -> bytes:
    """Lines of fairseq: fairseq/logging/progress_bar.py."""
    total, text = round(rows[-1]["step"]), ""
    for row in rows:
        step, epoch = round(row["step"]), math.ceil(row["epoch"])
        if "eval_loss" in row:
            text += f"{clock(step)} | INFO | valid | epoch {epoch:03d} | valid on 'valid' subset | "
            text += f"loss {row['eval_loss']:.3f} | ppl 3.1 | wps 3123.1 | num_updates {step}\n"
        else:
            text += (
                f"{clock(step)} | INFO | train_inner | epoch {epoch:03d}: {step:6d} / {total} loss={row['loss']:.3f}, "
            )
            text += f"ppl=8.3, wps=3123.1, ups=0.8, wpb=4096, bsz=128, num_updates={step}, "
            text += f"lr={row['learning_rate']:.6g}, gnorm={row['grad_norm']:.3f}, train_wall=11, wall=40\n"
    return text.encode()


def write_minimind(rows: Sequence[Row], settings: Settings) -> bytes:
    """Lines of minimind's trainers."""
    total = round(rows[-1]["step"])
    return "".join(
        f"Epoch:[1/1]({round(row['step'])}/{total}), loss: {row['loss']:.4f}, logits_loss: {row['loss']:.4f}, "
        f"aux_loss: 0.0000, lr: {row['learning_rate']:.8f}, epoch_time: 116.0min\n"
        for row in rows
        if "loss" in row
    ).encode()


def write_openai(rows: Sequence[Row], settings: Settings) -> bytes:
    """The result file of hosted fine-tuning: one row a step, empty cells where nothing was validated."""
    lines = ["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"]
    for row in rows:
        step = round(row["step"])
        if "loss" in row:
            lines.append(f"{step},{row['loss']:.5f},0.71,,")
        elif lines[-1].startswith(f"{step},"):
            lines[-1] = f"{lines[-1][:-2]},{row['eval_loss']:.5f},0.7"
        else:
            lines.append(f"{step},,,{row['eval_loss']:.5f},0.7")
    return "\n".join([*lines, ""]).encode()


def write_script(rows: Sequence[Row], settings: Settings) -> bytes:
    """A script's own lines behind Python's logging."""
    text = ""
    for row in rows:
        name, value = ("val_loss", row["eval_loss"]) if "eval_loss" in row else ("train_loss", row["loss"])
        rate = f" | lr: {row['learning_rate']:.3e}" if "learning_rate" in row else ""
        text += f"{clock(row['step'])},123 - INFO - step: {round(row['step'])} | {name}: {value:.4f}{rate}\n"
    return text.encode()


def write_table(rows: Sequence[Row], settings: Settings) -> bytes:
    """Tab-separated values with a header, as an export is."""
    names = ("step", "train/loss", "train/grad_norm", "train/learning_rate", "eval/loss")
    keys = ("step", "loss", "grad_norm", "learning_rate", "eval_loss")
    lines = ["\t".join(names), *("\t".join(str(row[key]) if key in row else "" for key in keys) for row in rows)]
    return "\n".join([*lines, ""]).encode()


NO_SETTINGS = {"settings"}
FURTHER: dict[str, tuple[Writer, set[str]]] = {
    "LitGPT": (write_litgpt, {"learning_rate", "grad_norm", *NO_SETTINGS}),
    "ms-swift": (write_swift, NO_SETTINGS),
    "GPT-NeoX": (write_neox, {"grad_norm", *NO_SETTINGS}),
    "NeMo bar": (write_nemo, {"learning_rate", "grad_norm", "last eval", *NO_SETTINGS}),
    "Composer": (write_composer, {"learning_rate", "grad_norm", *NO_SETTINGS}),
    "XTuner": (write_xtuner, {"eval_loss", *NO_SETTINGS}),
    "fairseq": (write_fairseq, NO_SETTINGS),
    "minimind": (write_minimind, {"grad_norm", "eval_loss", *NO_SETTINGS}),
    "OpenAI CSV": (write_openai, {"learning_rate", "grad_norm", *NO_SETTINGS}),
    "script": (write_script, {"grad_norm", *NO_SETTINGS}),
    "TSV": (write_table, NO_SETTINGS),
}
"""A writer and what its format does not carry."""
