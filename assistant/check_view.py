"""The diagnosis of one input for a terminal: what was read, curves, findings with their lines, moves, gaps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from assistant.compose import Section, tell_line
from assistant.curve import tell_curve
from tools.diagnosis.causes import tell_consequences
from tools.diagnosis.finding import Diagnosis, Finding
from tools.run import Run, Setting
from tools.units import format_bytes, format_number

if TYPE_CHECKING:
    from assistant.moves import PlannedMove

MAX_LINES = 4
MAX_NOTES = 8
INDENT_COLUMNS = 2
CURVES = ("loss", "eval_loss", "learning_rate", "grad_norm", "reward", "kl")
MACHINE = ("gpu_name", "gpu_total_bytes", "num_gpus", "world_size", "torch_version", "transformers_version")
SHOWN_SETTINGS = {
    "model_name_or_path": "model",
    "learning_rate": "learning rate",
    "lr_scheduler_type": "schedule",
    "per_device_train_batch_size": "micro-batch",
    "gradient_accumulation_steps": "accumulation",
    "num_train_epochs": "epochs",
    "max_steps": "max steps",
    "max_length": "length",
    "lora_r": "LoRA rank",
    "lora_alpha": "alpha",
    "optim": "optimiser",
    "bf16": "bf16",
    "fp16": "fp16",
    "load_in_4bit": "4-bit",
    "trainable_parameters": "trainable",
}


def view_sections(
    run: Run, diagnosis: Diagnosis, moves: "Sequence[PlannedMove]", titles: Mapping[str, str], width: int
) -> list[Section]:
    """Everything that is known about one input, in the order in which a person needs it.

    Args:
        moves: what to do, in order; titles: by finding id, the title of its card.
        width: columns of the terminal.
    """
    sections = (
        _what_was_read(run),
        _curves(run, width),
        _what_is_wrong(run, diagnosis, titles),
        _what_to_do(moves),
        _not_checked(diagnosis),
    )
    return [section for section in sections if section.entries]


def _what_was_read(run: Run) -> Section:
    if run.format is None:
        told = f"{run.name}: no known format, {run.num_lines} lines, no metric and no error message"
    else:
        told = f"{run.name}: {run.format}, {run.num_records} records in {run.num_lines} lines"
    machine = ", ".join(_tell_setting(name, run.settings[name]) for name in MACHINE if name in run.settings)
    chosen = ", ".join(
        f"{label} {_tell_setting(name, run.settings[name])}"
        for name, label in SHOWN_SETTINGS.items()
        if name in run.settings and run.settings[name].value is not False
    )
    under = [f"Machine: {machine}."] if machine else []
    under += [f"Settings: {chosen}."] if chosen else []
    under += [f"{note}." for note in run.notes[:MAX_NOTES]]
    if len(run.notes) > MAX_NOTES:
        under.append(f"{len(run.notes) - MAX_NOTES} more notes: see --json.")
    return Section("WHAT WAS READ", ((told, tuple(under)),))


def _tell_setting(name: str, setting: Setting) -> str:
    value = setting.value
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return f"{name.removesuffix('_version')} {value}" if name.endswith("_version") else value
    if name.endswith("_bytes"):
        return format_bytes(value)
    if name in ("num_gpus", "world_size"):
        return f"{name.replace('_', ' ')} {value:g}"
    return f"{value:,.0f}" if value.is_integer() and abs(value) >= 10_000 else format_number(value)


def _curves(run: Run, width: int) -> Section:
    shown = [name for name in CURVES if run.points(name)]
    lines = [tell_curve(name, run.series[name], width - INDENT_COLUMNS) for name in shown]
    return Section("CURVES", tuple((line, ()) for line in lines))


def _what_is_wrong(run: Run, diagnosis: Diagnosis, titles: Mapping[str, str]) -> Section:
    entries = [(_head(finding, titles), tuple(_under(finding))) for finding in diagnosis.findings]
    entries += [(f"An error that no rule explains: {text}", ()) for text in diagnosis.unexplained]
    is_quiet = all(finding.severity == "note" for finding in diagnosis.findings) and not diagnosis.unexplained
    if is_quiet:
        entries.insert(0, _nothing_found(run, diagnosis))
    return Section("WHAT IS WRONG", tuple(entries))


def _head(finding: Finding, titles: Mapping[str, str]) -> str:
    title = titles.get(finding.id, finding.id)
    return f"{title} ({finding.severity}, {finding.confidence}) [{finding.id}]"


def _under(finding: Finding) -> Iterable[str]:
    yield finding.summary
    yield from tell_consequences(finding)
    yield from map(tell_line, finding.evidence[:MAX_LINES])
    if len(finding.evidence) > MAX_LINES:
        yield f"{len(finding.evidence) - MAX_LINES} more lines show it: see --json."


def _nothing_found(run: Run, diagnosis: Diagnosis) -> tuple[str, tuple[str, ...]]:
    if not diagnosis.is_judged:
        return (f"{run.name} could not be judged: no metric and no error message was recognised in it.", ())
    if diagnosis.is_healthy is None:
        return ("Nothing was found, but too much is missing from this log to call the run healthy.", ())
    return ("No fault, as far as this log can show.", (f"Checked: {', '.join(diagnosis.checked)}.",))


def _what_to_do(moves: "Sequence[PlannedMove]") -> Section:
    entries = [
        (f"{number}. {move.text} [{move.card}]", (f"Cost: {move.cost}.",) if number == 1 else ())
        for number, move in enumerate(moves, start=1)
    ]
    return Section("WHAT TO DO, IN ORDER", tuple(entries))


def _not_checked(diagnosis: Diagnosis) -> Section:
    """What could not be checked and why, put together by what to hand over."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for rule, gap in diagnosis.skipped.items():
        reasons.setdefault(gap.attach, {}).setdefault(gap.reason, []).append(rule)
    entries = [
        (f"Attach {attach}:" if attach else "Does not apply to this log:", tuple(map(_tell_gap, told.items())))
        for attach, told in sorted(reasons.items(), key=lambda item: not item[0])
    ]
    return Section("NOT CHECKED", tuple(entries))


def _tell_gap(gap: tuple[str, Sequence[str]]) -> str:
    reason, rules = gap
    return f"{', '.join(rules)}: {reason}."
