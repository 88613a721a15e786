"""The training data that a person named: inspected without being asked, told as a section, judged like a log."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.compose import Section
from assistant.events import Event, FindingFound
from assistant.turn_record import TurnRecord
from tools.diagnosis.finding import Finding, Severity
from tools.errors import FtchatError
from tools.run import Setting

if TYPE_CHECKING:
    from tools.dataset import DatasetReport, Defect

HEADING = "THE DATA"
MAX_DEFECTS = 6
MAX_FINDINGS = 3
MAX_ROWS = 6
TOOL = "inspect_dataset"


@dataclass(frozen=True, slots=True)
class DataRead:
    """What the data shows.

    Attributes:
        reports: of the files that could be read.
        findings: (file, finding): the pitfalls that its defects lead to, worst first, notes left out.
        facts: (sentence, number, tool) for the evidence.
    """

    reports: "tuple[DatasetReport, ...]" = ()
    findings: tuple[tuple[str, Finding], ...] = ()
    facts: tuple[tuple[str, int, str], ...] = ()

    def section(self) -> Section:
        """The reports as a person reads them."""
        entries = tuple((_tell_head(report), _tell_defects(report)) for report in self.reports)
        return Section(HEADING, entries)


def read_data(
    paths: Sequence[Path], record: TurnRecord, known: Sequence[str], max_length: int | None = None
) -> Generator[Event, None, DataRead]:
    """Inspect the files together, so that a held-out one is compared with the others; an unreadable one is a note.

    Args:
        paths: as the person named them, at least one.
        record: takes the call and the notes.
        known: ids of findings that were made already.
        max_length: tokens that the trainer keeps of a row, where known.
    """
    from tools.dataset import inspect_datasets

    begun, call = record.start(TOOL, {"files": [str(path) for path in paths]})
    yield begun
    told = inspect_datasets(list(paths), max_length=max_length)
    for error in told:
        if isinstance(error, FtchatError):
            yield from record.note(str(error))
    reports = tuple(report for report in told if not isinstance(report, FtchatError))
    yield call.finish({"files": [_summarise(report) for report in reports]})
    findings: dict[str, tuple[str, Finding]] = {}
    for report in reports:
        for finding in find_pitfalls(report.defects):
            if finding.id not in known:
                findings.setdefault(finding.id, (report.name, finding))
    yield from (FindingFound(*one) for one in findings.values())
    facts = tuple(fact for report in reports for fact in _tell_facts(report))
    return DataRead(reports, tuple(findings.values()), facts)


def find_max_length(settings: Mapping[str, Setting]) -> int | None:
    """The tokens that the trainer keeps of a row, None where no setting tells."""
    setting = settings.get("max_length")
    return int(setting.value) if setting and isinstance(setting.value, float) and setting.value >= 1 else None


def find_pitfalls(defects: "Sequence[Defect]") -> tuple[Finding, ...]:
    """The pitfalls that defects lead to, each once with all that shows it; what is worth only a look leads nowhere."""
    grouped: dict[str, list[Defect]] = {}
    for defect in defects:
        if defect.severity != "note":
            grouped.setdefault(defect.pitfall, []).append(defect)
    return tuple(_to_finding(pitfall, shown) for pitfall, shown in list(grouped.items())[:MAX_FINDINGS])


def _to_finding(pitfall: str, defects: "Sequence[Defect]") -> Finding:
    severity: Severity = "error" if any(defect.severity == "error" for defect in defects) else "warning"
    return Finding(
        id=pitfall,
        severity=severity,
        confidence="certain",
        summary=" ".join(defect.summary for defect in defects[:2]),
        values={defect.kind: defect.num_rows for defect in defects},
        evidence=(),
    )


def _summarise(report: "DatasetReport") -> dict[str, object]:
    defects = [
        {
            "kind": one.kind,
            "num_rows": one.num_rows,
            "share": one.share,
            "first_rows": list(one.rows[:MAX_ROWS]),
            "summary": one.summary,
        }
        for one in report.defects
    ]
    told = {"file": report.name, "format": report.format, "num_rows": report.num_rows}
    return {**told, "defects": defects, "notes": list(report.notes)}


def _tell_head(report: "DatasetReport") -> str:
    return f"{report.name}: {report.num_rows:,} rows of the form '{report.format}'"


def _tell_defects(report: "DatasetReport") -> tuple[str, ...]:
    told = []
    for defect in report.defects[:MAX_DEFECTS]:
        rows = ", ".join(map(str, defect.rows[:MAX_ROWS]))
        more = " and more" if defect.num_rows > MAX_ROWS else ""
        told.append(f"{defect.summary}{f' Rows {rows}{more}.' if rows else ''} [{defect.pitfall}]")
    left = len(report.defects) - MAX_DEFECTS
    told += [f"{left} more kinds of defects: ftchat data {report.name}"] if left > 0 else []
    told += [] if report.defects else ["No defect was found in it."]
    return (*told, *report.notes)


def _tell_facts(report: "DatasetReport") -> list[tuple[str, int, str]]:
    facts = [(f"{_tell_head(report)}.", report.num_rows, TOOL)]
    return facts + [(defect.summary, defect.num_rows, TOOL) for defect in report.defects[:MAX_DEFECTS]]
