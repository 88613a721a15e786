"""Logs made to measure: rows of metrics from noisy curves, written as each trainer writes them."""

import io
import json
import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Literal

from tools.diagnosis import diagnose
from tools.diagnosis.finding import Diagnosis, Finding
from tools.log_parser import parse_log
from tools.run import Line, Run

Row = dict[str, float]
Style = Literal["floats", "strings", "state"]
STYLES: tuple[Style, ...] = ("floats", "strings", "state")
BAR_CELLS = 10
EVAL_BATCHES = 7
SECONDS_PER_STEP = 2.0


class SlowReader:
    """Hands its bytes over in small pieces, as a pipe may do."""

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self._stream, self._piece_bytes = io.BytesIO(data), piece_bytes

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._piece_bytes))


def add_noise(values: Iterable[float], noise: float, seed: int) -> list[float]:
    """Add normal noise of a standard deviation to a curve."""
    curve = list(values)
    shifts = NormalDist(0.0, noise).samples(len(curve), seed=seed) if noise else [0.0] * len(curve)
    return [value + shift for value, shift in zip(curve, shifts, strict=True)]


def descend(num_rows: int, start: float = 2.4, end: float = 1.1, speed: float = 4.0) -> list[float]:
    """A loss that falls quickly at first and then slowly."""
    return [end + (start - end) * math.exp(-speed * index / num_rows) for index in range(num_rows)]


def make_rows(
    losses: Sequence[float], every: int = 10, per_epoch: int = 200, **metrics: float | Sequence[float]
) -> list[Row]:
    """Training rows with a step every so many; metrics are constants or one value a row."""
    columns: dict[str, float | Sequence[float]] = {"grad_norm": 0.8, "learning_rate": 2e-4, **metrics}
    rows = []
    for index, loss in enumerate(losses):
        step = (index + 1) * every
        beside = {name: value[index] if isinstance(value, Sequence) else value for name, value in columns.items()}
        rows.append({"loss": loss, **beside, "epoch": step / per_epoch, "step": step})
    return rows


def add_evals(rows: Sequence[Row], eval_losses: Sequence[float], **metrics: Sequence[float]) -> list[Row]:
    """Put evaluations between training rows, evenly, the last one after the last row."""
    found = list(rows)
    for index in reversed(range(len(eval_losses))):
        place = round((index + 1) * len(rows) / len(eval_losses))
        beside = {name: values[index] for name, values in metrics.items()}
        at = rows[place - 1]
        found.insert(place, {"eval_loss": eval_losses[index], **beside, "epoch": at["epoch"], "step": at["step"]})
    return found


def render(
    rows: Sequence[Row], style: Style = "floats", *, has_bars: bool = True, total_steps: int | None = None
) -> bytes:
    """Write rows as the console of transformers 4 or 5, or as trainer_state.json."""
    if style == "state":
        return render_state(rows)
    total = total_steps or round(rows[-1]["step"])
    epochs = max(1, math.ceil(rows[-1]["epoch"]))
    text = f"***** Running training *****\n  Num Epochs = {epochs:,}\n  Total optimization steps = {total:,}\n"
    before = 0
    for row in rows:
        step = round(row["step"])
        record = show_record(row, style)
        if not has_bars:
            text += record + "\n"
            continue
        if "eval_loss" in row:
            text += "".join("\r" + draw_bar(batch, EVAL_BATCHES) for batch in range(1, EVAL_BATCHES + 1))
        lagging = draw_bar(max(before, step - 2), total)
        text += f"\r{lagging}\r{' ' * 60}\r{record}\n\r{draw_bar(step, total)}"
        before = step
    return (text + "\n").encode()


def render_state(rows: Sequence[Row], indent: int | None = 2) -> bytes:
    """Write rows as trainer_state.json, with the keys that the trainer puts round them."""
    state = {
        "best_metric": None,
        "epoch": rows[-1]["epoch"],
        "eval_steps": 50,
        "global_step": rows[-1]["step"],
        "is_local_process_zero": True,
        "log_history": list(rows),
        "logging_steps": 10,
        "max_steps": round(rows[-1]["step"]),
        "num_train_epochs": max(1, math.ceil(rows[-1]["epoch"])),
        "save_steps": 500,
        "trial_name": None,
    }
    return (json.dumps(state, indent=indent) + "\n").encode()


def show_record(row: Row, style: Style = "floats") -> str:
    """Write one row as the console shows it: no step, an epoch of two places or values of four digits in quotes."""
    shown = {name: value for name, value in row.items() if name != "step"}
    if style == "strings":
        return str({name: f"{value:.4g}" for name, value in shown.items()})
    return str({name: round(value, 2 if name == "epoch" else 10) for name, value in shown.items()})


def draw_bar(step: int, total: int, elapsed_seconds: float | None = None) -> str:
    """Draw a frame of a progress bar as tqdm does."""
    elapsed = SECONDS_PER_STEP * step if elapsed_seconds is None else elapsed_seconds
    pace = elapsed / step if step else SECONDS_PER_STEP
    cells = "█" * (BAR_CELLS * step // total)
    clocks = f"{show_clock(elapsed)}<{show_clock(pace * (total - step))}"
    return f"{100 * step // total:3d}%|{cells:<{BAR_CELLS}}| {step}/{total} [{clocks}, {pace:5.2f}s/it]"


def show_clock(seconds: float) -> str:
    """Write a duration as tqdm does, 01:02 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def parse(data: bytes | str) -> Run:
    """Read a log that is at hand."""
    return parse_log(io.BytesIO(data.encode() if isinstance(data, str) else data))


def judge(data: bytes | str) -> Diagnosis:
    """Read and judge a log that is at hand."""
    return diagnose(parse(data))


def find(diagnosis: Diagnosis, rule: str) -> Finding:
    """The finding of a rule; the rules that found something where it found nothing."""
    found = {finding.id: finding for finding in diagnosis.findings}
    assert rule in found, f"{rule} is not among {sorted(found)}; skipped: {dict(diagnosis.skipped)}"
    return found[rule]


def found_ids(diagnosis: Diagnosis) -> list[str]:
    """The ids of all findings, worst first."""
    return [finding.id for finding in diagnosis.findings]


def serious_ids(diagnosis: Diagnosis) -> list[str]:
    """The ids of the findings that make a run unhealthy."""
    return [finding.id for finding in diagnosis.findings if finding.severity != "note"]


def quoted_lines(run: Run) -> list[Line]:
    """Every line that a run quotes: of points, problems, bars and settings."""
    points = [point for series in run.series.values() for point in series.points]
    return [
        *(point.line for point in (*points, *run.summary.values())),
        *(line for problem in run.problems for line in problem.lines),
        *(stage.line for stage in run.stages),
        *(setting.line for setting in run.settings.values()),
    ]


def line_number(data: bytes | str, needle: str, occurrence: int = 1) -> int:
    """The physical line on which a text stands for the nth time, from 1."""
    raw = data.encode() if isinstance(data, str) else data
    numbers = [number for number, line in enumerate(raw.split(b"\n"), 1) if needle.encode() in line]
    return numbers[occurrence - 1]
