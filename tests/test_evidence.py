from pathlib import Path

from grounds_factory import make_grounds, read

from assistant.evidence import NO_FAULT, Evidence, cite_sources, collect_evidence
from tools.diagnosis import diagnose
from tools.run import Line, Setting


def test_facts_are_numbered_by_kind_findings_first() -> None:
    evidence = make_grounds("overfit").evidence
    assert [item.id for item in evidence] == [f"E{number}" for number in range(1, len(evidence) + 1)]
    kinds = list(dict.fromkeys(item.kind for item in evidence))
    assert kinds == ["finding", "move", "metric", "setting"]


def test_tools_and_signs_of_cards_are_evidence_too() -> None:
    evidence = make_grounds("memory").evidence
    assert {item.unit for item in evidence if item.source == "estimate_vram"} == {"bytes"}
    assert {item.kind for item in evidence} == {"move", "tool", "card"}


def test_a_healthy_run_has_one_finding_that_says_so() -> None:
    assert [item.text for item in make_grounds("healthy").evidence if item.kind == "finding"] == [NO_FAULT]


def test_a_setting_that_is_known_otherwise_goes_before_the_log() -> None:
    run = read("overfit")
    told = {"learning_rate": Setting("learning_rate", 3e-4, Line(0, "with 3e-4", "you"))}
    evidence = collect_evidence([(run, diagnose(run))], [], [], (), told)
    rates = [item for item in evidence if "learning_rate" in item.text]
    assert [(item.text, item.kind) for item in rates] == [("The setting learning_rate is 0.0003.", "setting")]


def test_citations_are_written_as_what_they_stand_for() -> None:
    item = Evidence("E1", "It climbs.", 2.5, f"overfitting: {Path('train.log')} L5")
    assert cite_sources("It climbs [E1].", [item]) == "It climbs [overfitting]."
