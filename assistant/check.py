"""``ftchat check``: the diagnosis of each input, no language model, no index."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from assistant.answer import finding_to_json
from assistant.check_inputs import find_configs, merge_settings
from assistant.checked import Checked
from assistant.exits import Exit
from assistant.json_lines import to_json_line
from tools.diagnosis import diagnose
from tools.diagnosis.finding import Diagnosis, Finding, Severity
from tools.errors import BadInput
from tools.facts import collect_facts
from tools.log_parser import parse_log, parse_path
from tools.run import Run, Setting

if TYPE_CHECKING:
    from assistant.follow import Change
    from assistant.moves import PlannedMove
    from knowledge.card import Card

CHECK_SCHEMA = "ftchat.check/1"
FOLLOW_SCHEMA = "ftchat.check.follow/1"


def check_files(options: argparse.Namespace) -> int:
    """Check every input; the worst exit code wins: not judged, then found, then nothing found.

    Raises:
        BadInput: the flags contradict each other, or the config or the output cannot be used.
    """
    form = _choose_format(options)
    settings = _read_settings(options.config)
    if options.follow:
        return _follow(options, settings, form)
    codes = []
    with _open_output(options.output) as stream:
        inputs = _check_all(options.files, settings)
        if form in ("sarif", "junit"):
            return _report(list(inputs), options.fail_on, form, stream)
        num_views = 0
        for checked in inputs:
            _show(checked, form, stream, is_first=num_views == 0)
            num_views += checked.run is not None
            codes.append(checked.code(options.fail_on))
    return max(codes)


def check_to_json(run: Run, diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis of one input as an object for programs."""
    cards = _cards(diagnosis.findings)
    return {
        "schema": CHECK_SCHEMA,
        "file": run.name,
        "format": run.format,
        "judged": diagnosis.is_judged,
        "healthy": diagnosis.is_healthy,
        "findings": [
            {
                **finding_to_json(finding),
                "moves": [asdict(move) for move in _moves([finding], cards, run)],
            }
            for finding in diagnosis.findings
        ],
        "unexplained": list(diagnosis.unexplained),
        "checked": list(diagnosis.checked),
        "skipped": [{"id": rule, "reason": gap.reason} for rule, gap in diagnosis.skipped.items()],
        "facts": collect_facts(run),
        "settings": {name: _setting_to_json(setting) for name, setting in run.settings.items()},
        "notes": list(run.notes),
    }


def _setting_to_json(setting: Setting) -> dict[str, Any]:
    place = {"line": setting.line.number, **({"source": setting.line.source} if setting.line.source else {})}
    return {"value": setting.value, **place}


def _choose_format(options: argparse.Namespace) -> str:
    form = options.format or ("json" if options.json else "text")
    if options.json and form != "json":
        raise BadInput(f"--json and --format {form} contradict each other; pass one of them")
    if options.follow and form not in ("text", "json"):
        raise BadInput(f"--follow cannot write {form}; pass --format text or json")
    if options.follow and (len(options.files) != 1 or options.files[0] == "-"):
        raise BadInput("--follow takes one file; start one ftchat for each log, and pipe nothing in")
    return str(form)


def _read_settings(config: str | None) -> Mapping[str, Setting]:
    if not config:
        return {}
    from tools.run_config import read_config

    return read_config(Path(config))


@contextmanager
def _open_output(name: str | None) -> Iterator[TextIO]:
    if name is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(
                errors="backslashreplace"
            )  # a terminal without Unicode shows escapes, not a traceback
        yield sys.stdout
        return
    try:
        with Path(name).open("w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
    except OSError as error:
        raise BadInput(
            f"{name}: cannot be written ({error.strerror}); pass --output FILE in a folder that exists"
        ) from None


def _judge(path: Path, settings: Mapping[str, Setting]) -> tuple[Run, Diagnosis]:
    run = parse_log(sys.stdin.buffer, "stdin") if str(path) == "-" else parse_path(path)
    run = replace(run, settings={**run.settings, **settings})
    return run, diagnose(run)


def _check_all(files: Sequence[str], settings: Mapping[str, Setting]) -> Iterator[Checked]:
    """Check each input as it is asked for; those that are configs give their settings to the others."""
    configs = find_configs(files)
    settings = {**merge_settings(configs), **settings}
    for name in files:
        if name in configs:
            is_used = len(configs) < len(files)
            said = "its settings were used for the logs beside it" if is_used else "pass the log of the run as well"
            text = f"{name}: is a config of {len(configs[name])} known setting(s), which alone cannot be judged; {said}"
            yield Checked(name, None, None, text, configs[name], is_used)
        else:
            yield _check(name, settings)


def _check(name: str, settings: Mapping[str, Setting]) -> Checked:
    shown = "stdin" if name == "-" else name
    try:
        return Checked(shown, *_judge(Path(name), settings))
    except BadInput as error:
        return Checked(shown, None, None, str(error))


def _show(checked: Checked, form: str, stream: TextIO, *, is_first: bool) -> None:
    run, diagnosis = checked.run, checked.diagnosis
    if run is None or diagnosis is None:
        if form == "json":
            print(to_json_line(_unreadable(checked)), file=stream, flush=True)
        else:
            print(f"ftchat: {checked.error}", file=sys.stderr)
    elif form == "json":
        print(to_json_line(check_to_json(run, diagnosis)), file=stream, flush=True)
    else:
        print(("" if is_first else "\n") + _view(run, diagnosis, stream), file=stream)


def _unreadable(checked: Checked) -> dict[str, Any]:
    return {
        "schema": CHECK_SCHEMA,
        "file": checked.name,
        "format": "config" if checked.config else None,
        "judged": False,
        "healthy": None,
        "findings": [],
        "unexplained": [],
        "checked": [],
        "skipped": [],
        "facts": {},
        "settings": {name: _setting_to_json(setting) for name, setting in checked.config.items()},
        "notes": [checked.error] if checked.is_used else [],
        **({} if checked.is_used else {"error": checked.error}),
    }


def _view(run: Run, diagnosis: Diagnosis, stream: TextIO) -> str:
    from assistant.check_view import view_sections
    from assistant.render import render_sections, terminal_width, wants_colour

    cards, width = _cards(diagnosis.findings), terminal_width(stream)
    titles = {name: card.title for name, card in cards.items()}
    sections = view_sections(run, diagnosis, _moves(diagnosis.findings, cards, run), titles, width)
    return render_sections(sections, width, colour=wants_colour(stream))


def _cards(findings: Sequence[Finding]) -> dict[str, "Card"]:
    """The cards of the findings; the others are not read, since reading all of them takes longer than the check."""
    if not findings:
        return {}
    from knowledge.card import CARDS_FOLDER, card_by_id

    return {one.id: card_by_id(one.id) for one in findings if (CARDS_FOLDER / f"{one.id}.md").exists()}


def _moves(findings: Sequence[Finding], cards: Mapping[str, "Card"], run: Run) -> "tuple[PlannedMove, ...]":
    if not cards:
        return ()
    from assistant.moves import plan_moves
    from knowledge.card import load_knobs

    return plan_moves(findings, [], cards, load_knobs(), [run])


def _report(inputs: Sequence[Checked], fail_on: Severity, form: str, stream: TextIO) -> int:
    from importlib.metadata import version

    from assistant.check_reports import to_junit, to_sarif

    judged = [one for one in inputs if not one.is_used]
    if form == "junit":
        print(to_junit(judged, fail_on), end="", file=stream)
    else:
        from knowledge.card import load_cards

        titles = {name: card.title for name, card in load_cards().items()}
        print(to_json_line(to_sarif(judged, titles, version("ftchat"))), file=stream)
    return max(one.code(fail_on) for one in inputs)


def _follow(options: argparse.Namespace, settings: Mapping[str, Setting], form: str) -> int:
    from assistant.follow import Follower, check_followable, follow

    path = Path(options.files[0])
    check_followable(path)
    with _open_output(options.output) as stream:
        follower = Follower(path, lambda path: _judge(path, settings))
        try:
            follow(follower, lambda change: _tell(change, path, form, stream), options.interval)
        except KeyboardInterrupt:
            return Exit.INTERRUPTED
    return Exit.DONE


def _tell(change: "Change", path: Path, form: str, stream: TextIO) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    if form == "json":
        found = {"finding": finding_to_json(change.finding)} if change.finding else {}
        told = {"schema": FOLLOW_SCHEMA, "file": str(path), "time": now, "event": change.kind, "step": change.step}
        print(to_json_line({**told, "text": change.text, **found}), file=stream, flush=True)
        return
    from assistant.render import make_visible

    step = f"step {change.step}" if change.step is not None else "step ?"
    about = f"[{change.finding.id}] {change.finding.severity}: " if change.finding else ""
    print(f"{now[11:19]}  {step:<12} {change.kind:<9} {make_visible(about + change.text)}", file=stream, flush=True)
