"""The diagnosis of inputs as continuous integration reads it: SARIF 2.1.0 and JUnit XML."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from assistant.checked import Checked
from assistant.render import make_visible
from tools.diagnosis.finding import SEVERITIES, Diagnosis, Finding, Severity
from tools.run import Line

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
UNEXPLAINED = "unexplained_error"
_SPAN = re.compile(r"\(lines (\d+)-(\d+)\)$")
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def to_sarif(inputs: Sequence[Checked], titles: Mapping[str, str], version: str) -> dict[str, Any]:
    """One SARIF run over all inputs: a result a finding, a notification for what was not checked.

    Args:
        titles: by rule id, what the rule is about.

    Source:
        OASIS, Static Analysis Results Interchange Format (SARIF) 2.1.0, sections 3.14, 3.27 and 3.58.
    """
    ids = sorted({name for one in inputs for name in _rule_ids(one)})
    index = {name: number for number, name in enumerate(ids)}
    notifications = [note for one in inputs for note in _notifications(one)]
    driver = {"name": "ftchat", "version": version, "rules": [_rule(name, titles) for name in ids]}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [
                    {
                        "executionSuccessful": not any(note["level"] == "error" for note in notifications),
                        "toolExecutionNotifications": notifications,
                    }
                ],
                "results": [result for one in inputs for result in _results(one, index)],
            }
        ],
    }


def to_junit(inputs: Sequence[Checked], fail_on: Severity) -> str:
    """JUnit XML: a suite an input, a case a rule; a finding of ``fail_on`` or worse is a failure."""
    root = Element("testsuites", name="ftchat check")
    for one in inputs:
        root.append(_suite(one, fail_on))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _rule_ids(one: Checked) -> Iterator[str]:
    if one.diagnosis:
        yield from one.diagnosis.checked
        yield from one.diagnosis.skipped
        yield from (finding.id for finding in one.diagnosis.findings)
        if one.diagnosis.unexplained:
            yield UNEXPLAINED


def _rule(name: str, titles: Mapping[str, str]) -> dict[str, Any]:
    text = titles.get(name, name.replace("_", " "))
    return {"id": name, "shortDescription": {"text": text}, "help": {"text": f"ftchat cards show {name}"}}


def _results(one: Checked, index: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    if not one.diagnosis:
        return
    for finding in one.diagnosis.findings:
        lines = tuple(dict.fromkeys(finding.evidence)) or (None,)
        yield {
            "ruleId": finding.id,
            "ruleIndex": index[finding.id],
            "level": finding.severity,
            "message": {"text": _message(finding)},
            "locations": [_location(one.name, lines[0])],
            "relatedLocations": [_location(one.name, line) for line in lines[1:]],
            "properties": {"confidence": finding.confidence, "values": dict(finding.values)},
        }
    for text in one.diagnosis.unexplained:
        span = _SPAN.search(text)
        yield {
            "ruleId": UNEXPLAINED,
            "ruleIndex": index[UNEXPLAINED],
            "level": "error",
            "message": {"text": make_visible(text)},
            "locations": [_location(one.name, Line(int(span[1]), "") if span else None)],
        }


def _message(finding: Finding) -> str:
    follows = f" What follows from it: {', '.join(finding.consequences)}." if finding.consequences else ""
    return make_visible(finding.summary + follows)


def _location(name: str, line: Line | None) -> dict[str, Any]:
    source = line.source if line else ""
    inside = Path(name) / source
    path = inside if not source or inside.exists() else Path(source)
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(path)}}
    if line and line.number > 0:
        snippet = {"snippet": {"text": make_visible(line.text)}} if line.text else {}
        place["region"] = {"startLine": line.number, **snippet}
    return {"physicalLocation": place}


def _uri(path: Path) -> str:
    """The place of an input as a URI: of an absolute path with its scheme, of a relative one percent-encoded."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _notifications(one: Checked) -> Iterator[dict[str, Any]]:
    if not one.diagnosis or not one.diagnosis.is_judged:
        reason = one.error or f"{one.name}: could not be judged, no metric and no error message was recognised in it"
        yield {"level": "error", "message": {"text": make_visible(reason)}, "locations": [_location(one.name, None)]}
        return
    for rule, gap in one.diagnosis.skipped.items():
        yield {
            "level": "note",
            "message": {"text": make_visible(f"{rule} was not checked: {gap.reason}")},
            "associatedRule": {"id": rule},
            "locations": [_location(one.name, None)],
        }


def _suite(one: Checked, fail_on: Severity) -> Element:
    suite = Element("testsuite", name=_xml(one.name))
    diagnosis = one.diagnosis
    if diagnosis is None or not diagnosis.is_judged:
        case = SubElement(suite, "testcase", classname=_xml(one.name), name="is_readable")
        SubElement(case, "error", message=_xml(one.error or "no metric and no error message was recognised"))
    else:
        found = {finding.id: finding for finding in diagnosis.findings}
        for rule in dict.fromkeys((*diagnosis.checked, *found, *diagnosis.skipped)):
            case = SubElement(suite, "testcase", classname=_xml(one.name), name=rule)
            _fill_case(case, rule, found, diagnosis, fail_on)
        for text in diagnosis.unexplained:
            case = SubElement(suite, "testcase", classname=_xml(one.name), name=UNEXPLAINED)
            SubElement(case, "failure", type="error", message=_xml(text))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    return suite


def _fill_case(case: Element, rule: str, found: Mapping[str, Finding], diagnosis: Diagnosis, fail_on: Severity) -> None:
    root = next((finding.id for finding in found.values() if rule in finding.consequences), None)
    if rule in found:
        finding = found[rule]
        lines = "\n".join(f"L{line.number}  {make_visible(line.text)}" for line in finding.evidence)
        if SEVERITIES.index(finding.severity) <= SEVERITIES.index(fail_on):
            failure = SubElement(case, "failure", type=finding.severity, message=_xml(_message(finding)))
            failure.text = _xml(lines, is_lines=True)
        else:
            SubElement(case, "system-out").text = _xml(
                f"{finding.severity}: {_message(finding)}\n{lines}", is_lines=True
            )
    elif root is not None:
        SubElement(case, "skipped", message=f"follows from {root}")
    elif rule in diagnosis.skipped:
        SubElement(case, "skipped", message=_xml(diagnosis.skipped[rule].reason))


def _xml(text: str, *, is_lines: bool = False) -> str:
    """Text without what XML 1.0 cannot hold, control characters written as escapes."""
    shown = "\n".join(make_visible(line) for line in text.split("\n")) if is_lines else make_visible(text)
    return _NOT_XML.sub(lambda match: ascii(match[0])[1:-1], shown)
