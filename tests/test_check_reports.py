"""SARIF and JUnit: what continuous integration reads."""

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from run_factory import add_evals, descend, judge, make_rows, parse, render

from assistant.check_reports import to_junit, to_sarif
from assistant.checked import Checked
from assistant.exits import Exit
from assistant.json_lines import to_json_line
from tools.diagnosis.finding import Diagnosis, Finding
from tools.run import Line

NAN_LOG = render(make_rows([*descend(30), *[math.nan] * 5])).decode()
HEALTHY_LOG = render(add_evals(make_rows(descend(40)), [2.0, 1.6, 1.4, 1.3])).decode()
UNREADABLE = Checked("gone.log", None, None, "gone.log: no such file")


def check(text: str, name: str = "logs/train one.log") -> Checked:
    return Checked(name, parse(text), judge(text))


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "id": "loss_nan",
        "severity": "error",
        "confidence": "certain",
        "summary": "The loss is nan.",
        "values": {"share": math.nan},
        "evidence": (Line(7, "a \x1b[31mred\x00 line"), Line(9, "another", "worker.log")),
        "consequences": ("loss_zero",),
    }
    return Finding(**{**values, **changes})


def made(*findings: Finding) -> Checked:
    diagnosis = Diagnosis(True, findings, ("loss_nan", "loss_zero", "overfitting"), {}, ("Boom (lines 3-8)",))
    return Checked("run.log", parse(NAN_LOG), diagnosis)


def sarif(*inputs: Checked) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(to_json_line(to_sarif(inputs, {"loss_nan": "Not a number"}, "1.2")))
    return loaded


def junit(*inputs: Checked, fail_on: Any = "warning") -> ElementTree.Element:
    return ElementTree.fromstring(to_junit(inputs, fail_on))  # noqa: S314  the text is our own


def test_sarif_holds_what_its_schema_requires() -> None:
    report = sarif(check(NAN_LOG))
    assert report["version"] == "2.1.0"
    assert report["$schema"].endswith("sarif-2.1.0.json")
    run = report["runs"][0]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("ftchat", "1.2")
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    assert run["results"]
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "logs/train%20one.log"
        assert place["region"]["startLine"] >= 1
    for note in run["invocations"][0]["toolExecutionNotifications"]:
        assert note["message"]["text"]


def test_a_result_stands_at_the_first_line_that_shows_it() -> None:
    checked = check(NAN_LOG)
    result = next(one for one in sarif(checked)["runs"][0]["results"] if one["ruleId"] == "loss_nan")
    number = result["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert checked.diagnosis
    assert number == checked.diagnosis.findings[0].evidence[0].number
    assert result["relatedLocations"]


def test_a_line_of_another_file_is_placed_there_and_control_characters_are_visible() -> None:
    result = sarif(made(finding()))["runs"][0]["results"][0]
    first, second = result["locations"][0], result["relatedLocations"][0]
    assert first["physicalLocation"]["region"]["snippet"]["text"] == "a \\x1b[31mred\\x00 line"
    assert second["physicalLocation"]["artifactLocation"]["uri"] == "worker.log"
    assert result["properties"]["values"]["share"] == "nan"


def test_an_absolute_path_is_a_file_uri(tmp_path: Path) -> None:
    result = sarif(check(NAN_LOG, str(tmp_path / "a b.log")))["runs"][0]["results"][0]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.startswith("file:///")
    assert uri.endswith("a%20b.log")


def test_an_error_that_no_rule_explains_is_a_result_with_its_line() -> None:
    result = sarif(made())["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("unexplained_error", "error")
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 3


def test_a_line_in_a_run_folder_is_placed_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train.log").write_text(NAN_LOG)
    lines = (Line(7, "text", "out/train.log"), Line(1, "seed: 1", "config.yaml"))
    checked = made(finding(evidence=lines))
    result = sarif(Checked(str(tmp_path), checked.run, checked.diagnosis))["runs"][0]["results"][0]
    places = [*result["locations"], *result["relatedLocations"]]
    uris = [place["physicalLocation"]["artifactLocation"]["uri"] for place in places]
    assert uris == [(tmp_path / "out" / "train.log").as_uri(), "config.yaml"]


def test_a_line_that_shows_it_twice_is_placed_once() -> None:
    line = Line(7, "text")
    result = sarif(made(finding(evidence=(line, Line(8, ""), line, Line(8, "")))))["runs"][0]["results"][0]
    assert len(result["relatedLocations"]) == 1


def test_a_finding_without_a_line_has_a_place_all_the_same() -> None:
    result = sarif(made(finding(evidence=())))["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "run.log"}}


def test_an_input_that_was_not_judged_is_an_error_of_the_invocation() -> None:
    invocation = sarif(check(HEALTHY_LOG), UNREADABLE)["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    errors = [one["message"]["text"] for one in invocation["toolExecutionNotifications"] if one["level"] == "error"]
    assert errors == ["gone.log: no such file"]


def test_what_was_not_checked_is_a_notification_with_its_rule() -> None:
    notes = sarif(check(NAN_LOG))["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert any(note.get("associatedRule", {}).get("id") == "overfitting" for note in notes)


def test_junit_has_a_suite_an_input_and_a_case_a_rule() -> None:
    checked = check(NAN_LOG)
    assert checked.diagnosis
    root = junit(checked, UNREADABLE)
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["logs/train one.log", "gone.log"]
    names = [case.get("name") for case in suites[0].findall("testcase")]
    assert set(checked.diagnosis.checked) | set(checked.diagnosis.skipped) <= set(names)
    assert len(names) == len(set(names))
    assert suites[1].find("testcase/error") is not None


def test_the_counts_of_junit_add_up() -> None:
    root = junit(check(NAN_LOG), check(HEALTHY_LOG), UNREADABLE)
    for name, tag in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        path = f"testsuite/testcase/{tag}" if tag else "testsuite/testcase"
        assert root.get(name) == str(len(root.findall(path)))


def test_a_finding_fails_its_case_and_a_consequence_is_skipped_with_its_root() -> None:
    root = junit(made(finding()))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["loss_nan"].find("failure")
    assert failure is not None
    assert failure.get("type") == "error"
    assert "L7  a \\x1b[31mred\\x00 line" in str(failure.text)
    skipped = cases["loss_zero"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "follows from loss_nan"
    assert len(cases["overfitting"]) == 0


@pytest.mark.parametrize(("fail_on", "fails"), [("error", False), ("warning", True), ("note", True)])
def test_fail_on_says_from_which_severity_a_case_fails(fail_on: str, fails: bool) -> None:
    case = next(one for one in junit(made(finding(severity="warning")), fail_on=fail_on).iter("testcase"))
    assert (case.find("failure") is not None) is fails
    assert (case.find("system-out") is not None) is not fails


@pytest.mark.parametrize("text", ["\x00\x08\x1f", "\ud800", "\ufffe", "<&>\"'", "]]>", "\x85\u2028"])
def test_what_xml_cannot_hold_is_written_as_an_escape(text: str) -> None:
    root = junit(made(finding(summary=f"see {text}", evidence=(Line(1, text),))))
    assert all(str(one.get("message")).startswith(("see ", "Boom")) for one in root.iter("failure"))


@pytest.mark.parametrize(
    ("checked", "fail_on", "code"),
    [
        (UNREADABLE, "note", Exit.NOT_JUDGED),
        (check("nothing here\n"), "note", Exit.NOT_JUDGED),
        (check(NAN_LOG), "error", Exit.FOUND),
        (check(HEALTHY_LOG), "warning", Exit.DONE),
        (made(), "error", Exit.FOUND),
    ],
)
def test_the_exit_code_tells_what_was_found(checked: Checked, fail_on: Any, code: Exit) -> None:
    assert checked.code(fail_on) == code
