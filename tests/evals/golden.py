"""The golden file of a log lies beside it: what was read and what was found, so that a change of either is seen.

PYTHONPATH=tests python -m evals.golden     write the golden files of all recorded logs; look at the difference
"""

import json
import math
from pathlib import Path
from typing import Any

from evals.groups import DIGITS, RECORDED, RECORDED_4
from evals.labelled import INDEX
from tools.diagnosis import diagnose
from tools.diagnosis.finding import Finding
from tools.facts import collect_facts
from tools.log_parser import parse_path

SUFFIX = ".golden.json"
PLACES = 6


def list_logs() -> list[Path]:
    """The recorded logs, state files and tables."""
    paths = [path for folder in (RECORDED, RECORDED_4, DIGITS) for path in sorted(folder.iterdir())]
    return [path for path in paths if path.name != INDEX and not path.name.endswith(SUFFIX)]


def describe(path: Path) -> dict[str, Any]:
    """What is read in a log and found in it, without the words of a finding."""
    run = parse_path(path)
    diagnosis = diagnose(run)
    return {
        "format": run.format,
        "facts": {name: show(value) for name, value in collect_facts(run).items()},
        "settings": {name: setting.value for name, setting in sorted(run.settings.items())},
        "series": {name: series.num_points for name, series in sorted(run.series.items())},
        "steps": [point.step for point in run.points("loss")],
        "is_healthy": diagnosis.is_healthy,
        "findings": [describe_finding(finding) for finding in diagnosis.findings],
    }


def describe_finding(finding: Finding) -> dict[str, Any]:
    """A finding by its numbers and the lines that it quotes."""
    return {
        "id": finding.id,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "values": {name: show(value) for name, value in finding.values.items()},
        "evidence": [line.number for line in finding.evidence],
        "consequences": list(finding.consequences),
    }


def show(value: object) -> object:
    """A number of six places; nan and inf in words, since JSON has none."""
    if not isinstance(value, float):
        return value
    return round(value, PLACES) if math.isfinite(value) else str(value)


def golden_path(path: Path) -> Path:
    """The golden file of a log."""
    return path.with_name(path.name + SUFFIX)


def main() -> None:
    """Write all golden files."""
    for path in list_logs():
        golden_path(path).write_text(json.dumps(describe(path), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
