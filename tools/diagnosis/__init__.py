"""The rules and the diagnosis: a new rule is one more judge function, named here."""

from dataclasses import replace

from tools.diagnosis.finding import SEVERITIES, CannotJudge, Diagnosis, Finding, Rule
from tools.diagnosis.generalisation import judge_no_evaluation, judge_overfitting
from tools.diagnosis.loss import (
    judge_loss_divergence,
    judge_loss_nan,
    judge_loss_not_decreasing,
    judge_loss_zero,
)
from tools.diagnosis.memory import judge_out_of_memory_eval, judge_out_of_memory_gpu
from tools.diagnosis.rates import judge_learning_rate_too_high, judge_learning_rate_too_low
from tools.diagnosis.speed import judge_slow_training
from tools.run import Run

# In the order in which findings of equal severity are told.
RULES: tuple[Rule, ...] = (
    Rule("out_of_memory_gpu", "console output", judge_out_of_memory_gpu),
    Rule("out_of_memory_eval", "console output", judge_out_of_memory_eval),
    Rule("loss_nan", "a loss", judge_loss_nan),
    Rule("loss_zero", "training losses", judge_loss_zero),
    Rule("loss_divergence", "8 training losses", judge_loss_divergence),
    Rule("loss_not_decreasing", "8 training losses from the start of the run", judge_loss_not_decreasing),
    Rule("learning_rate_too_high", "the learning rate and training losses", judge_learning_rate_too_high),
    Rule("learning_rate_too_low", "the learning rate and training losses", judge_learning_rate_too_low),
    Rule("overfitting", "3 evaluations", judge_overfitting),
    Rule("slow_training", "a progress bar or a warning", judge_slow_training),
    Rule("no_evaluation", "5 training rows", judge_no_evaluation),
)

# Root -> what follows from it and is told under it, not beside it.
CONSEQUENCES: dict[str, frozenset[str]] = {
    "loss_nan": frozenset({"loss_zero", "loss_divergence", "loss_not_decreasing", "overfitting"}),
    "loss_zero": frozenset({"loss_divergence", "loss_not_decreasing", "overfitting"}),
    "loss_divergence": frozenset({"loss_not_decreasing", "overfitting"}),
}


def diagnose(run: Run) -> Diagnosis:
    """Judge a run by every rule."""
    if not run.is_judgeable:
        return Diagnosis(is_judged=False, findings=(), checked=(), skipped={})
    verdicts = {rule.id: rule.judge(run) for rule in RULES}
    findings = [verdict for verdict in verdicts.values() if isinstance(verdict, Finding)]
    skipped = {rule: verdict for rule, verdict in verdicts.items() if isinstance(verdict, CannotJudge)}
    return Diagnosis(
        is_judged=len(skipped) < len(verdicts),
        findings=tuple(sorted(_fold(findings), key=lambda finding: SEVERITIES.index(finding.severity))),
        checked=tuple(rule for rule in verdicts if rule not in skipped),
        skipped=skipped,
        unexplained=_unexplained(run, findings),
    )


def _fold(findings: list[Finding]) -> list[Finding]:
    """Put consequences under their root."""
    found = {finding.id for finding in findings}
    folded = {child for root in found for child in CONSEQUENCES.get(root, ())} & found
    return [
        replace(finding, consequences=tuple(sorted(CONSEQUENCES.get(finding.id, frozenset()) & found)))
        for finding in findings
        if finding.id not in folded
    ]


def _unexplained(run: Run, findings: list[Finding]) -> tuple[str, ...]:
    """Tracebacks that no finding explains; an interrupt by the person or the scheduler is none."""
    if any(finding.id.startswith("out_of_memory") for finding in findings):
        return ()
    return tuple(
        f"{problem.summary} (lines {problem.first_line}-{problem.last_line})"
        for problem in run.problems
        if problem.kind == "traceback" and not problem.summary.startswith("KeyboardInterrupt")
    )
