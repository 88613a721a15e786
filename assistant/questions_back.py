"""Questions back, at most two, each for something that the answer depends on and that was not given."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assistant.draft import Draft, find_gap, log_denies
from tools.diagnosis.finding import CannotJudge

if TYPE_CHECKING:
    from knowledge.card import Card

MAX_QUESTIONS = 2
MAX_FACTS = 2
ATTACH_LOG = "Attach the training log: pipe it in, or pass --log FILE."
NAME_MODEL = "Name the model, as in 'llama 3.1 8b' or its hub id."
NAME_GPU = "Name the GPU or its memory, as in '4090' or '24 GB'."
NAME_BOTH = "Name the model and the GPU, as in 'llama 3.1 8b on a 4090'."
CONFIG = "the training config"
SYMPTOMS = frozenset(
    {"loss_not_decreasing", "loss_divergence", "loss_spikes", "exploding_gradients", "vanishing_gradients", "loss_nan"}
)
"""Findings that are sure and whose cause the curve alone does not tell."""
MEMORY_FINDINGS = ("out_of_memory_gpu", "out_of_memory_eval", "hardware_limits")
# Words of a rule's reason -> the settings that would answer it, and how they are asked for.
_REASONS = (
    ("learning rate", ("learning_rate",), "the learning rate"),
    ("batch size", ("per_device_train_batch_size", "total_train_batch_size"), "the batch size"),
    ("how many examples", ("num_examples",), "how many examples there are"),
    ("epochs", ("num_train_epochs",), "the number of epochs"),
    ("dropout", ("lora_dropout", "weight_decay"), "dropout and weight decay"),
    ("LoRA", ("lora_r", "target_modules"), "the LoRA rank, alpha and target modules"),
    ("method", ("adapter", "lora_r", "learning_rate"), "whether it is LoRA or full fine-tuning, and the learning rate"),
)
# Knob of a card's move -> the settings that tell how it stands now, and how they are asked for.
_KNOBS = {
    "learning_rate": (("learning_rate",), "the learning rate"),
    "epochs": (("num_train_epochs", "max_steps"), "the number of epochs"),
    "lora_rank": (("lora_r",), "the LoRA rank"),
    "lora_alpha": (("lora_alpha",), "alpha"),
    "lora_targets": (("target_modules",), "the LoRA target modules"),
    "micro_batch": (("per_device_train_batch_size",), "the batch size"),
    "effective_batch": (("per_device_train_batch_size", "total_train_batch_size"), "the batch size"),
    "gradient_accumulation": (("gradient_accumulation_steps",), "the gradient accumulation"),
    "sequence_length": (("max_length",), "the sequence length"),
    "precision": (("bf16", "fp16", "torch_dtype"), "whether it trains in fp16, bf16 or fp32"),
    "gradient_checkpointing": (("gradient_checkpointing",), "whether gradient checkpointing is on"),
    "optimizer": (("optim",), "the optimiser"),
    "data_amount": (("num_examples",), "how many examples there are"),
    "packing": (("packing",), "whether packing is on"),
    "dropout": (("lora_dropout",), "the dropout"),
    "max_grad_norm": (("max_grad_norm",), "max_grad_norm"),
}


def ask_back(draft: Draft) -> tuple[str, ...]:
    """What to hand over or to tell, most telling first; nothing where the question is out of scope or needs nothing."""
    if not draft.is_covered or (draft.plan is not None and draft.plan.follow_up):
        return ()
    asked = [*_ask_for_numbers(draft), *(_ask_about_logs(draft) if draft.judged else _ask_without_log(draft))]
    return tuple(dict.fromkeys(asked))[:MAX_QUESTIONS]


def _ask_for_numbers(draft: Draft) -> Iterator[str]:
    """The model, the GPU and the sizes of a question about memory or of a run that went out of it."""
    plan, words = draft.plan, draft.words
    if plan is None or words is None:
        return
    is_failed = any(finding.id in MEMORY_FINDINGS for finding in draft.faults)
    if not plan.wants and not is_failed:
        return
    needs_gpu = bool(plan.wants & {"memory", "largest", "speed"}) and "which_gpu" not in plan.wants
    lacks_gpu = needs_gpu and not plan.gpu and not words.unknown_gpu
    if not plan.model and words.unknown_model:
        yield f"Which model is '{words.unknown_model}'? Give its hub id, or name and size, as in 'llama 3.1 8b'."
    elif not plan.model:
        yield NAME_BOTH if lacks_gpu else NAME_MODEL
        return
    if lacks_gpu:
        yield NAME_GPU
    missing = [text for name, text in _SIZES if name not in plan.settings]
    if plan.model and missing and plan.wants - {"parameters"}:
        yield f"Tell me {' and '.join(missing)}."


_SIZES = (("per_device_train_batch_size", "the micro-batch"), ("max_length", "the sequence length"))


def _ask_about_logs(draft: Draft) -> Iterator[str]:
    """What the rules lack that bear on the worst finding, on the question's card, or on all where nothing was found."""
    if any(diagnosis.is_judged for _, diagnosis in draft.judged):
        faults, asked = draft.faults, [card.id for card in draft.asked[:1]]
        if faults and faults[0].confidence == "certain" and faults[0].id not in SYMPTOMS:
            return
        subject = faults[0].id if faults else ""
        near = [*asked, subject, *(draft.cards[subject].related if subject in draft.cards else ())]
        gaps = [gap for name in near if (gap := find_gap(name, draft.judged)) is not None]
        if not faults and not asked:
            gaps = [gap for _, diagnosis in draft.judged for gap in diagnosis.skipped.values()]
        yield from _ask_for_gaps(gaps, draft)
        if not faults and not gaps and asked and not log_denies(asked[0], draft.judged):
            yield from _ask_for_knobs(draft.asked[0], draft)
    else:
        yield from _ask_for_gaps([gap for _, found in draft.judged for gap in found.skipped.values()], draft)


def _ask_for_gaps(gaps: Sequence[CannotJudge], draft: Draft) -> Iterator[str]:
    facts: list[str] = []
    others: list[str] = []
    for gap in gaps:
        if gap.attach and gap.attach != CONFIG:
            others.append(f"Attach {gap.attach}.")
        elif gap.attach:
            facts += [text for word, names, text in _REASONS if word in gap.reason and not _is_known(names, draft)]
    yield from _ask_for_facts(facts, draft)
    yield from others


def _ask_without_log(draft: Draft) -> Iterator[str]:
    """The log first; then the settings that the card's first moves turn. A question about sizes needs neither."""
    if draft.plan is not None and draft.plan.wants:
        return
    yield ATTACH_LOG
    if draft.asked:
        yield from _ask_for_knobs(draft.asked[0], draft)


def _ask_for_knobs(card: "Card", draft: Draft) -> Iterator[str]:
    facts = [_KNOBS[move.knob] for move in card.moves[:3] if move.knob in _KNOBS]
    yield from _ask_for_facts([text for names, text in facts if not _is_known(names, draft)], draft)


def _ask_for_facts(facts: Sequence[str], draft: Draft) -> Iterator[str]:
    """One question for the config or for what stands in it; without the config where it was attached."""
    several = list(dict.fromkeys(facts))[:MAX_FACTS]
    if not several:
        return
    tell = f"ell me {' and '.join(several)}."
    yield f"T{tell}" if _has_config(draft) else f"Attach the config, or t{tell}"


def _is_known(names: Sequence[str], draft: Draft) -> bool:
    given = draft.plan.settings if draft.plan is not None else {}
    return any(name in given or any(name in run.settings for run, _ in draft.judged) for name in names)


def _has_config(draft: Draft) -> bool:
    """Whether a setting came from a file of its own: neither from a log nor from the person's words."""
    settings = draft.plan.scene.settings.values() if draft.plan is not None else ()
    return any(setting.line.number > 0 for setting in settings)
