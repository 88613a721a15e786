"""Measures how fast long logs are read, as ratios in one run: against two log readers, `wc -l` and `orjson`.

    python benchmarks/reading.py [--runs N] [--rivals FOLDER]

The rivals are installed into a virtual environment of their own, never beside ftchat. Writes reading.json beside this
file; the README's table is made from it.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import FTCHAT, Sample, make_log, measure

RESULTS = Path(__file__).parent / "reading.json"
RIVALS = Path(__file__).parent.parent / "build" / "rivals"
MEGABYTE = 1_000_000
STEPS_PER_ROW = 10
LOAD_WITH_ORJSON = "import sys, orjson; orjson.loads(open(sys.argv[1], 'rb').read())"


@dataclass(frozen=True, slots=True)
class Subject:
    """One command on one file, and the figure that its speed is held against."""

    what: str
    command: tuple[str, ...]
    num_bytes: int
    aim: str = "-"


def make_state(num_bytes: int) -> bytes:
    """A trainer_state.json as the trainer writes it, indented, about as large as asked."""
    draw = random.Random(7)  # noqa: S311  noise for a benchmark
    rows, size, step = [], 0, 0
    while size < num_bytes:
        step += 10
        loss = 1.2 + 1.5 * 0.99999**step + draw.gauss(0, 0.05)
        row = {"epoch": round(step / 3000, 2), "grad_norm": 2 * draw.random(), "learning_rate": 1e-4 * draw.random()}
        text = json.dumps({**row, "loss": round(loss, 4), "step": step}, indent=2).replace("\n", "\n    ")
        rows.append("    " + text)
        size += len(rows[-1]) + 2
    head = f'{{\n  "best_metric": null,\n  "epoch": 3.0,\n  "global_step": {step},\n  "log_history": [\n'
    return (head + ",\n".join(rows) + f'\n  ],\n  "logging_steps": 10,\n  "max_steps": {step}\n}}\n').encode()


def install_rivals(folder: Path) -> Path:
    """Install the other readers aside; gives the folder of their commands."""
    if not (folder / "bin" / "losslint").exists():
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "runmedic==0.1.1", "losslint==0.4.1"], check=True)
    return folder / "bin"


def write_input(path: Path, kind: str, num_bytes: int) -> None:
    """Write a log; a very long one is the same stretch again and again, so that it is made quickly."""
    piece = make_state(num_bytes) if kind == "state" else make_log(min(num_bytes, 100 * MEGABYTE), STEPS_PER_ROW)
    with path.open("wb") as stream:
        while stream.tell() < num_bytes:
            stream.write(piece)


def write_inputs(folder: Path, sizes: dict[str, tuple[str, int]]) -> dict[str, Path]:
    """Write the logs in processes of their own: a process that forks hands its own peak memory down."""
    for name, (kind, num_bytes) in sizes.items():
        arguments = ["--write", str(folder / name), kind, str(num_bytes)]
        subprocess.run([sys.executable, __file__, *arguments], check=True)
    return {name: folder / name for name in sizes}


def make_subjects(folder: Path, rivals: Path) -> list[Subject]:
    """Write the inputs, and name what is measured on them."""
    check = (str(FTCHAT), "check", "--json")
    kinds = {"text": ("console", 100), "state": ("state", 100), "small": ("console", 5), "long": ("console", 1000)}
    paths = write_inputs(folder, {name: (kind, size * MEGABYTE) for name, (kind, size) in kinds.items()})
    text, state, small, long = (str(path) for path in paths.values())
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    load = (sys.executable, "-c", LOAD_WITH_ORJSON, state)
    runmedic, losslint = str(rivals / "runmedic"), str(rivals / "losslint")
    return [
        Subject("`ftchat check`, console log with bars, 100 MB", (*check, text), sizes["text"], "100 MB/s, 200 MiB"),
        Subject("`wc -l` on it, the limit", ("wc", "-l", text), sizes["text"]),
        Subject("runmedic 0.1.1, the first 5 MB of it", (runmedic, "diagnose", small), sizes["small"]),
        Subject("`ftchat check`, trainer_state.json, 100 MB", (*check, state), sizes["state"], "80 MB/s, 200 MiB"),
        Subject("`orjson.loads` on it, the limit", load, sizes["state"]),
        Subject("losslint 0.4.1 on it", (losslint, "check", state), sizes["state"]),
        Subject("`ftchat check`, console log with bars, 1 GB", (*check, long), sizes["long"], "200 MiB"),
    ]


def run_all(subjects: Sequence[Subject], num_runs: int) -> list[dict[str, object]]:
    """Measure every subject in turn, so that a slow moment hits all alike."""
    samples: dict[str, list[Sample]] = {subject.what: [] for subject in subjects}
    for number in range(num_runs + 1):
        for subject in subjects:
            sample = measure(subject.command)
            if number:
                samples[subject.what].append(sample)
    rows: list[dict[str, object]] = []
    for subject in subjects:
        seconds = median(sample.whole_seconds for sample in samples[subject.what])
        peak = median(sample.peak_mib for sample in samples[subject.what])
        speed = subject.num_bytes / MEGABYTE / seconds
        rows.append({"what": subject.what, "speed": speed, "seconds": seconds, "aim": subject.aim, "peak_mib": peak})
        print(f"{subject.what:60} {speed:8.1f} MB/s {seconds:8.2f} s {peak:6.0f} MiB")
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs, after one that is not counted")
    parser.add_argument("--rivals", type=Path, default=RIVALS, help="where the other readers are installed")
    parser.add_argument("--write", nargs=3, metavar=("FILE", "KIND", "BYTES"), help="write one input, and end")
    options = parser.parse_args()
    if options.write:
        write_input(Path(options.write[0]), options.write[1], int(options.write[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = run_all(make_subjects(Path(folder), install_rivals(options.rivals)), options.runs)
    speeds = [float(str(row["speed"])) for row in rows]
    ratios = {
        "the speed of runmedic on text (aim 20)": speeds[0] / speeds[2],
        "that of losslint on JSON (aim 2.5)": speeds[3] / speeds[5],
        "that of `wc -l`": speeds[0] / speeds[1],
        "that of `orjson.loads` alone": speeds[3] / speeds[4],
    }
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    note = f"medians of {options.runs} runs in turn after one warm-up, whole processes with their start."
    RESULTS.write_text(
        json.dumps({"machine": machine, "note": note, "ratios": ratios, "rows": rows}, indent=2) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
