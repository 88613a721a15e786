"""A case: turns of a conversation, each with what it is given and what its answer must and must not hold."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

CASES_FOLDER = Path(__file__).parent / "cases"
TAGS = (
    "easy",
    "hard",
    "no_fault",
    "two_faults",
    "follow_up",
    "missing",
    "injection",
    "long",
    "outside",
    "words",
    "measure",
    "crash",
    "data",
)
KnobMove = tuple[str, str]


class CaseError(ValueError):
    """A case is not well-formed; the message names file and id."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer must and must not hold; what is left empty is not graded.

    Attributes:
        first: any of these ids is right as the first cause: of the findings, or of the cards where nothing was found.
        names: ids that findings or cards must all hold; absent: ids that no finding may have.
        is_fine: no finding above a note, no move that claims a fault, and the answer says that nothing was found.
        moves: (knob, direction), all of which must be among the moves; first_move: any of which must be the first.
        not_moves: which must not be there; a direction is harmful, so that one of them fails the run.
        cites: ids that the text must cite; says, not_says: patterns, without regard to case.
        in_scope: whether the cards cover the question; asks: patterns, one for each question back, None not graded.
        tools, not_tools: names of tools that must and must not be called.
    """

    first: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    is_fine: bool = False
    moves: tuple[KnobMove, ...] = ()
    first_move: tuple[KnobMove, ...] = ()
    not_moves: tuple[KnobMove, ...] = ()
    cites: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    not_says: tuple[str, ...] = ()
    in_scope: bool | None = None
    asks: tuple[str, ...] | None = None
    tools: tuple[str, ...] = ()
    not_tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """One turn: the question, and what comes with it.

    Attributes:
        log: how to make the log, see logs.make_log; config, data: text of a file, with its name.
        model, gpu: as flags.
    """

    question: str
    expected: Expected
    log: Mapping[str, Any] | None = None
    config: str = ""
    config_name: str = "config.yaml"
    data: str = ""
    data_name: str = "train.jsonl"
    model: str = ""
    gpu: str = ""


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """A conversation with known answers."""

    id: str
    tags: tuple[str, ...]
    turns: tuple[Given, ...]


def read_cases(folder: Path = CASES_FOLDER) -> list[AnswerCase]:
    """Read every case of a folder, in the order of files and lines.

    Raises:
        CaseError: a line is no object, a key is not known, a tag is not known, or an id stands twice.
    """
    found = [case for path in sorted(folder.glob("*.jsonl")) for case in _read_file(path)]
    ids = [case.id for case in found]
    if twice := {name for name in ids if ids.count(name) > 1}:
        raise CaseError(f"{folder}: ids stand twice: {', '.join(sorted(twice))}")
    return found


def _read_file(path: Path) -> Iterator[AnswerCase]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                yield _to_case(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise CaseError(f"{path.name} line {number}: {error}") from None


def _to_case(row: Mapping[str, Any]) -> AnswerCase:
    if unknown := [tag for tag in row["tags"] if tag not in TAGS]:
        raise CaseError(f"{row['id']}: tag '{unknown[0]}' is not one of {', '.join(TAGS)}")
    turns = tuple(_to_turn(row["id"], turn) for turn in row["turns"])
    if not turns or not row["tags"]:
        raise CaseError(f"{row['id']}: a case has at least one turn and one tag")
    return AnswerCase(row["id"], tuple(row["tags"]), turns)


def _to_turn(case_id: str, turn: Mapping[str, Any]) -> Given:
    expect: dict[str, Any] = dict(turn["expect"])
    known = {field.name for field in fields(Expected)}
    if unknown := expect.keys() - known:
        raise CaseError(f"{case_id}: unknown expectation '{min(unknown)}'")
    if not expect:
        raise CaseError(f"{case_id}: a turn that expects nothing grades nothing")
    for name in ("moves", "first_move", "not_moves"):
        expect[name] = tuple((str(knob), str(direction)) for knob, direction in expect.get(name, ()))
    listed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in expect.items()
    }
    rest = {name: value for name, value in turn.items() if name != "expect"}
    return Given(expected=Expected(**listed), **rest)
