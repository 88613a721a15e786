"""What a language model may call: plain functions over what the person named, and nothing else.

A log or data file is named by its name in the list of this turn; no path is ever opened that the person did not name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assistant.kept_logs import KeptLog
from assistant.log_lines import read_span, shorten_line
from assistant.tool_reports import CardReport, DataReport, MemoryReport, Metric, ParameterReport, Report, SpanReport
from knowledge.card import Card
from knowledge.retrieval import CardHit, is_in_scope
from tools.errors import BadInput
from tools.run import Run

if TYPE_CHECKING:
    from tools.vram_report import VramReport

MAX_SPAN_LINES = 5000
MAX_SHOWN_LINES = 30
MAX_METRICS = 8
MAX_PROBLEMS = 5
MAX_CARDS = 3
MAX_DEFECTS = 12
MAX_TEXT = 200

CountMethod = Literal["full", "lora", "dora"]
MemoryMethod = Literal["full", "lora", "qlora", "dora", "8bit"]


def name_files(paths: Sequence[str]) -> dict[str, str]:
    """What each file is called in a turn: its last part where that is enough to tell it from the others.

    Example:
        >>> name_files(["/a/train.log", "/b/train.log", "/data/sft.jsonl"])
        {'/a/train.log': '/a/train.log', '/b/train.log': '/b/train.log', 'sft.jsonl': '/data/sft.jsonl'}
    """
    last = [Path(path).name or path for path in paths]
    return {name if last.count(name) == 1 else path: path for name, path in zip(last, paths, strict=True)}


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools, bound to one turn.

    Attributes:
        logs: by name, how to read each again; data: by name, the file.
        model: as the person named it, "" where nobody did.
        flags: of the memory estimate, as the run's settings make them; arguments that are left out keep them.
        find: finds cards by words; load_card: a card by its id.
    """

    logs: Mapping[str, KeptLog]
    data: Mapping[str, Path]
    model: str
    flags: Mapping[str, Any]
    find: Callable[[str, Sequence[str]], list[CardHit]]
    load_card: Callable[[str], Card]

    def functions(self) -> list[Callable[..., Report]]:
        """The tools that this turn can serve: none that reads a file where there is none."""
        files = [tool for tool, named in ((self.parse_log_span, self.logs), (self.inspect_dataset, self.data)) if named]
        return [*files, self.count_parameters, self.estimate_vram, self.search_cards]

    def parse_log_span(self, file: str, first_line: int, last_line: int) -> SpanReport:
        """Read the lines from first_line to last_line of a log: metric rows, errors and the text itself.

        Args:
            file: a log's name in this turn's list.
            first_line: from 1.
            last_line: included; at most MAX_SPAN_LINES further on.

        Raises:
            BadInput: the file is not in the list, or the lines are not in it.
        """
        from tools.log_parser import parse_log

        log = self.logs[_check_named(file, self.logs, "log")]
        if not 1 <= first_line <= last_line < first_line + MAX_SPAN_LINES:
            raise BadInput(
                f"lines must be 1 or more, in order and at most {MAX_SPAN_LINES:,}, got {first_line} to {last_line}"
            )
        raw = read_span(log, first_line, last_line)
        if not raw.strip():
            raise BadInput(f"{file}: nothing stands in lines {first_line} to {last_line}; name lines that it has")
        return _describe_span(file, first_line, raw, parse_log(_Once(raw), file))

    def count_parameters(
        self, model: str = "", method: CountMethod = "lora", rank: int = 0, targets: str = ""
    ) -> ParameterReport:
        """Count a model's parameters exactly, and those that full fine-tuning, LoRA or DoRA trains.

        Args:
            model: a well-known model's name; left out for the person's own.
            method: what is trained.
            rank: of LoRA, 0 for the run's own.
            targets: adapted modules with commas, or all-linear; left out for the run's own.

        Raises:
            BadInput: the model is not known, or a value is not allowed.
        """
        from assistant.params_command import read_adaptation
        from tools.model_config import load_model_shape
        from tools.parameters import count_parameters

        asked: dict[str, Any] = {"method": method}
        if method != "full":
            own = {name: self.flags[name] for name in ("rank", "targets") if name in self.flags}
            asked |= own | {name: value for name, value in (("rank", rank), ("targets", targets)) if value}
        shape = load_model_shape(self._check_model(model))
        count = count_parameters(shape, read_adaptation(asked))
        return ParameterReport(shape.name, method, count.total, count.trainable, count.active)

    def estimate_vram(
        self,
        model: str = "",
        method: MemoryMethod | None = None,
        gpu: str = "",
        micro_batch: int = 0,
        seq_len: int = 0,
    ) -> MemoryReport:
        """Estimate the GPU memory that fine-tuning takes. What is left out stays as in the person's run.

        Args:
            model: a well-known model's name; left out for the person's own.
            method: what is trained, and how the weights are held.
            gpu: by name, to tell whether it fits.
            micro_batch: sequences in one forward pass on one GPU.
            seq_len: tokens in one sequence.

        Raises:
            BadInput: the model or the GPU is not known, or a value is not allowed.
        """
        from assistant.vram_command import make_report

        given = {"method": method, "gpu": gpu, "micro_batch": micro_batch, "seq_len": seq_len}
        flags: dict[str, Any] = {**self.flags, **{name: value for name, value in given.items() if value}}
        if flags.get("method") == "full":
            flags = {name: value for name, value in flags.items() if name not in ("rank", "targets")}
        return _describe_memory(
            make_report({**flags, "model": self._check_model(model)}), str(flags.get("method", "lora"))
        )

    def search_cards(self, words: str) -> tuple[CardReport, ...]:
        """Search the cards of known fine-tuning faults by what is seen, as "loss is nan after warmup".

        Args:
            words: the signs, in a few words.

        Raises:
            BadInput: there are no words.
        """
        if not words.strip():
            raise BadInput("words is empty; name what is seen, as 'loss is nan after warmup'")
        hits = [hit for hit in self.find(words[:MAX_TEXT], ()) if is_in_scope([hit])]
        cards = [self.load_card(hit.card_id) for hit in hits[:MAX_CARDS]]
        return tuple(CardReport(card.id, card.title, card.signs[0] if card.signs else "") for card in cards)

    def inspect_dataset(self, file: str) -> DataReport:
        """Look through a training data file for duplicates, empty answers, broken formats and other defects.

        Args:
            file: a data file's name in this turn's list.

        Raises:
            BadInput: the file is not in the list, or cannot be read.
        """
        from tools.dataset import inspect_dataset

        report = inspect_dataset([self.data[_check_named(file, self.data, "data file")]])
        defects = tuple((one.kind, one.num_rows, one.summary, one.pitfall) for one in report.defects[:MAX_DEFECTS])
        return DataReport(file, report.format, report.num_rows, defects)

    def _check_model(self, name: str) -> str:
        """The person's own model, or one of the catalogue: no path and no hub is reached for another."""
        from tools.catalogue import explain_miss, find_by_loose_name, find_in_catalogue

        if not name.strip() or name.strip().lower() == self.model.lower():
            if not self.model:
                raise BadInput("no model was named in this conversation; give the name of a well-known model")
            return self.model
        found = find_in_catalogue(name) or find_by_loose_name(name[:MAX_TEXT])
        if found is None:
            raise explain_miss(name[:MAX_TEXT])
        return found[0]


def _check_named(file: str, allowed: Mapping[str, object], kind: str) -> str:
    if file in allowed:
        return file
    names = ", ".join(sorted(allowed)) or "none"
    raise BadInput(f"{file[:MAX_TEXT]!r} is no {kind} of this turn; allowed: {names}")


class _Once:
    """Bytes as a stream."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def read(self, size: int, /) -> bytes:
        start, self._place = self._place, self._place + size
        return self._data[start : self._place]


def _describe_memory(report: "VramReport", method: str) -> MemoryReport:
    size, settings = report.estimate.smi_bytes, report.estimate.settings
    first, verdict = next(zip(report.gpus, report.verdicts, strict=True), (None, None))
    return MemoryReport(
        model=report.model.shape.name,
        method=method,
        micro_batch=settings.micro_batch,
        seq_len=settings.seq_len,
        smi_bytes=size.value,
        low_bytes=size.low,
        high_bytes=size.high,
        peak_at=report.estimate.peak_at,
        gpu=first.name if first else "",
        usable_bytes=first.usable_bytes if first else 0,
        verdict=verdict or "",
    )


def _describe_span(file: str, first_line: int, raw: bytes, run: Run) -> SpanReport:
    lines = raw.split(b"\n")
    shown = tuple(f"L{number}  {shorten_line(line)}" for number, line in enumerate(lines[:MAX_SHOWN_LINES], first_line))
    metrics = []
    for name, series in list(run.series.items())[:MAX_METRICS]:
        values, points = series.values, series.points
        lowest, highest = (min(values), max(values)) if values else (None, None)
        metrics.append(Metric(name, series.num_points, points[0].value, points[-1].value, lowest, highest))
    problems = tuple(
        f"L{one.first_line + first_line - 1}: {one.summary[:MAX_TEXT]}" for one in run.problems[:MAX_PROBLEMS]
    )
    return SpanReport(file, first_line, first_line + len(lines) - 1, tuple(metrics), problems, shown)
