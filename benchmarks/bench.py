"""Measures cold commands as a person meets them: whole processes, medians, peak memory, against `python -c pass`.

    python benchmarks/bench.py [--runs N]

Writes results.json beside this file; the README's table is made from it.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results.json"
FTCHAT = Path(sys.executable).parent / "ftchat"
QUESTION = "my model got worse after epoch 3, why?"
LOG_BYTES = 1 << 20
SHORT_BYTES = 36 << 10
MODEL = "llama 3.1 8b"


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds to the first byte on stdout, to the end, and peak resident memory."""

    first_seconds: float
    whole_seconds: float
    peak_mib: float


def measure(command: Sequence[str], stdin: bytes = b"") -> Sample:
    """Run a command once, in a process of its own.

    Raises:
        RuntimeError: it failed: neither 0 (done) nor 1 (found something).
    """
    started = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the pipes were not opened")
        feeder = threading.Thread(target=_feed, args=(process.stdin, stdin))
        feeder.start()
        process.stdout.read(1)
        first = time.perf_counter() - started
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.perf_counter() - started
        feeder.join()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Sample(first, whole, usage.ru_maxrss / 1024)


def _feed(stream: IO[bytes], data: bytes) -> None:
    try:
        stream.write(data)
        stream.close()
    except BrokenPipeError:
        pass


def make_log(num_bytes: int, steps_per_row: int = 2) -> bytes:
    """A console log of transformers 5 with progress bars and evaluations, about as large as asked."""
    draw = random.Random(7)  # noqa: S311  noise for a benchmark
    parts, size, step, total = [], 0, 0, max(9000, num_bytes // 100)
    while size < num_bytes:
        step += 1
        clock = f"{step // 60:02}:{step % 60:02}<1:00:00,  1.00s/it"
        part = f"\r {step * 100 // total:3}%|###       | {step}/{total} [{clock}]"
        if step % steps_per_row == 0:
            loss = 1.2 + 1.5 * 0.999**step + draw.gauss(0, 0.05)
            row = (
                f"{{'loss': '{loss:.4g}', 'grad_norm': '0.81', 'learning_rate': '1e-4', 'epoch': '{step / 3000:.4g}'}}"
            )
            part += f"\r{' ' * 60}\r{row}\n" + part
        if step % 1000 == 0:
            part += f"\n{{'eval_loss': '{1.25 + 1.5 * 0.999**step:.4g}', 'epoch': '{step / 3000:.4g}'}}\n"
        parts.append(part)
        size += len(part)
    return "".join(parts).encode()


def run_all(num_runs: int) -> list[dict[str, object]]:
    """Measure every row of the table, the commands in turn so that a slow moment hits all alike."""
    example = (ROOT / "examples" / "overfit.log").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "train.log"
        log.write_bytes(make_log(LOG_BYTES))
        short = Path(folder) / "short.log"
        short.write_bytes(make_log(SHORT_BYTES))
        commands: dict[str, tuple[list[str], bytes]] = {
            "pass": ([sys.executable, "-c", "pass"], b""),
            "help": ([str(FTCHAT), "--help"], b""),
            "short": ([str(FTCHAT), "check", str(short)], b""),
            "check": ([str(FTCHAT), "check", str(log)], b""),
            "params": ([str(FTCHAT), "params", MODEL, "--rank", "16"], b""),
            "vram": ([str(FTCHAT), "vram", MODEL, "--method", "qlora", "--gpu", "4090"], b""),
            "composed": ([str(FTCHAT), "--no-llm", QUESTION], example),
            "oneshot": ([str(FTCHAT), QUESTION], example),
        }
        samples: dict[str, list[Sample]] = {name: [] for name in commands}
        for number in range(num_runs + 1):
            for name, (command, stdin) in commands.items():
                sample = measure(command, stdin)
                if number:
                    samples[name].append(sample)
    base = median(sample.whole_seconds for sample in samples["pass"])
    table = (
        ("`python -c pass`, for comparison", "pass", "whole_seconds", "-"),
        ("`ftchat --help`, cold", "help", "whole_seconds", "0.15 s"),
        ("`ftchat check` on a 36 KB console log, cold", "short", "whole_seconds", "0.25 s"),
        ("`ftchat check` on a 1 MB console log, cold", "check", "whole_seconds", "0.4 s"),
        ("`ftchat params`, cold", "params", "whole_seconds", "0.3 s"),
        ("`ftchat vram`, cold", "vram", "whole_seconds", "0.3 s"),
        ("one-shot with the model, cold: first finding on screen", "oneshot", "first_seconds", "0.8 s"),
        ("one-shot with the model, cold: whole answer", "oneshot", "whole_seconds", "8 s"),
        ("one-shot with `--no-llm`, cold: whole answer", "composed", "whole_seconds", "-"),
    )
    rows: list[dict[str, object]] = []
    for what, name, figure, aim in table:
        seconds = median(getattr(sample, figure) for sample in samples[name])
        peak = median(sample.peak_mib for sample in samples[name])
        rows.append({"what": what, "seconds": seconds, "aim": aim, "ratio": seconds / base, "peak_mib": peak})
        print(f"{what:60} {seconds:7.3f} s  {seconds / base:6.1f} x  {peak:6.0f} MiB")
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=7, help="counted runs of each command, after one that is not counted"
    )
    num_runs = parser.parse_args().runs
    rows = run_all(num_runs)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    note = f"medians of {num_runs} runs in turn after one warm-up, whole processes, the card index built before."
    RESULTS.write_text(json.dumps({"machine": machine, "note": note, "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
