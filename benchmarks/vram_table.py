"""Compares the memory estimate with published measurements, by method and by framework.

    python benchmarks/vram_table.py [--measurements FILE.csv]

The measurements lie outside the project (../shared/vram/dev.csv); where they are absent, nothing is measured and the
last results stand. Other estimators are asked about the same rows where they are installed (see vram_others.py).
Writes vram_results.json beside this file; the documentation's table is made from it.
"""

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from vram_others import Estimator, find_estimators

from assistant.vram_command import make_report
from tools.errors import FtchatError
from tools.vram import VramEstimate
from tools.vram_report import VramReport

ROOT = Path(__file__).parent.parent
MEASUREMENTS = ROOT.parent / "shared" / "vram" / "dev.csv"
RESULTS = Path(__file__).parent / "vram_results.json"

_COLUMNS = {
    "method": "method",
    "weights_precision": "weights",
    "compute_precision": "compute",
    "optimizer": "optimizer",
    "micro_batch": "micro_batch",
    "seq_len": "seq_len",
    "grad_ckpt": "checkpointing",
    "attention": "attention",
    "lora_rank": "rank",
    "lora_targets": "targets",
    "quant": "quant",
    "n_gpus": "num_gpus",
    "sharding": "sharding",
    "framework": "framework",
    "notes": "notes",
}
_GPU = re.compile(r"A100[- ](?:80|40) ?GB|A100-SXM4-(?:80|40)GB|Tesla T4|L40S|A10G|NVIDIA L4|RTX 3090")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measurement beside its estimate.

    Attributes:
        row: the row's id.
        method: full, lora, qlora or other.
        framework: as the row names it.
        is_plain: no fused kernels, one GPU, all settings known.
        error: estimate over measurement, less one; None for a run that ran out of memory.
        is_inside: the measurement lies in the stated interval.
        verdict: for the GPU of the row.
        others: errors of other estimators by name.
    """

    row: str
    method: str
    framework: str
    is_plain: bool
    error: float | None
    is_inside: bool
    verdict: str | None
    others: Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--measurements", type=Path, default=MEASUREMENTS)
    options = parser.parse_args(arguments)
    if not options.measurements.is_file():
        print(f"{options.measurements} is not here; {RESULTS.name} stays as it is", file=sys.stderr)
        return 0
    with options.measurements.open(encoding="utf-8", newline="") as stream:
        results = measure(list(csv.DictReader(stream)))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for row in results["by_method"] + results["by_framework"]:
        print(f"{row['name']:<44} {row['num_rows']:>4} rows  median error {row['median_error']:.1%}", end="  ")
        print(f"inside {row['inside']:.0%}")
    for row in results["others"]:
        print(f"{row['name']:<30} {row['method']:<6} {row['num_rows']:>4} rows  median error {row['median_error']:.1%}")
    print(f"out of memory: {results['out_of_memory']}; not estimated: {results['not_estimated']}")
    return 0


def measure(rows: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Compare every row that can be estimated."""
    found, missed, estimators = [], 0, find_estimators()
    for row in rows:
        try:
            found.append(compare(row, make_report(read_flags(row)), estimators))
        except FtchatError:
            missed += 1
    measured = [one for one in found if one.error is not None]
    failed = [one.verdict for one in found if one.error is None]
    known = [one for one in measured if one.method != "other"]
    return {
        "by_method": [
            *_group(lambda one: f"{one.method}, plain", [one for one in known if one.is_plain]),
            *_group(lambda one: one.method, measured),
        ],
        "by_framework": _group(lambda one: f"{one.method}, {_family(one.framework)}", known),
        "others": [line for name in estimators for line in _group_others(name, known)],
        "out_of_memory": {str(verdict): failed.count(verdict) for verdict in sorted(set(map(str, failed)))},
        "not_estimated": missed,
    }


def _group_others(name: str, rows: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Median errors of another estimator, by method, over the rows that it has an answer for."""
    errors: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if name in row.others:
            errors[row.method].append(abs(row.others[name]))
    return [
        {"name": name, "method": method, "num_rows": len(values), "median_error": median(values)}
        for method, values in sorted(errors.items())
    ]


def _group(name: Callable[[Comparison], str], rows: Sequence[Comparison]) -> list[dict[str, Any]]:
    groups: dict[str, list[Comparison]] = defaultdict(list)
    for row in rows:
        groups[name(row)].append(row)
    return [
        {
            "name": key,
            "num_rows": len(group),
            "median_error": median(abs(one.error or 0.0) for one in group),
            "median_signed_error": median(one.error or 0.0 for one in group),
            "within_10_percent": sum(abs(one.error or 0.0) < 0.1 for one in group) / len(group),
            "inside": sum(one.is_inside for one in group) / len(group),
        }
        for key, group in sorted(groups.items())
    ]


def read_flags(row: Mapping[str, str]) -> dict[str, Any]:
    """A row's settings as the command's flags."""
    flags: dict[str, Any] = {flag: row[column] for column, flag in _COLUMNS.items() if row[column]}
    flags["model"] = row["hf_id"] or row["model"]
    flags["method"] = row["method"] or "full"
    gpu = _GPU.search(row["notes"] + row["what_measured"])
    if gpu or "A100" in row["source"] or "a100_80gb" in row["source"]:
        flags["gpu"] = gpu[0] if gpu else "A100 80GB"
    return flags


def compare(row: Mapping[str, str], report: VramReport, estimators: Mapping[str, Estimator]) -> Comparison:
    """Put a measurement beside its estimate."""
    measured = read_measurement(row)
    interval = getattr(report.estimate, read_kind(row["what_measured"]))
    error = None if measured is None else interval.value / measured - 1
    guesses = {name: ask(report) for name, ask in estimators.items()} if measured else {}
    return Comparison(
        row["id"],
        name_method(row),
        row["framework"],
        _is_plain(report.estimate),
        error,
        measured is not None and interval.low <= measured <= interval.high,
        report.verdicts[0] if report.verdicts else None,
        {name: guess / measured - 1 for name, guess in guesses.items() if guess is not None and measured},
    )


def read_measurement(row: Mapping[str, str]) -> float | None:
    """The measured bytes of one GPU; None for a run that ran out of memory."""
    if not row["measured_gb"]:
        return None
    unit = float(1 << 30) if "GiB" in row["unit"] else 1e9
    is_sum = "SUMMED" in row["what_measured"] or "sum over" in row["what_measured"]
    return float(row["measured_gb"]) * unit / (int(row["n_gpus"]) if is_sum else 1)


def read_kind(what_measured: str) -> str:
    """Which of the three numbers was measured."""
    if "allocated" in what_measured:
        return "allocated_bytes"
    return "reserved_bytes" if "reserved" in what_measured else "smi_bytes"


def name_method(row: Mapping[str, str]) -> str:
    """Full, lora, qlora, or what the table calls by another name."""
    method = row["method"]
    if row["quant"] or "qlora" in method:
        return "qlora"
    if method.startswith("full"):
        return "full"
    return "lora" if method.startswith(("lora", "rslora", "dora")) else "other"


def _is_plain(estimate: VramEstimate) -> bool:
    settings = estimate.settings
    return settings.loss == "plain" and settings.num_gpus == 1 and not settings.is_length_assumed


def _family(framework: str) -> str:
    return re.split(r"[ /+(]", framework)[0] or "unknown"


if __name__ == "__main__":
    sys.exit(main())
