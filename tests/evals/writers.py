"""Writes rows of metrics as trainers write them; each function names whose format it is."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from run_factory import Row, draw_bar, render, render_state

PROMPT_COLUMNS = ("step", "epoch", "loss", "grad_norm", "learning_rate", "eval_loss")
Settings = Mapping[str, float | str]
Writer = Callable[[Sequence[Row], Settings], bytes]


def tell_settings(settings: Settings) -> str:
    """A training script's own line of settings."""
    return f"training config: {json.dumps(dict(settings))}\n" if settings else ""


def write_transformers_4(rows: Sequence[Row], settings: Settings) -> bytes:
    """Console dictionaries of floats between bars: transformers 4, ProgressCallback."""
    return tell_settings(settings).encode() + render(rows, "floats")


def write_transformers_5(rows: Sequence[Row], settings: Settings) -> bytes:
    """Console dictionaries of strings between bars: transformers 5."""
    return tell_settings(settings).encode() + render(rows, "strings")


def write_printer(rows: Sequence[Row], settings: Settings) -> bytes:
    """Console dictionaries without bars, in the lines of a job log: PrinterCallback under SLURM."""
    lines = render(rows, "floats", has_bars=False).decode().splitlines()
    return (tell_settings(settings) + "".join(f"0: {line}\n" for line in lines)).encode()


def write_state(rows: Sequence[Row], settings: Settings) -> bytes:
    """trainer_state.json, which holds none of the settings."""
    return render_state(rows)


def write_axolotl(rows: Sequence[Row], settings: Settings) -> bytes:
    """Dictionaries behind a logger's prefix: axolotl."""
    prefix = "[2025-03-04 05:06:{:02d},123] [INFO] [axolotl.core.trainers.base.log:742] [PID:4711] [RANK:0] "
    lines = [*tell_settings(settings).splitlines(), *render(rows, "strings", has_bars=False).decode().splitlines()]
    return "".join(f"{prefix.format(number % 60)}{line}\n" for number, line in enumerate(lines)).encode()


def write_llama_factory(rows: Sequence[Row], settings: Settings) -> bytes:
    """trainer_log.jsonl of LLaMA-Factory, which holds no gradient norm."""
    total = round(rows[-1]["step"])
    return "".join(f"{json.dumps(row)}\n" for row in _llama_factory_rows(rows, total)).encode()


def _llama_factory_rows(rows: Sequence[Row], total: int) -> Iterator[dict[str, float | str]]:
    names = {"loss": "loss", "eval_loss": "eval_loss", "learning_rate": "lr", "epoch": "epoch"}
    for row in rows:
        step = round(row["step"])
        shown = {names[name]: value for name, value in row.items() if name in names and "loss" in str(row)}
        clocks = {"elapsed_time": f"0:{step // 60:02d}:{step % 60:02d}", "remaining_time": "0:10:00"}
        if "loss" in shown or "eval_loss" in shown:
            yield {"current_steps": step, "total_steps": total, **shown, "percentage": 100 * step / total, **clocks}


def write_torchtune(rows: Sequence[Row], settings: Settings) -> bytes:
    """The disk log of torchtune: torchtune/training/metric_logging.py."""
    names = {"loss": "loss", "learning_rate": "lr", "grad_norm": "grad_norm", "eval_loss": "val_loss"}
    text = ""
    for row in rows:
        shown = [f"{names[name]}:{value}" for name, value in row.items() if name in names]
        text += f"Step {round(row['step'])} | {' '.join(shown)} tokens_per_second_per_gpu:812.3 \n"
    return text.encode()


def write_megatron(rows: Sequence[Row], settings: Settings) -> bytes:
    """Iteration lines of Megatron-LM: megatron/training/training.py."""
    total, text = round(rows[-1]["step"]), ""
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            loss = row["eval_loss"]
            perplexity = math.exp(min(20.0, loss)) if math.isfinite(loss) else loss
            shown = (
                f" validation loss at iteration {step} | lm loss value: {loss:.6E} | lm loss PPL: {perplexity:.6E} |"
            )
            text += f"{'-' * len(shown)}\n{shown}\n{'-' * len(shown)}\n"
        else:
            text += (
                f" [2025-03-04 05:{step // 60 % 60:02d}:{step % 60:02d}] iteration {step:8d}/{total:8d} | "
                f"consumed samples: {256 * step:12d} | elapsed time per iteration (ms): 1234.5 | "
                f"learning rate: {row['learning_rate']:.6E} | global batch size:   256 | "
                f"lm loss: {row['loss']:.6E} | loss scale: 1.0 | grad norm: {row['grad_norm']:.3f} | "
                "number of skipped iterations:   0 | number of nan iterations:   0 |\n"
            )
    return text.encode()


def write_lightning(rows: Sequence[Row], settings: Settings) -> bytes:
    """metrics.csv of Lightning's CSVLogger: most cells are empty, steps count from 0."""
    columns = {"loss": "train_loss", "eval_loss": "val_loss", "learning_rate": "lr-AdamW", "grad_norm": "grad_norm"}
    lines = [",".join(["epoch", "grad_norm", "lr-AdamW", "step", "train_loss", "val_loss"])]
    for row in rows:
        shown = {columns[name]: repr(value) for name, value in row.items() if name in columns}
        shown |= {"epoch": str(math.floor(row["epoch"])), "step": str(round(row["step"]) - 1)}
        lines.append(",".join(shown.get(name, "") for name in lines[0].split(",")))
    return "\n".join([*lines, ""]).encode()


def write_mlx(rows: Sequence[Row], settings: Settings) -> bytes:
    """Lines of mlx-lm, which hold no gradient norm: mlx_lm/tuner/trainer.py."""
    text = f"Starting training..., iters: {round(rows[-1]['step'])}\n"
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            text += f"Iter {step}: Val loss {row['eval_loss']:.3f}, Val took 1.234s\n"
        else:
            text += (
                f"Iter {step}: Train loss {row['loss']:.3f}, Learning Rate {row['learning_rate']:.3e}, It/sec 1.022, "
                f"Tokens/sec 88.083, Trained Tokens {86 * step}, Peak mem 5.429 GB\n"
            )
    return text.encode()


def write_torchtitan(rows: Sequence[Row], settings: Settings) -> bytes:
    """Coloured lines of torchtitan, which hold no evaluation: torchtitan/components/metrics.py."""
    text = ""
    for row in rows:
        if "loss" in row:
            clock = f"14:{round(row['step']) // 60 % 60:02d}:{round(row['step']) % 60:02d}"
            text += (
                f"[rank0]:[titan] 2025-10-30 {clock},897 - root - INFO - \x1b[31mstep: {round(row['step']):2}  "
                f"\x1b[32mloss: {row['loss']:8.5f}  \x1b[38;2;180;60;0mgrad_norm: {row['grad_norm']:7.4f}  "
                "\x1b[38;2;54;234;195mmemory:  2.47GiB(3.12%)  \x1b[34mtps: 13,502  \x1b[36mtflops: 1.90  "
                "\x1b[35mmfu: 0.19%\x1b[39m\n"
            )
    return text.encode()


def write_nanogpt(rows: Sequence[Row], settings: Settings) -> bytes:
    """Lines of nanoGPT's train.py: loss only, evaluations beside the training loss."""
    text, loss = "", math.nan
    for row in rows:
        step = round(row["step"])
        if "eval_loss" in row:
            text += f"step {step}: train loss {loss:.4f}, val loss {row['eval_loss']:.4f}\n"
        else:
            loss = row["loss"]
            text += f"iter {step}: loss {loss:.4f}, time 123.45ms, mfu 12.34%\n"
    return text.encode()


def write_notebook(rows: Sequence[Row], settings: Settings) -> bytes:
    """The table of a notebook as it is pasted: transformers/utils/notebook.py."""
    has_evals = any("eval_loss" in row for row in rows)
    text = f" [{round(rows[-1]['step'])}/{round(rows[-1]['step'])} 03:12, Epoch {math.ceil(rows[-1]['epoch'])}]\n"
    text += "Step\tTraining Loss\tValidation Loss\n" if has_evals else "Step\tTraining Loss\n"
    loss = "No log"
    for row in rows:
        if "eval_loss" in row:
            text += f"{round(row['step'])}\t{loss}\t{row['eval_loss']:.6f}\n"
        else:
            loss = f"{row['loss']:.6f}"
            text += "" if has_evals else f"{round(row['step'])}\t{loss}\n"
    return text.encode()


def write_json_lines(rows: Sequence[Row], settings: Settings) -> bytes:
    """A script's own JSON lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def write_bar(rows: Sequence[Row], settings: Settings) -> bytes:
    """A script's bar with the loss behind it, as torchtune's and many scripts' are: no evaluations."""
    total = round(rows[-1]["step"])
    frames = [
        f"1|{round(row['step'])}|Loss: {row['loss']}: {draw_bar(round(row['step']), total)}"
        for row in rows
        if "loss" in row
    ]
    return ("\r".join(["", *frames]) + "\n").encode()


CONSOLES: dict[str, Writer] = {
    "transformers 4": write_transformers_4,
    "transformers 5": write_transformers_5,
    "LLaMA-Factory": write_llama_factory,
    "torchtune": write_torchtune,
    "axolotl": write_axolotl,
    "Megatron-LM": write_megatron,
}
"""The six trainers of the main table."""
MORE: dict[str, Writer] = {
    "SLURM, no bars": write_printer,
    "Lightning CSV": write_lightning,
    "mlx-lm": write_mlx,
    "torchtitan": write_torchtitan,
    "nanoGPT": write_nanogpt,
    "notebook table": write_notebook,
    "JSON lines": write_json_lines,
    "bar with loss": write_bar,
}
