"""The output of ``ftchat models``, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assistant.model_listing import ListedModel
from assistant.probe_case import CHANCE, GROUPS
from assistant.probe_score import NARRATE_BARS, TOOLS_BARS, ProbeScore
from tools.units import format_bytes, format_duration

UNKNOWN = "-"
_NUMBERS = {"parameters", "size", "memory"}
_BARS: Mapping[str, float] = {**NARRATE_BARS, **TOOLS_BARS}


def render_models(models: Sequence[ListedModel], free_bytes: int | None) -> list[str]:
    """A table, the model in use marked with a star, and what to do next."""
    head = ("", "name", "parameters", "size", "memory", "licence", "here", "probe")
    rows = [head, *(_row(model) for model in models)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if title in _NUMBERS else cell.ljust(width)
            for cell, width, title in zip(row, widths, head, strict=True)
        ).rstrip()
        for row in rows
    ]
    free = f"{format_bytes(free_bytes)} are free" if free_bytes is not None else "how much is free is not known"
    lines += ["", f"* answers now. Memory: with a context of 4,096 tokens; {free}, and ! marks what does not fit."]
    return [*lines, "Next: ftchat models pull NAME, ftchat models use NAME, ftchat models probe NAME"]


def _row(model: ListedModel) -> tuple[str, ...]:
    memory = format_bytes(model.memory_bytes) if model.memory_bytes is not None else UNKNOWN
    return (
        "*" if model.in_use else "",
        model.name,
        _count(model.parameters),
        format_bytes(model.size_bytes) if model.size_bytes is not None else UNKNOWN,
        f"{memory} !" if model.fits is False else memory,
        model.licence or UNKNOWN,
        "yes" if model.is_present else "no",
        describe_result(model.score),
    )


def _count(parameters: int | None) -> str:
    if parameters is None:
        return UNKNOWN
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.0f} M"


def describe_result(score: ProbeScore | None) -> str:
    """How many cases were right, and how a model with this score answers."""
    if score is None:
        return "not measured"
    passed, total = sum(tally.passed for tally in score.groups.values()), sum(t.total for t in score.groups.values())
    return f"{passed}/{total}, {describe_mode(score)}"


def describe_mode(score: ProbeScore | None) -> str:
    """How a model with this score answers."""
    if score is None or not score.may_narrate:
        return "compose"
    return "narrate, calls tools" if score.may_call_tools else "narrate"


def render_score(score: ProbeScore) -> list[str]:
    """A table of the groups, then what the model may do and why not."""
    num_cases = sum(tally.total for tally in score.groups.values())
    lines = [f"{score.model}: {num_cases} cases in {format_duration(score.seconds)}", ""]
    lines.append(f"{'group':<12}{'right':>9}{'share':>8}{'95 % interval':>18}{'chance':>9}{'bar':>7}")
    for group in GROUPS:
        tally = score.groups[group]
        low, high = tally.interval()
        lines.append(
            f"{group:<12}{f'{tally.passed}/{tally.total}':>9}{tally.share:>8.0%}{f'{low:.0%} to {high:.0%}':>18}"
            f"{CHANCE[group]:>9.0%}{_BARS[group]:>7.0%}"
        )
    lines += ["", _allow("write freely (narrate), under the verifier", score.narrate_faults())]
    return [*lines, _allow("call tools by itself", score.tools_faults())]


def _allow(what: str, faults: Sequence[str]) -> str:
    return f"may not {what}: {'; '.join(faults)}" if faults else f"may {what}"


def describe_model(model: ListedModel) -> dict[str, Any]:
    """A model for programs."""
    score = describe_score(model.score) if model.score else None
    return {**{key: value for key, value in asdict(model).items() if key != "score"}, "probe": score}


def describe_score(score: ProbeScore) -> dict[str, Any]:
    """A score for programs."""
    groups = {}
    for group in GROUPS:
        tally = score.groups[group]
        low, high = tally.interval()
        groups[group] = {
            "passed": tally.passed,
            "total": tally.total,
            "share": tally.share,
            "low": low,
            "high": high,
            "chance": CHANCE[group],
            "bar": _BARS[group],
        }
    return {
        "version": score.version,
        "groups": groups,
        "num_inverted": score.num_inverted,
        "may_narrate": score.may_narrate,
        "may_call_tools": score.may_call_tools,
        "seconds": score.seconds,
    }
