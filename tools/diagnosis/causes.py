"""Roots and what follows from them: a root is told once, its consequences stand under it and not beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tools.diagnosis.finding import Finding
from tools.diagnosis.loss_broken import EVALUATION_ONLY

# Root -> what follows from it. Where the root is only possible, or its harm not shown, both stand for themselves.
CONSEQUENCES: dict[str, frozenset[str]] = {
    "rl_collapse": frozenset({"slow_training"}),
    "out_of_memory_gpu": frozenset({"memory_fragmentation"}),
    "out_of_memory_eval": frozenset({"memory_fragmentation"}),
    "no_grad_path": frozenset({"loss_not_decreasing", "vanishing_gradients"}),
    "label_masking": frozenset({"loss_not_decreasing", "vanishing_gradients"}),
    "learning_rate_too_high": frozenset(
        {"loss_divergence", "loss_spikes", "exploding_gradients", "lr_schedule", "loss_not_decreasing", "overfitting"}
    ),
    "learning_rate_too_low": frozenset({"loss_not_decreasing", "underfitting"}),
    "lora_misconfiguration": frozenset(
        {"loss_not_decreasing", "loss_divergence", "loss_spikes", "exploding_gradients", "vanishing_gradients"}
    ),
    "data_quality": frozenset({"base_model_mismatch", "loss_not_decreasing", "underfitting"}),
    "loss_nan": frozenset(
        {"loss_zero", "loss_divergence", "loss_not_decreasing", "overfitting", "loss_spikes", "data_leakage"}
    ),
    "loss_zero": frozenset(
        {"loss_divergence", "loss_not_decreasing", "overfitting", "loss_spikes", "data_leakage", "duplicate_data"}
    ),
    "exploding_gradients": frozenset({"loss_divergence", "loss_not_decreasing", "overfitting"}),
    "loss_divergence": frozenset({"loss_not_decreasing", "overfitting", "lr_schedule", "loss_spikes"}),
    "loss_spikes": frozenset({"overfitting"}),
    "vanishing_gradients": frozenset({"loss_not_decreasing"}),
    "checkpoint_resume": frozenset({"loss_divergence", "loss_spikes", "overfitting", "lr_schedule"}),
    "data_leakage": frozenset({"loss_not_decreasing", "duplicate_data"}),
    "overfitting": frozenset({"missing_regularization"}),
}


def fold(findings: Sequence[Finding]) -> list[Finding]:
    """Put consequences under their roots. What is folded itself folds nothing: a root names all that it explains."""
    found = {finding.id: finding for finding in findings}
    children: dict[str, set[str]] = {}
    folded: set[str] = set()
    for finding in sorted(findings, key=lambda finding: _rank(finding.id)):
        if finding.id not in folded:
            children[finding.id] = _children(finding, found) - folded
            folded |= children[finding.id]
    return [
        replace(finding, consequences=tuple(sorted(children[finding.id])))
        for finding in findings
        if finding.id not in folded
    ]


def _rank(name: str) -> int:
    """Place in the order of roots; what is no root comes last."""
    return list(CONSEQUENCES).index(name) if name in CONSEQUENCES else len(CONSEQUENCES)


def _children(root: Finding, found: dict[str, Finding]) -> set[str]:
    """What a finding explains: nothing where it is a note, or possible only beside something surer.

    A training loss that prints as 0.0 while only the validation loss prints as nan is told as it is printed.
    """
    if root.severity == "note":
        return set()
    beside = {"loss_zero"} if root.values.get("series") == EVALUATION_ONLY else set()
    return {
        child
        for child in (CONSEQUENCES.get(root.id, frozenset()) - beside) & found.keys()
        if root.confidence != "possible" or found[child].severity == "note"
    }


CURED_APART = frozenset({"memory_fragmentation"})
"""Consequences with a cure of their own that costs nothing: it comes before those of their root."""


def tell_consequences(finding: Finding) -> Iterator[str]:
    """What follows from a finding, in words."""
    following = [name for name in finding.consequences if name not in CURED_APART]
    apart = [name for name in finding.consequences if name in CURED_APART]
    if following:
        yield f"What follows from it and needs no cure of its own: {', '.join(following)}."
    if apart:
        yield f"What goes with it and has a cure of its own, which comes first: {', '.join(apart)}."
