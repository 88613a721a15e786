"""The rules and the diagnosis: a new rule is one more judge function, named here."""

from tools.diagnosis.batches import judge_batch_size, judge_grad_accumulation_scaling
from tools.diagnosis.capacity import judge_underfitting
from tools.diagnosis.causes import fold
from tools.diagnosis.crashes import describe_unexplained
from tools.diagnosis.data_amount import (
    judge_duplicate_data,
    judge_insufficient_data,
    judge_missing_regularization,
)
from tools.diagnosis.data_loading import judge_dataloader_bottleneck
from tools.diagnosis.divergence import judge_loss_divergence
from tools.diagnosis.finding import SEVERITIES, CannotJudge, Diagnosis, Finding, Rule, Verdict
from tools.diagnosis.first_loss import judge_base_model_mismatch, judge_data_leakage, judge_data_quality
from tools.diagnosis.flatness import judge_loss_not_decreasing
from tools.diagnosis.generalisation import judge_overfitting
from tools.diagnosis.gradients import judge_exploding_gradients, judge_vanishing_gradients
from tools.diagnosis.lora import judge_lora_misconfiguration
from tools.diagnosis.loss_broken import judge_loss_nan, judge_loss_zero
from tools.diagnosis.loss_jumps import judge_loss_spikes
from tools.diagnosis.monitoring import judge_no_evaluation, judge_unmonitored_training
from tools.diagnosis.precision import judge_dtype_precision
from tools.diagnosis.preference import judge_preference_reward_hacking
from tools.diagnosis.problem_rules import PROBLEM_RULES
from tools.diagnosis.rates import judge_learning_rate_too_high, judge_learning_rate_too_low
from tools.diagnosis.reinforcement import judge_rl_collapse
from tools.diagnosis.repetition import judge_repeating_losses
from tools.diagnosis.resume import judge_checkpoint_resume
from tools.diagnosis.schedule import judge_lr_schedule
from tools.diagnosis.signals import CurveRule, Signals
from tools.diagnosis.speed import judge_slow_training
from tools.diagnosis.wreckage import judge_wrecked_model
from tools.run import Run

LOSSES = "8 training losses"
CURVE_RULES: tuple[CurveRule, ...] = (
    CurveRule("loss_nan", "a loss", judge_loss_nan),
    CurveRule("learning_rate_too_high", "the learning rate and training losses", judge_learning_rate_too_high),
    CurveRule("learning_rate_too_low", "the learning rate and training losses", judge_learning_rate_too_low),
    CurveRule("lora_misconfiguration", "LoRA settings and training losses", judge_lora_misconfiguration),
    CurveRule("data_quality", "first losses of a pretrained model", judge_data_quality),
    CurveRule("loss_zero", "training losses", judge_loss_zero),
    CurveRule("exploding_gradients", "8 gradient norms", judge_exploding_gradients),
    CurveRule("loss_divergence", "4 training losses and an accuracy", judge_wrecked_model),
    CurveRule("loss_divergence", LOSSES, judge_loss_divergence),
    CurveRule("loss_spikes", "20 training losses", judge_loss_spikes),
    CurveRule("vanishing_gradients", "8 gradient norms", judge_vanishing_gradients),
    CurveRule("loss_not_decreasing", LOSSES, judge_repeating_losses),
    CurveRule("loss_not_decreasing", f"{LOSSES} from the start of the run", judge_loss_not_decreasing),
    CurveRule("rl_collapse", "10 rewards", judge_rl_collapse),
    CurveRule("preference_reward_hacking", "10 rows with rewards/chosen", judge_preference_reward_hacking),
    CurveRule("base_model_mismatch", "first losses and the vocabulary size", judge_base_model_mismatch),
    CurveRule("data_leakage", "4 training losses from the start of the run", judge_data_leakage),
    CurveRule("checkpoint_resume", "training losses with steps", judge_checkpoint_resume),
    CurveRule("lr_schedule", "10 learning rates", judge_lr_schedule),
    CurveRule("dtype_precision", "8 loss scales", judge_dtype_precision),
    CurveRule("grad_accumulation_scaling", "2 evaluations beside training losses", judge_grad_accumulation_scaling),
    CurveRule("overfitting", "3 evaluations", judge_overfitting),
    CurveRule("underfitting", "2 evaluations and 12 training losses", judge_underfitting),
    CurveRule("insufficient_data", "the number of examples", judge_insufficient_data),
    CurveRule("missing_regularization", "dropout or weight decay, and 3 evaluations", judge_missing_regularization),
    CurveRule("duplicate_data", "training losses with epochs", judge_duplicate_data),
    CurveRule("batch_size", "the batch size", judge_batch_size),
    CurveRule("dataloader_bottleneck", "loading times", judge_dataloader_bottleneck),
    CurveRule("slow_training", "a progress bar, step times or a warning", judge_slow_training),
    CurveRule("no_evaluation", "5 training rows", judge_no_evaluation),
    CurveRule("unmonitored_training", "training losses with steps", judge_unmonitored_training),
)
PROBLEM_IDS = frozenset(rule.id for rule in PROBLEM_RULES)
RULES: tuple[Rule | CurveRule, ...] = (*PROBLEM_RULES, *CURVE_RULES)
"""In the order in which findings of equal severity are told: what stopped the run, causes, what they do to the loss."""


def diagnose(run: Run) -> Diagnosis:
    """Judge a run by every rule."""
    if not run.is_judgeable:
        return Diagnosis(is_judged=False, findings=(), checked=(), skipped={})
    verdicts = _judge_all(Signals(run))
    findings = [verdict for verdict in verdicts.values() if isinstance(verdict, Finding)]
    skipped = {rule: verdict for rule, verdict in verdicts.items() if isinstance(verdict, CannotJudge)}
    return Diagnosis(
        is_judged=len(skipped) < len(verdicts),
        findings=tuple(sorted(fold(findings), key=lambda finding: SEVERITIES.index(finding.severity))),
        checked=tuple(rule for rule in verdicts if rule not in skipped),
        skipped=skipped,
        unexplained=describe_unexplained(run, [finding for finding in findings if finding.id in PROBLEM_IDS]),
    )


def _judge_all(signals: Signals) -> dict[str, Verdict]:
    """One verdict an id, in the order of the rules. Of an id with two rules, the worse finding counts.

    Where the words of the log show nothing, the curves decide, also on whether it can be judged at all.
    """
    verdicts: dict[str, Verdict] = {}
    for rule in RULES:
        verdict = rule.judge(signals.run) if isinstance(rule, Rule) else rule.judge(signals)
        if not _is_worse(verdicts.get(rule.id), verdict):
            verdicts.pop(rule.id, None)  # an id stands where the rule that decided on it stands
            verdicts[rule.id] = verdict
    return verdicts


def _is_worse(first: Verdict, second: Verdict) -> bool:
    if not isinstance(first, Finding):
        return False
    return not isinstance(second, Finding) or SEVERITIES.index(first.severity) <= SEVERITIES.index(second.severity)
