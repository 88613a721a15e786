"""Free prose against real evidence: no bad sentence passes, hardly a good one is struck."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from grounds_factory import make_grounds

from assistant.verifier import find_fault

MAX_STRUCK_SHARE = 0.05
MAX_SECONDS = 0.001
SWAPS = {"validation loss": "training loss", "training loss": "validation loss", "gradient norm": "learning rate"}
ORDERS = re.compile(r"^(?:Lower|Raise|Cut|Reduce|Add|Enable|Increase|Disable) ")
TURNED = {
    "lower": "raise",
    "reduce": "increase",
    "raise": "lower",
    "increase": "reduce",
    "fewer": "more",
    "climbs": "falls",
    "rose": "fell",
    "enable": "disable",
    "disable": "enable",
    "add": "remove",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence that was judged by hand: its grounds by name, whether it may be shown, what is bad of it."""

    set: str
    grounds: str
    is_good: bool
    fault: str
    sentence: str


CASES = [
    Case(**json.loads(line))
    for line in (Path(__file__).parent / "verifier_sentences.jsonl").read_text(encoding="utf-8").splitlines()
]
GOOD = [case for case in CASES if case.is_good]
BAD = [case for case in CASES if not case.is_good]


def find_free_fault(sentence: str, grounds: str) -> str | None:
    return find_fault(sentence, make_grounds(grounds), is_strict=False)


def test_there_are_enough_sentences_over_enough_grounds() -> None:
    assert min(len(GOOD), len(BAD)) >= 250
    assert len({case.grounds for case in CASES}) >= 12


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case.grounds}: {case.sentence}")
def test_no_bad_sentence_passes(case: Case) -> None:
    assert find_free_fault(case.sentence, case.grounds) is not None


def test_hardly_a_good_sentence_is_struck() -> None:
    struck = {case.sentence: fault for case in GOOD if (fault := find_free_fault(case.sentence, case.grounds))}
    assert len(struck) <= MAX_STRUCK_SHARE * len(GOOD), f"{len(struck)} of {len(GOOD)} good: {struck}"


def change_number(sentence: str) -> Iterator[str]:
    """The sentence with each of its plain numbers in turn made another one."""
    shown = re.sub(r"\[[^\]]*\]", lambda match: " " * len(match[0]), sentence)
    for match in re.finditer(r"(?<![\w.,-])\d+\.\d+(?![\w-])", shown):
        yield sentence[: match.start()] + f"{float(match[0]) * 1.37 + 1:.4g}" + sentence[match.end() :]


def change_words(sentence: str) -> Iterator[str]:
    """The sentence turned round: another quantity, the other direction, a denied order, a citation of nothing."""
    for one, other in SWAPS.items():
        if one in sentence and other not in sentence:
            yield sentence.replace(one, other)
    for one, other in TURNED.items():
        if re.match(rf"{one}\b", sentence, re.IGNORECASE):
            yield other.capitalize() + sentence[len(one) :]
    if ORDERS.match(sentence):
        yield f"Do not {sentence[0].lower()}{sentence[1:]}"
        yield f"There is no need to {sentence[0].lower()}{sentence[1:]}"
    if "[E" in sentence:
        yield re.sub(r"\[E\d+", "[E77", sentence, count=1)


# What is no less true than before: both losses of that run are flat.
SAME_SENSE = {"The validation loss does not move [E2]."}


def test_a_good_sentence_that_is_made_false_is_struck() -> None:
    made, passed = Counter[str](), []
    for case in GOOD:
        for kind, changes in (("number", change_number), ("words", change_words)):
            for sentence in changes(case.sentence):
                made[kind] += 1
                if sentence not in SAME_SENSE and find_free_fault(sentence, case.grounds) is None:
                    passed.append(sentence)
    assert min(made.values()) >= 80
    assert passed == [], f"of {made}"


@pytest.mark.parametrize(
    "sentence",
    [
        "See https://example.com [E1].",
        "See [the guide](http://example.com) [E1].",
        "The loss <script>alert(1)</script> climbs [E2].",
        "The validation loss climbs\x1b[31m [E2].",
        "The validation loss\u202e climbs [E2].",
        "Run `rm -rf /` first [E1].",
        "Run pip install evil-package first [E1].",
        "Pass --trust-remote-code to it [E1].",
        "I ran nvidia-smi and it shows an idle card [E1].",
        "I tested a run with 7 epochs [E7].",
        "My analysis of your dataset shows no duplicates [E5].",
        "The dataset was inspected, and it is clean [E5].",
    ],
)
def test_what_nobody_gave_is_struck(sentence: str) -> None:
    assert find_free_fault(sentence, "overfit") is not None


def test_a_sentence_is_judged_quickly() -> None:
    for case in CASES[:40]:
        find_free_fault(case.sentence, case.grounds)
    started = time.process_time()
    for case in CASES[:40]:
        find_free_fault(case.sentence, case.grounds)
    assert (time.process_time() - started) / 40 < 3 * MAX_SECONDS


@pytest.mark.parametrize("piece", ["a", "1", "[", "the loss is 1.5 and ", "(((", "not ", "E1] [", "`", "-", "1e5"])
@pytest.mark.parametrize("is_strict", [True, False])
def test_a_sentence_without_end_is_refused_at_once(piece: str, is_strict: bool) -> None:
    started = time.process_time()
    assert find_fault(piece * (100_000 // len(piece)), make_grounds("overfit"), is_strict=is_strict) is not None
    assert time.process_time() - started < 1
