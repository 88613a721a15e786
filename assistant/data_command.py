"""``ftchat data``: what form a training set has, and what is wrong with which of its rows."""

import argparse
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from assistant.exits import Exit
from assistant.json_lines import print_json
from tools.dataset import DatasetReport, Defect, inspect_datasets
from tools.errors import BadInput

SCHEMA = "ftchat.data/1"

_EPILOG = """\
examples:
  ftchat data train.jsonl                               format, lengths, defects with their rows
  ftchat data train.jsonl validation.jsonl test.jsonl   the same, and rows that two splits share
  ftchat data ./my-dataset --max-length 2048            a folder of shards is one set

Reads JSON Lines, JSON, CSV, TSV, Parquet, Arrow and plain text, also packed with gzip, zstd, xz or bzip2.
Rows count from 1; in JSON Lines and plain text they are the lines. Exit codes: 0 read, 2 could not be read.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    parser = commands.add_parser(
        "data",
        help="look through training data: its format, and what is wrong with which rows",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="F", help="a file of rows, a folder of them, or - for stdin")
    parser.add_argument("--max-length", type=_count, metavar="N", help="tokens that the trainer keeps of a row")
    parser.add_argument("--vocab-size", type=_count, metavar="V", help="rows of the model's token embedding")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, one object a line where there are several")


def _count(text: str) -> int:
    """A whole number from 1, for argparse."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def run(options: argparse.Namespace) -> int:
    """Look through each set; 0 where all could be read."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name or a label may hold what a terminal cannot show
    paths = [Path("/dev/stdin") if name == "-" else Path(name) for name in options.files]
    found = inspect_datasets(paths, max_length=options.max_length, vocab_size=options.vocab_size)
    if len(found) == 1 and isinstance(found[0], BadInput):
        raise found[0]
    for place, (name, report) in enumerate(zip(options.files, found, strict=True)):
        if options.json:
            print_json(_to_object(name, report))
        elif isinstance(report, BadInput):
            print(f"ftchat: {report}", file=sys.stderr)
        else:
            _print_report(report, is_first=place == 0)
    return Exit.NOT_JUDGED if any(isinstance(report, BadInput) for report in found) else Exit.DONE


def _print_report(report: DatasetReport, *, is_first: bool) -> None:
    from assistant.data_view import data_sections
    from assistant.render import render_sections, terminal_width, wants_colour

    width, colour = terminal_width(sys.stdout), wants_colour(sys.stdout)
    print(("" if is_first else "\n") + render_sections(data_sections(report), width, colour=colour))


def _to_object(name: str, report: DatasetReport | BadInput) -> dict[str, Any]:
    if isinstance(report, BadInput):
        return {"schema": SCHEMA, "file": name, "error": str(report)}
    return {"schema": SCHEMA, "file": name, **report_to_json(report)}


def report_to_json(report: DatasetReport) -> dict[str, Any]:
    """A report as JSON holds it."""
    return {
        "format": report.format,
        "num_rows": report.num_rows,
        "num_bad": report.num_bad,
        "splits": dict(report.splits),
        "columns": list(report.columns),
        "lengths": {
            part: {"median": found.median, "p90": found.p90, "p99": found.p99, "longest": found.longest}
            for part, found in report.lengths.items()
        },
        "labels": dict(report.labels),
        "defects": [_defect_to_json(defect, report.name) for defect in report.defects],
        "checked": list(report.checked),
        "skipped": [{"kind": kind, "reason": reason} for kind, reason in report.skipped.items()],
        "notes": list(report.notes),
    }


def _defect_to_json(defect: Defect, name: str) -> dict[str, Any]:
    is_elsewhere = any(place.file != name for place in defect.places)
    return {
        "kind": defect.kind,
        "rows": list(defect.rows),
        "num_rows": defect.num_rows,
        "share": defect.share,
        "severity": defect.severity,
        "summary": defect.summary,
        "pitfall": defect.pitfall,
        "sample": defect.sample,
        **({"places": [{"file": place.file, "row": place.row} for place in defect.places]} if is_elsewhere else {}),
    }
