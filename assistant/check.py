"""``ftchat check``: the diagnosis of each input, no language model, no index."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from assistant.answer import finding_to_json
from assistant.compose import Draft, closing_sections, opening_sections
from assistant.exits import Exit
from assistant.json_lines import print_json
from assistant.moves import plan_moves
from assistant.render import render_sections, terminal_width, wants_colour
from knowledge.card import card_by_id, load_knobs
from tools.diagnosis import diagnose
from tools.diagnosis.finding import SEVERITIES, Diagnosis
from tools.errors import BadInput
from tools.facts import collect_facts
from tools.log_parser import parse_log, parse_path
from tools.run import Run, Setting
from tools.run_config import read_config

CHECK_SCHEMA = "ftchat.check/1"


def check_files(options: argparse.Namespace) -> int:
    """Check every input; the worst exit code wins: not judged, then found, then nothing found."""
    settings = read_config(Path(options.config)) if options.config else {}
    codes = []
    for number, name in enumerate(options.files):
        if number and not options.json:
            print()
        codes.append(_check_one(name, settings, options))
    return max(codes)


def _check_one(name: str, settings: Mapping[str, Setting], options: argparse.Namespace) -> Exit:
    try:
        run = parse_log(sys.stdin.buffer, "stdin") if name == "-" else parse_path(Path(name))
    except BadInput as error:
        if options.json:
            print_json(_unreadable(name, str(error)))
        else:
            print(f"ftchat: {error}", file=sys.stderr)
        return Exit.NOT_JUDGED
    run = replace(run, settings={**run.settings, **settings})
    diagnosis = diagnose(run)
    if options.json:
        print_json(check_to_json(run, diagnosis))
    else:
        _print(run, diagnosis)
    if not diagnosis.is_judged:
        return Exit.NOT_JUDGED
    found = [finding.severity for finding in diagnosis.findings]
    is_found = diagnosis.unexplained or any(SEVERITIES.index(one) <= SEVERITIES.index(options.fail_on) for one in found)
    return Exit.FOUND if is_found else Exit.DONE


def check_to_json(run: Run, diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis of one input as an object for programs."""
    return {
        "schema": CHECK_SCHEMA,
        "file": run.name,
        "format": run.format,
        "judged": diagnosis.is_judged,
        "healthy": diagnosis.is_healthy,
        "findings": [
            {
                **finding_to_json(finding),
                "moves": [
                    asdict(move)
                    for move in plan_moves([finding], [], {finding.id: card_by_id(finding.id)}, load_knobs(), [run])
                ],
            }
            for finding in diagnosis.findings
        ],
        "unexplained": list(diagnosis.unexplained),
        "checked": list(diagnosis.checked),
        "skipped": [{"id": rule, "reason": gap.reason} for rule, gap in diagnosis.skipped.items()],
        "facts": collect_facts(run),
        "settings": {
            name: {"value": setting.value, "line": setting.line.number} for name, setting in run.settings.items()
        },
        "notes": list(run.notes),
    }


def _unreadable(name: str, error: str) -> dict[str, Any]:
    return {
        "schema": CHECK_SCHEMA,
        "file": name,
        "format": None,
        "judged": False,
        "healthy": None,
        "findings": [],
        "checked": [],
        "skipped": [],
        "facts": {},
        "settings": {},
        "error": error,
    }


def _print(run: Run, diagnosis: Diagnosis) -> None:
    cards = {finding.id: card_by_id(finding.id) for finding in diagnosis.findings}
    draft = Draft([(run, diagnosis)], (), (), cards)
    moves = plan_moves(diagnosis.findings, [], cards, load_knobs(), [run])
    sections = opening_sections(draft) + closing_sections(replace(draft, moves=moves))
    print(render_sections(sections, terminal_width(sys.stdout), colour=wants_colour(sys.stdout)))
