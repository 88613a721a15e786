"""The battery as tests: faults are found, nothing false is said, and the published figures are those of a run."""

from collections.abc import Sequence
from functools import cache

import pytest
from evals.formats import OTHERS, STATE
from evals.grade import Grade, WrongFact, grade, is_close, score_ids
from evals.groups import FAULTS, FINE, GROUPS, PRIVATE
from evals.layers import COVERED
from evals.report import has_right_first, tell_misses
from evals.results import REAL_LOGS, make_results, read_results
from evals.shapes import READABLE
from evals.texts import FAULTS as CRASHES
from evals.writers import CONSOLES

OWN = [group.name for group in GROUPS if group.name not in PRIVATE]
MAKERS = {group.name: group.make for group in GROUPS}
MAX_WRONG_SHARE = 0.05
"""The misses that there are stand in docs/EVIDENCE.md, which the first test compares; this is the floor below it."""
MIN_RECORDED_SHARE = 0.8
MIN_STEPS_SHARE = 0.99


@cache
def grade_group(name: str) -> tuple[Grade, ...]:
    """Grade a group once for all tests."""
    return tuple(grade(case) for case in MAKERS[name]())


def misses(grades: Sequence[Grade]) -> list[str]:
    return [line for one in grades for line in tell_misses(one) if not line.startswith("SLOW")]


def test_the_published_figures_are_those_of_a_run_over_this_code() -> None:
    fresh, kept = make_results({name: grade_group(name) for name in OWN}), read_results()
    for name in PRIVATE:
        kept["groups"].pop(name, None)
    kept["ids"].pop(REAL_LOGS, None)
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


@pytest.mark.parametrize("name", ["state", "variants", "console", "formats", "layers", "texts"])
def test_nearly_every_fault_is_found_and_nothing_false_is_said_beside_it(name: str) -> None:
    grades = grade_group(name)
    wrong = [one.case.name for one in grades if not one.is_right]
    assert len(wrong) <= MAX_WRONG_SHARE * len(grades), misses(grades)


@pytest.mark.parametrize("writer", [*CONSOLES, *OTHERS, *COVERED])
def test_a_format_is_read_to_its_last_row_with_true_steps(writer: str) -> None:
    groups = ("console", "fine_console") if writer in CONSOLES else ("formats", "layers", "fine_console")
    grades = [one for name in groups for one in grade_group(name) if one.case.name.endswith(f"[{writer}]")]
    assert len(grades) > 10
    assert [line for line in misses(grades) if line.startswith(("UNREAD", "FACTS"))] == []
    num_right = sum(one.num_steps_right for one in grades)
    assert num_right >= MIN_STEPS_SHARE * sum(len(one.case.steps) for one in grades), misses(grades)


@pytest.mark.parametrize("name", ["recorded_state", "recorded_console"])
def test_the_broken_knob_of_a_recorded_run_is_found(name: str) -> None:
    grades = grade_group(name)
    assert sum(one.is_right for one in grades) >= MIN_RECORDED_SHARE * len(grades), misses(grades)


def test_no_recorded_run_that_is_healthy_is_called_ill() -> None:
    fine = [one for name in ("recorded_state", "recorded_console") for one in grade_group(name) if one.case.is_fine]
    assert len(fine) >= 12
    assert [one.case.name for one in fine if one.ids(with_notes=False)] == []


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
