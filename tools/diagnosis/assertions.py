"""Checks that failed inside a GPU kernel: what they say, and what is behind them."""

import re

from tools.diagnosis.crashes import is_kernel_assertion, judge_crash
from tools.diagnosis.finding import Finding, Severity, Value, Verdict
from tools.diagnosis.moments import went_on
from tools.run import Run

ASSERT = "device_side_assert"
VOCABULARY = "tokenizer_vocab_mismatch"

_ASSERTIONS = (
    (
        r"srcIndex < srcSelectDimSize|ind >= ?0 && ind < ind_dim_size|gather kernel index out of bounds",
        "an index is larger than the table has rows that it is looked up in, as a token beyond the embedding is",
    ),
    (r"t ?>= ?0 && ?t ?< ?n_classes|cur_target", "a label lies outside of the classes or the vocabulary of the output"),
    (r"probability tensor contains|prob", "the probabilities to sample from hold inf, nan or a negative value"),
    (r"input_val >= ?zero|zero.{0,20}one", "a value that must lie between 0 and 1 does not"),
    (
        r"index out of bounds|idx_dim|-sizes\[i\] <= index|index >= -sizes",
        "an index lies outside of the tensor that it picks from",
    ),
)
_LOOKUP = _ASSERTIONS[0][0]
_EMBEDDING = re.compile(r"in embedding\b|embed_tokens|\bwte\(|sparse\.py|word_embeddings|index_select")


def judge_device_side_assert(run: Run) -> Verdict:
    """Find a failed check inside a GPU kernel, and say which; the traceback that follows shows where it was noticed."""
    found = judge_crash(run, ASSERT)
    assertion = next((problem for problem in run.problems if is_kernel_assertion(problem)), None)
    if assertion is None:
        return found
    meaning = next((text for pattern, text in _ASSERTIONS if re.search(pattern, assertion.name)), "")
    text = f"A check inside a GPU kernel failed: {assertion.name}"
    text += f", that is, {meaning}." if meaning else "."
    text += " The traceback shows where this was noticed, not where it arose."
    values: dict[str, Value] = {"assertion": assertion.name, "num_messages": assertion.num_messages}
    if re.search(_LOOKUP, assertion.name):
        values["likely_cause"] = VOCABULARY
    lines = (*assertion.lines, *(found.evidence if isinstance(found, Finding) else ()))
    severity: Severity = "note" if went_on(run, assertion) else "error"
    return Finding(ASSERT, severity, "certain", text, values, lines)


def judge_tokenizer_vocab_mismatch(run: Run) -> Verdict:
    """Find an index outside of the embedding, told by itself or by a GPU kernel."""
    found = judge_crash(run, VOCABULARY)
    if found is not None:
        return found
    assertion = next((problem for problem in run.problems if is_kernel_assertion(problem)), None)
    if assertion is None or not re.search(_LOOKUP, assertion.name):
        return None
    stacks = (problem.stack for problem in run.problems if "device-side assert" in problem.summary)
    is_seen = any(_EMBEDDING.search(stack) for stack in stacks)
    text = "The index that the GPU kernel refused is most likely a token beyond the rows of the embedding."
    severity: Severity = "warning" if is_seen and not went_on(run, assertion) else "note"
    return Finding(VOCABULARY, severity, "likely" if is_seen else "possible", text, {}, assertion.lines)
