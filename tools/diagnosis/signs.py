"""Telling messages that are no crash: what a library warned about, as far as it is a fault of the run."""

from tools.diagnosis.crashes import judge_crash
from tools.diagnosis.finding import Finding, Severity, Value, Verdict
from tools.run import Problem, Run

LOWEST_SOUND_SCALE = 1
"""The scaler starts at 2**16 or higher and halves; at 1 it no longer scales anything (torch.amp.GradScaler)."""
MANY_MESSAGES = 100
"""Single examples whose answer was cut off or lacks its marker are common; a hundred are a wrong marker."""
MIN_NORMS = 3


def judge_truncated_sequences(run: Run) -> Verdict:
    """Find an error or a warning about examples longer than the model takes."""
    if found := judge_crash(run, "truncated_sequences"):
        return found
    sign = _find(run, "longer_than_model")
    if sign is None:
        return None
    length, limit = sign.values.get("number_1"), sign.values.get("number_2")
    text = f"The tokenizer met a text of {length} tokens, and the model takes {limit}; what is longer is cut or fails."
    return Finding("truncated_sequences", "note", "possible", text, {"length": length, "limit": limit}, sign.lines)


def judge_packing_contamination(run: Run) -> Verdict:
    """Find a trainer's own word that packed examples see each other."""
    sign = _find(run, "no_padding_free_packing")
    if sign is None:
        return judge_crash(run, "packing_contamination")
    text = "Examples are packed without an attention that keeps them apart, so each sees those before it."
    return Finding("packing_contamination", "note", "likely", text, {}, sign.lines)


def judge_no_grad_path(run: Run) -> Verdict:
    """Find a loss that no trainable weight leads to; the warning of checkpointing counts only beside a loss that "
    "stays."""
    if found := judge_crash(run, "no_grad_path"):
        return found
    sign = _find(run, "no_grad_inputs")
    norms = run.values("grad_norm")
    if sign is None or len(norms) < MIN_NORMS or any(norms):
        return None
    text = "Gradient checkpointing says that no input requires a gradient, and the gradient norm is 0 throughout."
    return Finding("no_grad_path", "warning", "likely", text, {}, sign.lines)


def judge_label_masking(run: Run) -> Verdict:
    """Find labels that are masked because the marker of the answer was not found."""
    if found := judge_crash(run, "label_masking"):
        return found
    if sign := _find(run, "labels_all_masked"):
        text = "The trainer says that every label is masked, so nothing is learned."
        return Finding("label_masking", "warning", "certain", text, {}, sign.lines)
    sign = _find(run, "response_key_missing")
    if sign is None:
        return None
    text = f"The marker of the answer was not found in {sign.num_messages} example(s), whose labels are all masked."
    severity: Severity = "warning" if sign.num_messages >= MANY_MESSAGES else "note"
    return Finding("label_masking", severity, "likely", text, {"num_messages": sign.num_messages}, sign.lines)


def judge_chat_template(run: Run) -> Verdict:
    """Find a missing chat template, told by an error or in passing."""
    if found := judge_crash(run, "chat_template"):
        return found
    sign = _find(run, "no_chat_template")
    text = "The tokenizer has no chat template, so a default or none was used."
    return Finding("chat_template", "note", "likely", text, {}, sign.lines) if sign else None


def judge_never_stops(run: Run) -> Verdict:
    """Find a word that the padding token is the end token, so that masking the one hides the other."""
    sign = _find(run, "pad_is_eos")
    text = "The padding token is the end token; where padding is masked, the model never learns to end."
    return Finding("never_stops", "note", "possible", text, {}, sign.lines) if sign else None


def judge_dtype_precision(run: Run) -> Verdict:
    """Find number types that do not fit, or a loss scale that overflow brought down to nothing."""
    if found := judge_crash(run, "dtype_precision"):
        return found
    sign = _find(run, "overflow")
    scale = sign.values.get("loss_scale") if sign else None
    if sign is None or scale is None or scale > LOWEST_SOUND_SCALE:
        return None
    text = (
        f"fp16 overflowed {sign.num_messages} times, until the loss scale was {scale}: fp16 cannot hold these values."
    )
    values: dict[str, Value] = {"num_overflows": sign.num_messages, "loss_scale": scale}
    return Finding("dtype_precision", "warning", "likely", text, values, sign.lines)


def _find(run: Run, name: str) -> Problem | None:
    return next((problem for problem in run.problems if problem.kind == "sign" and problem.name == name), None)
