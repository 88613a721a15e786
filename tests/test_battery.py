"""The battery as tests: faults are found, nothing false is said, and the published figures are those of a run."""

from collections.abc import Sequence
from functools import cache

import pytest
from evals.formats import OTHERS, STATE
from evals.grade import Grade, WrongFact, grade, is_close, score_ids
from evals.groups import FAULTS, FINE, GROUPS, REAL
from evals.layers import COVERED
from evals.report import has_right_first, tell_misses
from evals.results import make_results, read_results
from evals.shapes import READABLE
from evals.texts import FAULTS as CRASHES
from evals.writers import CONSOLES

OWN = [group.name for group in GROUPS if group.name != REAL]
MAKERS = {group.name: group.make for group in GROUPS}
EXPECTED_RIGHT = 0.9
"""The bar for macro-F1 of logs never seen before holds for our own as well."""


@cache
def grade_group(name: str) -> tuple[Grade, ...]:
    """Grade a group once for all tests."""
    return tuple(grade(case) for case in MAKERS[name]())


def misses(grades: Sequence[Grade]) -> list[str]:
    return [line for one in grades for line in tell_misses(one) if not line.startswith("SLOW")]


def test_the_published_figures_are_those_of_a_run_over_this_code() -> None:
    fresh, kept = make_results({name: grade_group(name) for name in OWN}), read_results()
    kept["groups"].pop(REAL, None)
    kept["ids"].pop("real logs", None)
    assert fresh == kept, "run 'make evals'"


@pytest.mark.parametrize("name", OWN)
def test_no_case_crashes_the_library(name: str) -> None:
    assert [f"{one.case.name}: {one.crash}" for one in grade_group(name) if one.crash] == []


@pytest.mark.parametrize("name", ["fine", "fine_console", "broken", "broken_more"])
def test_nothing_false_is_said_of_what_is_fine_or_broken(name: str) -> None:
    assert [line for line in misses(grade_group(name)) if line.startswith("EXTRA")] == []


@pytest.mark.parametrize("name", ["broken", "broken_more"])
def test_a_broken_shape_is_read_or_refused_in_words(name: str) -> None:
    assert [one.case.name for one in grade_group(name) if not one.is_right] == []


def test_shapes_that_people_have_are_read() -> None:
    read = {one.case.name for one in grade_group("broken") if one.is_read}
    assert set(READABLE) - read == set()


def test_every_fault_is_found_in_a_state_file() -> None:
    assert misses(grade_group("state")) == []


@pytest.mark.parametrize("writer", [*CONSOLES, *OTHERS, *COVERED])
def test_every_fault_that_a_format_can_show_is_found_in_it(writer: str) -> None:
    group = "console" if writer in CONSOLES else "formats" if writer in OTHERS else "layers"
    graded = [one for one in grade_group(group) if one.case.name.endswith(f"[{writer}]")]
    assert graded
    assert misses(graded) == []


def test_crashes_and_ends_are_told_from_their_words() -> None:
    assert misses(grade_group("texts")) == []


@pytest.mark.parametrize("name", ["recorded_state", "recorded_console"])
def test_every_broken_knob_of_a_recorded_run_is_found(name: str) -> None:
    assert misses(grade_group(name)) == []


def test_the_battery_holds_enough_faults_of_many_kinds() -> None:
    assert len(FAULTS) >= 45
    assert len(FINE) >= 18
    assert len({label for story in FAULTS for label in story.labels}) >= 17
    assert len({story.name for story in FAULTS}) == len(FAULTS)
    assert sum(story.fits(STATE) for story in FAULTS) >= 45


def faulty() -> Grade:
    """A case whose fault is missed and of which something false is said, as a grader must see it."""
    return Grade(CRASHES[0], findings=(), is_judged=True, wrong_facts=(WrongFact("num_points", 3, 4.0),), num_facts=1)


def test_the_grader_sees_a_miss() -> None:
    one = faulty()
    assert one.missed == ["out_of_memory_gpu"]
    assert not one.is_right
    assert not has_right_first(one)
    assert [line.split()[0] for line in tell_misses(one)] == ["MISSED", "FACTS"]


def test_the_scores_of_an_id_count_right_wrong_and_missed() -> None:
    found = next(one for one in grade_group("texts") if one.case is CRASHES[0])
    scores = {score.id: score for score in score_ids([faulty(), found], with_notes=True)}
    score = scores["out_of_memory_gpu"]
    assert (score.right, score.wrong, score.missed) == (1, 0, 1)
    assert (score.precision, score.recall) == (1.0, 0.5)
    assert score.f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("got", "wanted", "is_right"),
    [(1.004, 1.0, True), (1.006, 1.0, False), (None, 1.0, False), (float("nan"), float("nan"), True), (0, 0.0, True)],
)
def test_a_fact_may_be_off_by_half_a_percent(got: float | None, wanted: float, is_right: bool) -> None:
    assert is_close(got, wanted) is is_right
