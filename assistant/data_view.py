"""The state of a training set for a terminal: what it is, what is wrong with which rows, what was not checked."""

from collections.abc import Iterable, Sequence

from assistant.compose import Section
from tools.dataset import DatasetReport, Defect

SHOWN_ROWS = 8
SHOWN_LABELS = 8
SHOWN_COLUMNS = 12
SHOWN_NOTES = 8
FORMATS = {
    "messages": "chats with role and content",
    "sharegpt": "chats with from and value",
    "alpaca": "instruction and output",
    "prompt_completion": "prompt and completion",
    "question_answer": "question and answer",
    "preference": "chosen and rejected answers",
    "kto": "answers with a mark, good or bad",
    "classification": "text and label",
    "text": "plain text",
    "tokenised": "token ids",
    "unknown": "no known format",
}


def data_sections(report: DatasetReport) -> list[Section]:
    """Everything that is known about one set, in the order in which a person needs it."""
    sections = (_what_was_read(report), _what_is_wrong(report), _not_checked(report), _what_next(report))
    return [section for section in sections if section.entries]


def _what_was_read(report: DatasetReport) -> Section:
    bad = f", {report.num_bad:,} more cannot be read" if report.num_bad else ""
    head = f"{report.name}: {report.format} ({FORMATS[report.format]}), {report.num_rows:,} rows{bad}"
    columns = ", ".join(report.columns[:SHOWN_COLUMNS]) + (", …" if len(report.columns) > SHOWN_COLUMNS else "")
    under = [f"Columns: {columns}."]
    if report.splits:
        under.append(f"Splits: {', '.join(f'{name} {number:,}' for name, number in report.splits.items())}.")
    under += [
        f"{'Tokens of a row' if part == 'tokens' else f'Characters of the {part}'}: "
        f"{found.median:,} in the middle, 90 % up to {found.p90:,}, 99 % up to {found.p99:,}, "
        f"longest {found.longest:,}."
        for part, found in report.lengths.items()
    ]
    if report.labels:
        shown = [f"'{name}' {number:,}" for name, number in list(report.labels.items())[:SHOWN_LABELS]]
        more = len(report.labels) - len(shown)
        under.append(f"Labels: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}.")
    under += [f"{note[:1].upper()}{note[1:]}." for note in report.notes[:SHOWN_NOTES]]
    return Section("WHAT WAS READ", ((head, tuple(under)),))


def _what_is_wrong(report: DatasetReport) -> Section:
    if not report.defects:
        told = "Nothing was found in these rows. Read twenty of them yourself: only a reader sees a wrong answer."
        return Section("WHAT IS WRONG", ((told, ()),))
    return Section(
        "WHAT IS WRONG",
        tuple((_head(defect), tuple(_under(defect, report.name))) for defect in report.defects),
    )


def _head(defect: Defect) -> str:
    return f"{defect.kind.replace('_', ' ')} ({defect.severity}) [{defect.pitfall}]"


def _under(defect: Defect, name: str) -> Iterable[str]:
    yield defect.summary
    if defect.places:
        yield f"Rows: {tell_rows(defect, name)}."
    if defect.sample:
        yield f'For example: "{defect.sample}"'


def tell_rows(defect: Defect, name: str) -> str:
    """The first rows of a defect, with their files where these are not what was asked about."""
    shown = [
        f"{place.row}" if place.file == name else f"{place.file}:{place.row}" for place in defect.places[:SHOWN_ROWS]
    ]
    more = defect.num_rows - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _not_checked(report: DatasetReport) -> Section:
    reasons: dict[str, list[str]] = {}
    for kind, reason in report.skipped.items():
        reasons.setdefault(reason, []).append(kind)
    return Section(
        "NOT CHECKED",
        tuple((f"{', '.join(kinds).replace('_', ' ')}: {reason}.", ()) for reason, kinds in reasons.items()),
    )


def _what_next(report: DatasetReport) -> Section:
    pitfalls = _order_pitfalls(report.defects)
    return Section("WHAT TO DO NEXT", tuple((f"ftchat cards show {pitfall}", ()) for pitfall in pitfalls[:3]))


def _order_pitfalls(defects: Sequence[Defect]) -> list[str]:
    return list(dict.fromkeys(defect.pitfall for defect in defects))
