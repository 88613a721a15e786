"""The numbered facts of a turn: all that a language model may speak of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.clauses import split_sentences
from assistant.moves import PlannedMove
from tools.diagnosis.finding import Diagnosis
from tools.run import Run, Setting
from tools.units import format_number

Kind = Literal["finding", "metric", "setting", "tool", "move", "card", "log"]

ADVICE = "Advice: "
COUNTS = "log: "
NO_FAULT = "No fault was found in what the log shows."
MAX_FINDINGS = 4
MAX_MOVES = 6
MAX_SETTINGS = 12
TOLD_SETTINGS = [
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "weight_decay",
    "max_length",
    "lr_scheduler_type",
    "warmup_steps",
    "warmup_ratio",
    "optim",
    "max_grad_norm",
    "bf16",
    "fp16",
    "gradient_checkpointing",
    "load_in_4bit",
    "packing",
    "num_examples",
    "total_steps",
    "trainable_parameters",
    "seed",
]
_UNITS = (("_bytes", "bytes"), ("_step", "step"), ("_epoch", "epoch"), ("_seconds", "s"), ("_share", "share"))


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact.

    Attributes:
        id: E1, E2, ... as citations name it.
        value: the number behind it where there is one.
        source: where it comes from: a finding, a card, lines of a log, a tool.
        unit: of the value, "" for a plain number or none.
        kind: what sort of fact it is; a move and a card speak of what to do and what is usual, the others of this run.
    """

    id: str
    text: str
    value: float | int | str | None
    source: str
    unit: str = ""
    kind: Kind = "finding"


_Row = tuple[str, float | int | str | None, str, str, Kind]


def collect_evidence(
    judged: Sequence[tuple[Run, Diagnosis]],
    moves: Sequence[PlannedMove],
    card_signs: Sequence[tuple[str, str]],
    measured: Sequence[tuple[str, float | int, str]] = (),
    settings: Mapping[str, Setting] | None = None,
) -> tuple[Evidence, ...]:
    """Number the facts of a turn, one sentence each.

    Args:
        judged: what was read: its findings, its measures and its settings.
        card_signs: (card, what it says) for the cards of the question.
        measured: (text, value, tool) of what tools said.
        settings: known beside the log's, as from the config or the question; they go before the log's own.
    """
    rows: list[_Row] = []
    for run, diagnosis in judged:
        rows += _finding_rows(run, diagnosis)
    rows += [(f"{ADVICE}{move.text}.", None, f"card {move.card}", "", "move") for move in moves[:MAX_MOVES]]
    rows += [(text, value, tool, _unit_of_tool(tool), "tool") for text, value, tool in measured]
    for run, _ in judged:
        rows += _metric_rows(run)
    rows += _setting_rows([settings or {}, *(run.settings for run, _ in judged)])
    rows += [(sign, None, f"card {card}", "", "card") for card, sign in card_signs]
    return tuple(Evidence(f"E{number}", *row) for number, row in enumerate(rows, start=1))


def _finding_rows(run: Run, diagnosis: Diagnosis) -> Iterable[_Row]:
    for finding in diagnosis.findings[:MAX_FINDINGS]:
        name, value = next(((name, value) for name, value in finding.values.items() if value is not None), ("", None))
        lines = ", ".join(f"L{line.number}" for line in finding.evidence)
        source = f"{finding.id}: {run.name} {lines}"
        for sentence in split_sentences(finding.summary):
            yield sentence, value, source, _unit_of_name(name), "finding"
    if not diagnosis.findings and diagnosis.is_healthy:
        yield NO_FAULT, None, f"diagnose: {run.name}", "", "finding"


def _unit_of_name(name: str) -> str:
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "")


def _unit_of_tool(tool: str) -> str:
    return {"estimate_vram": "bytes", "count_parameters": "parameters"}.get(tool, "")


def _metric_rows(run: Run) -> Iterable[_Row]:
    if not run.num_records:
        return
    losses, evals = run.points("loss"), run.points("eval_loss")
    parts = [f"{len(losses)} training rows"]
    if losses:
        first, last = format_number(losses[0].value), format_number(losses[-1].value)
        parts.append(f"first training loss {first}, last training loss {last}")
    if evals:
        parts.append(f"{len(evals)} evaluations")
    yield "The log holds " + ", ".join(parts) + ".", len(losses), f"{COUNTS}{run.name}", "rows", "metric"
    if len(evals) > 1:
        first, last = format_number(evals[0].value), format_number(evals[-1].value)
        text = f"The first validation loss is {first}, the last validation loss {last}."
        yield text, evals[-1].value, f"{COUNTS}{run.name}", "", "metric"


def _setting_rows(sources: Sequence[Mapping[str, Setting]]) -> Iterable[_Row]:
    """The settings that decide most, each once, with the line that names it."""
    known: dict[str, Setting] = {}
    for settings in sources:
        for name, setting in settings.items():
            known.setdefault(name, setting)
    told = [known[name] for name in TOLD_SETTINGS if name in known][:MAX_SETTINGS]
    for setting in told:
        value = format_number(setting.value) if isinstance(setting.value, float) else str(setting.value)
        place = f"L{setting.line.number}" if setting.line.number else "you"
        source = f"{COUNTS}{setting.line.source or ''}{place}"
        yield f"The setting {setting.name} is {value}.", setting.value, source, "", "setting"


def cite_sources(sentence: str, evidence: Sequence[Evidence]) -> str:
    """Write a sentence's citations as what they stand for: a finding's or card's id, or the log.

    Example:
        >>> cite_sources("It climbs [E1].", [Evidence("E1", "It climbs.", 2.5, "overfitting: train.log L5")])
        'It climbs [overfitting].'
    """
    for item in evidence:
        name = item.source.removeprefix("card ").split(":")[0]
        sentence = sentence.replace(f"[{item.id}]", f"[{name}]")
    return sentence
