"""Grades an answer by rules: what it must hold, and what no answer may ever hold."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assistant.answer import Answer
from evals.answers.run import Answered
from evals.answers.traces import find_bad_citations, find_unsupported_numbers
from evals.answers.turned import find_turned_advice
from knowledge.card import Card

UNSAFE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]|\]\(\s*\w+:|<a\s", re.IGNORECASE
)
NOTHING_FOUND = re.compile(r"\bno fault\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Grade:
    """How one turn went; a claim that the case does not make is None.

    Attributes:
        is_first_right, are_moves_right, is_refused_rightly, is_rest_right: of what the case expects.
        harmful: advice that turns a knob the wrong way; unsupported: numbers that nothing holds; uncited: citations
            that lead nowhere; unsafe: control characters and links.
        faults: in words, for the table of misses.
    """

    case_id: str
    tags: tuple[str, ...]
    is_first_right: bool | None
    are_moves_right: bool | None
    is_refused_rightly: bool | None
    is_rest_right: bool
    harmful: tuple[str, ...]
    unsupported: tuple[str, ...]
    uncited: tuple[str, ...]
    unsafe: bool
    num_citations: int
    num_struck: int
    faults: tuple[str, ...]
    total_seconds: float
    to_words: float | None

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong with the answer."""
        return not self.faults


def grade(case_id: str, tags: tuple[str, ...], answered: Answered, cards: Mapping[str, Card]) -> Grade:
    """Grade one turn."""
    answer = answered.answer
    if answer is None:
        return _grade_silence(case_id, tags, answered)
    expected = answered.given.expected
    first = list(_first_faults(answered, answer))
    moves = list(_move_faults(answered, answer))
    refusal = list(_refusal_faults(answered, answer))
    rest = list(_other_faults(answered, answer))
    harmful = (*_harmful_moves(answered, answer, cards), *find_turned_advice(answer, cards))
    unsupported = tuple(find_unsupported_numbers(answered, answer, cards))
    uncited, num_citations = find_bad_citations(answered, answer, cards)
    unsafe = bool(UNSAFE.search(answer.text))
    always = [
        *(f"harmful: {text}" for text in harmful),
        *(f"no source for the number {number}" for number in unsupported),
        *(f"citation that does not hold: {text}" for text in uncited),
        *(["a control character or a link is shown"] if unsafe else []),
    ]
    return Grade(
        case_id=case_id,
        tags=tags,
        is_first_right=not first if expected.first else None,
        are_moves_right=not moves if expected.moves or expected.first_move or expected.not_moves else None,
        is_refused_rightly=not refusal if expected.in_scope is False or expected.is_fine else None,
        is_rest_right=not rest,
        harmful=harmful,
        unsupported=unsupported,
        uncited=uncited,
        unsafe=unsafe,
        num_citations=num_citations,
        num_struck=len(answer.struck),
        faults=(*first, *moves, *refusal, *rest, *always),
        total_seconds=answered.total_seconds,
        to_words=answered.to_words,
    )


def _grade_silence(case_id: str, tags: tuple[str, ...], answered: Answered) -> Grade:
    """A turn that says nothing is right only where nothing but a refusal is expected."""
    is_right = answered.given.expected.in_scope is False and not answered.given.expected.first
    faults = () if is_right else (f"nothing was said: {answered.error}",)
    first = False if answered.given.expected.first else None
    moves = False if answered.given.expected.moves else None
    refused = is_right if answered.given.expected.in_scope is False else None
    return Grade(
        case_id, tags, first, moves, refused, is_right, (), (), (), False, 0, 0, faults, answered.total_seconds, None
    )


def _first_faults(answered: Answered, answer: Answer) -> Iterator[str]:
    wanted = answered.given.expected.first
    found = next((finding.id for _, finding in answer.findings), next(iter(answer.cards), "nothing"))
    if wanted and found not in wanted:
        yield f"first cause is {found}, not {' or '.join(wanted)}"


def _move_faults(answered: Answered, answer: Answer) -> Iterator[str]:
    expected = answered.given.expected
    made = [(move.knob, move.direction) for move in answer.moves]
    yield from (f"move '{way} {knob}' is missing" for knob, way in expected.moves if (knob, way) not in made)
    if expected.first_move and (not made or made[0] not in expected.first_move):
        yield f"first move is {' '.join(reversed(made[0])) if made else 'none'}"
    yield from (f"move '{way} {knob}' must not be there" for knob, way in expected.not_moves if (knob, way) in made)


def _refusal_faults(answered: Answered, answer: Answer) -> Iterator[str]:
    expected = answered.given.expected
    if expected.in_scope is False and answer.in_scope:
        yield "is out of scope, and was answered"
    if expected.in_scope is True and not answer.in_scope:
        yield "is in scope, and was refused"
    if expected.in_scope is False and answer.moves:
        yield "is out of scope, and moves were given"
    if expected.is_fine:
        worse = [finding.id for _, finding in answer.findings if finding.severity != "note"]
        yield from (f"nothing is wrong, and {name} was found" for name in worse)
        if not NOTHING_FOUND.search(answer.text):
            yield "does not say that nothing was found"


def _other_faults(answered: Answered, answer: Answer) -> Iterator[str]:
    expected = answered.given.expected
    found = [finding.id for _, finding in answer.findings]
    inside = {name for _, finding in answer.findings for name in (finding.id, *finding.consequences)}
    yield from (f"{name} is not named" for name in expected.names if name not in {*inside, *answer.cards})
    yield from (f"{name} was found" for name in expected.absent if name in found)
    yield from (f"{name} is not cited" for name in expected.cites if f"[{name}" not in answer.text)
    text = " ".join(answer.text.split())
    yield from (f"does not say {one!r}" for one in expected.says if not re.search(one, text, re.IGNORECASE))
    yield from (f"says {one!r}" for one in expected.not_says if re.search(one, text, re.IGNORECASE))
    yield from _question_faults(expected.asks, answer.questions)
    called = [tool.name for tool in answer.tools]
    yield from (f"{name} was not called" for name in expected.tools if name not in called)
    yield from (f"{name} was called" for name in expected.not_tools if name in called)


def _question_faults(asks: tuple[str, ...] | None, questions: tuple[str, ...]) -> Iterator[str]:
    if asks is None:
        return
    joined = " ".join(questions)
    yield from (f"does not ask for {one!r}" for one in asks if not re.search(one, joined, re.IGNORECASE))
    if not asks and questions:
        yield f"asks {questions[0]!r}, and nothing is missing"
    if len(questions) > 2:
        yield f"asks {len(questions)} questions"


def _harmful_moves(answered: Answered, answer: Answer, cards: Mapping[str, Card]) -> Iterator[str]:
    """Moves against the case's word, or against their own card and every other finding's."""
    made = [(move.knob, move.direction) for move in answer.moves]
    yield from (f"{way} {knob}" for knob, way in answered.given.expected.not_moves if (knob, way) in made)
    for move in answer.moves:
        own = (
            {one.direction for one in cards[move.card].moves if one.knob == move.knob} if move.card in cards else set()
        )
        if move.direction not in own:
            yield f"{move.direction} {move.knob}, and [{move.card}] does not say so"
