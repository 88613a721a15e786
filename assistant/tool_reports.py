"""What the tools of a language model answer: typed, small, and told as facts with their numbers."""

from dataclasses import dataclass

from tools.units import format_bytes, format_number

MAX_FACTS = 8
VERDICTS = {
    "fits": "it fits",
    "tight": "it is tight and may run out of memory",
    "does_not_fit": "it does not fit",
}
METHODS = {
    "full": "full fine-tuning",
    "lora": "LoRA",
    "dora": "DoRA",
    "qlora": "QLoRA",
    "8bit": "LoRA on 8-bit weights",
}

Fact = tuple[str, float | int | str | None]
"""A sentence, and the number behind it."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric over some lines; lowest and highest of its finite values."""

    name: str
    num_points: int
    first: float
    last: float
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class SpanReport:
    """What stands in some lines of a log; ``lines`` are the first of them, each behind its number."""

    file: str
    first_line: int
    last_line: int
    metrics: tuple[Metric, ...]
    problems: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParameterReport:
    """How many parameters a model has, how many of them are trained, and how many a token passes."""

    model: str
    method: str
    total: int
    trainable: int
    active: int


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """What nvidia-smi would show at the peak, and whether a GPU holds it ("" where none was named)."""

    model: str
    method: str
    micro_batch: int
    seq_len: int
    smi_bytes: int
    low_bytes: int
    high_bytes: int
    peak_at: str
    gpu: str
    usable_bytes: int
    verdict: str


@dataclass(frozen=True, slots=True)
class CardReport:
    """A card that fits the words."""

    id: str
    title: str
    sign: str


@dataclass(frozen=True, slots=True)
class DataReport:
    """Defects of a data file: kind, number of rows, sentence, card."""

    file: str
    format: str
    num_rows: int
    defects: tuple[tuple[str, int, str, str], ...]


Report = SpanReport | ParameterReport | MemoryReport | DataReport | tuple[CardReport, ...]


@dataclass(frozen=True, slots=True)
class Lead:
    """What one call of a model gave."""

    name: str
    report: Report


def tell_report(report: Report) -> tuple[Fact, ...]:
    """The facts in a report, a sentence each.

    Example:
        >>> tell_report(ParameterReport("tiny", "lora", 1200, 200, 1200))
        (('tiny has 1,200 parameters with LoRA, which trains 200 of them.', 200),)
    """
    if isinstance(report, SpanReport):
        return _tell_span(report)
    if isinstance(report, ParameterReport):
        method = METHODS[report.method]
        text = (
            f"{report.model} has {report.total:,} parameters with {method}, which trains {report.trainable:,} of them."
        )
        return ((text, report.trainable),)
    if isinstance(report, MemoryReport):
        return _tell_memory(report)
    if isinstance(report, DataReport):
        head = f"{report.file} holds {report.num_rows:,} rows of the form '{report.format}'."
        return ((head, report.num_rows), *((text, rows) for _, rows, text, _ in report.defects[: MAX_FACTS - 1]))
    return tuple((card.sign, None) for card in report if card.sign)


def _tell_span(report: SpanReport) -> tuple[Fact, ...]:
    where = f"Lines {report.first_line} to {report.last_line} of {report.file}"
    facts: list[Fact] = []
    for metric in report.metrics[: MAX_FACTS - 2]:
        first, last = format_number(metric.first), format_number(metric.last)
        text = f"{where} hold {metric.num_points} values of {metric.name}, the first {first}, the last {last}."
        facts.append((text, metric.last))
    facts += [(f"{where} hold an error: {problem}", None) for problem in report.problems[:2]]
    return tuple(facts) or ((f"{where} hold no metric and no error.", None),)


def _tell_memory(report: MemoryReport) -> tuple[Fact, ...]:
    setup = f"{report.model} with {METHODS.get(report.method, report.method)}, micro-batch {report.micro_batch}"
    size, low, high = (format_bytes(value) for value in (report.smi_bytes, report.low_bytes, report.high_bytes))
    text = f"{setup} and {report.seq_len} tokens takes about {size} of GPU memory ({low} to {high})."
    if not report.gpu:
        return ((text, report.smi_bytes),)
    room = f"On {report.gpu}, with {format_bytes(report.usable_bytes)} usable, {VERDICTS[report.verdict]}."
    return (text, report.smi_bytes), (room, report.usable_bytes)
