"""What a person handed over, read and judged: logs by the rules of the diagnosis, data by its inspection."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.events import Event, FindingFound
from assistant.kept_logs import KeptLog, PathLog, PipedLog
from assistant.turn_input import LogMemory, Request, stamp_file
from assistant.turn_record import TurnRecord
from tools.diagnosis import diagnose
from tools.diagnosis.finding import Diagnosis
from tools.errors import BadInput
from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import ByteSource
from tools.log_parser import parse_log, parse_path
from tools.run import Run, Setting

if TYPE_CHECKING:
    from assistant.question import Asked

_WONDERING = lazy_pattern(
    r"\b(?:what if|if (?:i|we)|should|could|would|can (?:i|we)|might|may (?:i|we)|instead|try|better|rather"
    r"|(?:how|what) about|and with|will|does|do i|is (?:it|a|an|my|this)|are \d)\b"
)
"""Words of somebody who asks what a setting would do, and does not say that the run had it."""

_TELLING = lazy_pattern(r"\d ?e ?-?\d|\b(?:lr|rates?|rank|batch|examples|rows|dropout|lora|decay|length|bf16|fp16)\b")

Judged = tuple[Run, Diagnosis]
Log = Path | tuple[str, ByteSource]


def read_logs(
    request: Request, memory: LogMemory, record: TurnRecord, *, is_kept: bool
) -> Generator[Event, None, list[Judged]]:
    """Read and judge each log; one that cannot be read is a note.

    Args:
        request: its logs, and the config's settings, which go before a log's own.
        memory: of the conversation; a file that has not changed since is not parsed again.
        record: takes the calls and notes.
        is_kept: whether a pipe's text is kept, to be quoted from.
    """
    judged: list[Judged] = []
    settings = name_config(request)
    for log in request.logs:
        run = yield from _read(log, memory, record, is_kept=is_kept)
        if run is None:
            continue
        run = replace(run, settings={**run.settings, **settings})
        begun, call = record.start("diagnose", {"file": run.name})
        yield begun
        diagnosis = diagnose(run)
        yield call.finish({"findings": [one.id for one in diagnosis.findings], "judged": diagnosis.is_judged})
        judged.append((run, diagnosis))
        yield from (FindingFound(run.name, finding) for finding in diagnosis.findings)
    return judged


def fill_in(
    judged: Sequence[Judged], asked: "Asked", record: TurnRecord
) -> Generator[Event, None, tuple[Sequence[Judged], bool]]:
    """Judge a log again with the settings that it does not tell and the person does; one that it tells stands.

    Returns:
        The log, and whether something else is found in it now. Where there are several logs it is not known whose
        settings they are, and where the person only wonders they are nobody's.
    """
    told = {
        name: setting for name, setting in asked.settings.items() if all(name not in run.settings for run, _ in judged)
    }
    if len(judged) != 1 or not told or _WONDERING.search(asked.question.lower()):
        return judged, False
    run, before = judged[0]
    run = replace(run, settings={**run.settings, **told})
    begun, call = record.start("diagnose", {"file": run.name, "told": {name: one.value for name, one in told.items()}})
    yield begun
    diagnosis = diagnose(run)
    findings = tuple(
        replace(finding, evidence=tuple(line for line in finding.evidence if line.number))
        for finding in diagnosis.findings
    )
    diagnosis = replace(diagnosis, findings=findings)
    yield call.finish({"findings": [one.id for one in findings], "judged": diagnosis.is_judged})
    known = {finding.id for finding in before.findings}
    yield from (FindingFound(run.name, finding) for finding in findings if finding.id not in known)
    return [(run, diagnosis)], known != {finding.id for finding in findings}


def tells_settings(question: str) -> bool:
    """Whether a question may tell a setting of the run, so that it is read before the log is judged for good."""
    return bool(_TELLING.search(question.lower()))


def name_config(request: Request) -> dict[str, Setting]:
    """The config's settings, each with the config's name at its line."""
    if not request.config_name:
        return dict(request.settings)
    return {
        name: replace(setting, line=replace(setting.line, source=setting.line.source or request.config_name))
        for name, setting in request.settings.items()
    }


def _read(log: Log, memory: LogMemory, record: TurnRecord, *, is_kept: bool) -> Generator[Event, None, Run | None]:
    name = str(log) if isinstance(log, Path) else log[0]
    begun, call = record.start("parse_log", {"file": name})
    yield begun
    try:
        run, kept = _parse(log, memory, is_kept=is_kept)
    except BadInput as error:
        yield from record.note(str(error))
        yield call.finish({"error": str(error)})
        return None
    if is_kept:
        memory.keep(run.name, kept)
    yield call.finish({"format": run.format, "records": run.num_records, "lines": run.num_lines})
    return run


def _parse(log: Log, memory: LogMemory, *, is_kept: bool) -> tuple[Run, KeptLog | None]:
    """The run, and how to read its log again: None for a run folder."""
    if not isinstance(log, Path):
        name, stream = log
        if not is_kept:
            return parse_log(stream, name), None
        piped = PipedLog(stream)
        return parse_log(piped, name), piped
    stamp = stamp_file(log)
    if stamp is None:
        return parse_path(log), None
    run = memory.runs.get(stamp)
    if run is None:
        run = parse_path(log)
        memory.keep_run(stamp, run)
    return run, PathLog(log)


def is_unchanged(logs: Sequence[Log], memory: LogMemory, judged: Sequence[Judged]) -> bool:
    """Whether all logs are files that this conversation has read already, and that have not changed since."""
    names: Mapping[str, object] = {run.name: run for run, _ in judged}
    return bool(logs) and all(
        isinstance(log, Path) and str(log) in names and stamp_file(log) in memory.runs for log in logs
    )


def without_findings(judged: Sequence[Judged]) -> list[Judged]:
    """The logs with nothing of what was found in them, for a text that is about something else."""
    return [(run, replace(diagnosis, findings=(), unexplained=())) for run, diagnosis in judged]
