"""Whole answers over the cases of the evaluation, without a model and some with the embedded one; and the graders."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evals.answers.__main__ import RESULTS, judge
from evals.answers.case import AnswerCase, CaseError, Expected, Given, read_cases
from evals.answers.grade import Grade, grade
from evals.answers.report import ALL, compare_modes, count_mode
from evals.answers.run import Answered, run_case

from assistant.answer import Answer
from assistant.moves import PlannedMove
from assistant.parts import real_parts
from assistant.settings import NO_MODEL, Settings
from knowledge.card import load_cards

CASES = read_cases()
BARS = ("harmful", "unsupported", "uncited")
WITH_MODEL = ("easy01", "fine01", "two01", "crash01", "measure03", "follow02", "inject03", "outside01", "missing03")


def grade_all(cases: list[AnswerCase], model: str, cache: Path, folder: Path) -> list[Grade]:
    parts, cards = real_parts(Settings(str(cache), model)), load_cards()
    return [grade(case.id, case.tags, one, cards) for case in cases for one in run_case(case, parts, folder)]


@pytest.fixture(scope="module")
def without_model(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Grade]:
    return grade_all(CASES, NO_MODEL, shared_cache, tmp_path_factory.mktemp("answers"))


def test_there_are_at_least_150_cases_and_every_kind() -> None:
    assert len(CASES) >= 150
    assert {tag for case in CASES for tag in case.tags} >= {
        "easy", "hard", "no_fault", "two_faults", "follow_up", "missing", "injection", "long", "outside",
    }  # fmt: skip


@pytest.mark.parametrize("bar", BARS)
def test_no_answer_breaks_a_bar_that_knows_no_exception(without_model: list[Grade], bar: str) -> None:
    assert {one.case_id: getattr(one, bar) for one in without_model if getattr(one, bar)} == {}


def test_the_published_figures_are_those_of_the_answers(without_model: list[Grade]) -> None:
    told = json.loads(RESULTS.read_text(encoding="utf-8"))["modes"][NO_MODEL][ALL]
    counted = count_mode(without_model)[ALL]
    names = ("turns", "right", "first_cause", "moves", "refused_rightly", "rest", "harmful", "unsupported_numbers")
    assert {name: _plain(counted[name]) for name in names} == {name: _plain(told[name]) for name in names}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_the_embedded_model_makes_nothing_worse(without_model: list[Grade], shared_cache: Path, tmp_path: Path) -> None:
    chosen = [case for case in CASES if case.id in WITH_MODEL]
    with_model = grade_all(chosen, "embedded", shared_cache, tmp_path)
    alike = [one for one in without_model if one.case_id in WITH_MODEL]
    assert len(with_model) == len(alike) >= len(WITH_MODEL)
    assert compare_modes(count_mode(alike)[ALL], count_mode(with_model)[ALL]) == []
    assert [one.case_id for one in with_model if any(getattr(one, bar) for bar in BARS)] == []


def test_a_run_that_graded_nothing_fails() -> None:
    assert judge({}) == 1
    assert judge({NO_MODEL: []}) == 1


def good_answer(shared_cache: Path, folder: Path) -> Answered:
    case = next(case for case in CASES if case.id == "easy01")
    return next(run_case(case, real_parts(Settings(str(shared_cache), NO_MODEL)), folder))


def faults_of(answered: Answered, **changes: Any) -> Grade:
    assert answered.answer is not None
    changed = replace(answered, answer=replace(answered.answer, **changes))
    return grade("changed", ("easy",), changed, load_cards())


def test_the_graders_see_what_is_wrong(shared_cache: Path, tmp_path: Path) -> None:
    answered = good_answer(shared_cache, tmp_path)
    answer = answered.answer
    assert answer is not None
    assert faults_of(answered).faults == ()
    turned = PlannedMove("overfitting", "epochs", "raise", "to 50", "none", "raise the number of epochs to 50")
    assert faults_of(answered, moves=(turned, *answer.moves)).harmful
    assert faults_of(answered, words="Increase the number of epochs [overfitting].").harmful
    assert faults_of(answered, words="Do not increase the number of epochs [overfitting].").harmful == ()
    assert faults_of(answered, text=answer.text + "\nThe loss was 77.125.").unsupported == ("77.125",)
    assert faults_of(answered, text=answer.text + "\nSo it is [nowhere].").uncited == ("nowhere",)
    assert faults_of(answered, text=answer.text.replace("eval_loss", "eval_lost")).uncited
    assert faults_of(answered, text=answer.text + "\x1b[2J").unsafe
    assert faults_of(answered, findings=()).is_first_right is (answer.cards[0] == "overfitting")
    assert faults_of(answered, moves=()).are_moves_right is False


def test_refusals_and_silence_are_graded(shared_cache: Path, tmp_path: Path) -> None:
    answered = good_answer(shared_cache, tmp_path)
    refusing = replace(answered, given=replace(answered.given, expected=Expected(in_scope=False)))
    assert faults_of(refusing, in_scope=True).is_refused_rightly is False
    assert faults_of(refusing, in_scope=False, moves=()).is_refused_rightly is True
    fine = replace(answered, given=replace(answered.given, expected=Expected(is_fine=True)))
    assert faults_of(fine).is_refused_rightly is False
    silent = replace(answered, answer=None, error="nothing")
    assert grade("silent", ("easy",), silent, load_cards()).faults
    assert isinstance(answered.answer, Answer)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"id": "x", "tags": ["nothing"], "turns": []}', "tag"),
        ('{"id": "x", "tags": ["easy"], "turns": []}', "at least one turn"),
        ('{"id": "x", "tags": ["easy"], "turns": [{"question": "?", "expect": {}}]}', "grades nothing"),
        ('{"id": "x", "tags": ["easy"], "turns": [{"question": "?", "expect": {"frist": []}}]}', "frist"),
        ("no json", "line 1"),
    ],
)
def test_a_case_that_is_not_well_formed_is_refused(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "bad.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(CaseError, match=says):
        read_cases(tmp_path)


def test_an_id_stands_once(tmp_path: Path) -> None:
    row = {"id": "x", "tags": ["easy"], "turns": [{"question": "?", "expect": {"in_scope": False}}]}
    (tmp_path / "twice.jsonl").write_text(f"{json.dumps(row)}\n" * 2, encoding="utf-8")
    with pytest.raises(CaseError, match="twice"):
        read_cases(tmp_path)
    assert isinstance(Given("?", Expected()).expected, Expected)
