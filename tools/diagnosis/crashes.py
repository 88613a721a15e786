"""Crashes: which errors stopped the run, what they mean, and which of them only follow from another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.diagnosis.finding import CannotJudge, Finding, Severity, Value, Verdict
from tools.diagnosis.moments import PHASES, went_on
from tools.diagnosis.signatures import Explanation, explain_error
from tools.run import Problem, Run

HANG = "distributed_hang"
ASSERT = "device_side_assert"
VOCABULARY = "tokenizer_vocab_mismatch"
METRICS_ONLY = frozenset({"hf_trainer_state"})

_WRAPPER = re.compile(
    r"ChildFailedError|SignalException|Caught \w{1,40} in (?:replica|DataLoader worker|pin memory)|Process(?:Raised"
    r"|Exited)Exception"
    r"|returned non-zero exit status|^SystemExit|^KeyboardInterrupt|RayTaskError|RayActorError|ActorDiedError"
    r"|^GeneratorExit"
    r"|^asyncio\.exceptions\.CancelledError|EngineDeadError|Engine core initialization failed|BrokenPipeError"
)
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
_TIMED_OUT = re.compile(
    r"Rank (\d{1,5})\].{0,200}?SeqNum=(\d{1,12}), OpType=(\w{1,40}).{0,200}?Timeout\(ms\)=(\d{1,12})"
)
_ENQUEUED = re.compile(r"Rank (\d{1,5})\].{0,200}?last enqueued (?:NCCL )?work: (-?\d{1,12})")


@dataclass(frozen=True, slots=True)
class Crash:
    """One error with what led to it and what it means.

    Attributes:
        problem: the error to show; chain: the tracebacks that hang together with it, in the order of the log.
        explanation: None where it is not known.
    """

    problem: Problem
    chain: tuple[Problem, ...]
    explanation: Explanation | None

    @property
    def id(self) -> str:
        """The pitfall that it belongs to, "" for none."""
        return self.explanation.signature.id if self.explanation else ""


def find_crashes(run: Run) -> tuple[Crash, ...]:
    """The errors of a run, without launchers' words and without what hangs together with an out-of-memory message."""
    chains: list[list[Problem]] = []
    for problem in run.problems:
        if problem.kind not in {"traceback", "error", "out_of_memory", "host_memory"}:
            continue
        if problem.link and chains:
            chains[-1].append(problem)
        else:
            chains.append([problem])
    crashes = [_read_chain(chain) for chain in chains if not any(_is_memory(problem) for problem in chain)]
    return tuple(crash for crash in crashes if crash is not None)


def judge_crash(run: Run, rule: str) -> Verdict:
    """Find the first error of a run that belongs to a pitfall.

    Args:
        run: as it was read.
        rule: id of the pitfall.
    """
    if run.format in METRICS_ONLY:
        return CannotJudge("a JSON of metrics holds no error messages", "the console output with the traceback")
    crashes = find_crashes(run)
    found = [crash for crash in crashes if crash.id == rule and not _is_echo(run, crash, crashes)]
    if not found:
        return None
    here = next((crash for crash in found if not went_on(run, crash.problem)), found[0])
    return _tell(run, here.problem, here.explanation) if here.explanation else None


def judge_device_side_assert(run: Run) -> Verdict:
    """Find a failed check inside a GPU kernel, and say which; the traceback that follows shows where it was noticed."""
    found = judge_crash(run, ASSERT)
    assertion = next((problem for problem in run.problems if _is_kernel_assertion(problem)), None)
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
    assertion = next((problem for problem in run.problems if _is_kernel_assertion(problem)), None)
    if assertion is None or not re.search(_LOOKUP, assertion.name):
        return None
    stacks = (problem.stack for problem in run.problems if "device-side assert" in problem.summary)
    is_seen = any(_EMBEDDING.search(stack) for stack in stacks)
    text = "The index that the GPU kernel refused is most likely a token beyond the rows of the embedding."
    severity: Severity = "warning" if is_seen and not went_on(run, assertion) else "note"
    return Finding(VOCABULARY, severity, "likely" if is_seen else "possible", text, {}, assertion.lines)


def judge_distributed_hang(run: Run) -> Verdict:
    """Find ranks that waited for another one, where no other error tells why."""
    timeout = next((problem for problem in run.problems if problem.kind == "timeout"), None)
    found = judge_crash(run, HANG)
    if timeout is None or isinstance(found, CannotJudge):
        return found
    if _has_other_root(run, find_crashes(run)):
        return None
    texts = [line.text for line in timeout.lines]
    waits = [match for text in texts if (match := _TIMED_OUT.search(text))]
    values: dict[str, Value] = {
        "num_ranks": len(timeout.ranks) or None,
        "missing_ranks": _name_ranks(_missing(timeout)),
    }
    text = "A collective operation timed out"
    if waits:
        rank, number, operation, milliseconds = waits[0].groups()
        values |= {"sequence_number": int(number), "operation": operation, "timeout_seconds": int(milliseconds) / 1000}
        text = f"{operation} number {number} waited {int(milliseconds) / 1000:g} s on rank {rank} and timed out"
    text += f". {_tell_ranks(timeout, texts)}"
    return Finding(HANG, "error", "certain", text, values, timeout.lines)


def describe_unexplained(run: Run, explained: Sequence[Finding]) -> tuple[str, ...]:
    """Errors that no finding explains: known ones in words, unknown ones with the last frame of the person's own code.

    Args:
        run: as it was read.
        explained: the findings; what comes after an error among them is taken for its consequence.
    """
    roots = [finding for finding in explained if finding.severity != "note" and finding.evidence]
    first = min((finding.evidence[0].number for finding in roots), default=None)
    shown: dict[str, str] = {}
    for crash in find_crashes(run):
        problem = crash.problem
        is_lone = problem.kind == "error" and (crash.explanation is None or went_on(run, problem))
        if crash.id or is_lone or (first is not None and problem.first_line > first):
            continue
        key = crash.explanation.cause if crash.explanation else problem.summary
        if problem.kind == "traceback" or key not in shown:
            shown[key] = _describe(crash)
    return tuple(shown.values())


def _is_kernel_assertion(problem: Problem) -> bool:
    return problem.kind == "assertion" and bool(re.search(r"\.cuh?:\d", problem.summary))


def _read_chain(chain: Sequence[Problem]) -> Crash | None:
    """Explain errors that hang together.

    What was raised from another error follows from it, so the first counts; what was raised while another error was
    handled is most often what matters, so the last counts.
    """
    telling = [problem for problem in chain if not _WRAPPER.search(problem.summary)]
    if not telling:
        return None
    order = list(reversed(telling)) if telling[-1].link == "context" else telling
    known = [(problem, found) for problem in order if (found := explain_error(problem.message, problem.stack))]
    best = next(((problem, found) for problem, found in known if found.signature.id), known[0] if known else None)
    problem, explanation = best or (order[0], None)
    return Crash(problem, tuple(chain), explanation)


def _is_memory(problem: Problem) -> bool:
    return problem.kind in {"out_of_memory", "host_memory"}


def _is_echo(run: Run, crash: Crash, crashes: Sequence[Crash]) -> bool:
    """Whether an error of the communication between ranks only tells that another rank had failed."""
    return crash.id == HANG and _has_other_root(run, [other for other in crashes if other is not crash])


def _has_other_root(run: Run, crashes: Sequence[Crash]) -> bool:
    """Whether something else than communication stopped the run."""
    memory = any(not went_on(run, problem) for problem in run.problems if _is_memory(problem))
    asserted = any(_is_kernel_assertion(problem) for problem in run.problems)
    return (
        memory
        or asserted
        or any(
            crash.id != HANG and crash.problem.kind == "traceback" and not went_on(run, crash.problem)
            for crash in crashes
        )
    )


def _tell(run: Run, problem: Problem, explanation: Explanation) -> Finding:
    signature, text = explanation.signature, explanation.cause
    if problem.phase in PHASES:
        text += f" It happened {PHASES[problem.phase]}."
    if problem.user_frame:
        text += f" Your code was last at {problem.user_frame}."
    elif problem.library_frame:
        text += f" The library was at {problem.library_frame}."
    is_over = went_on(run, problem)
    text += " The run went on after it." if is_over else ""
    values: dict[str, Value] = {
        **explanation.values,
        "error": problem.name or None,
        "signature": signature.name,
        "user_frame": problem.user_frame or None,
        "num_ranks": len(problem.ranks) or None,
    }
    severity = _severity(problem, is_over=is_over)
    return Finding(signature.id, severity, signature.confidence, text, values, problem.lines)


def _severity(problem: Problem, *, is_over: bool) -> Severity:
    """An error after which the run went on was caught, unless it ended a process and another one was started."""
    if not is_over:
        return "error"
    return "warning" if problem.is_uncaught else "note"


def _describe(crash: Crash) -> str:
    problem = crash.problem
    where = f"lines {problem.first_line}-{problem.last_line}"
    if problem.user_frame:
        where += f", your code last at {problem.user_frame}"
    elif problem.library_frame:
        where += f", the library at {problem.library_frame}"
    summary = problem.summary if len(problem.summary) <= 300 else problem.summary[:297] + "..."
    if crash.explanation:
        return f"{crash.explanation.cause} ({summary}; {where})"
    return f"not known to ftchat: {summary} ({where})"


def _missing(timeout: Problem) -> tuple[int, ...]:
    """Ranks that did not say that they waited, below the highest one that did."""
    if len(timeout.ranks) < 2:
        return ()
    return tuple(rank for rank in range(max(timeout.ranks)) if rank not in timeout.ranks)


def _tell_ranks(timeout: Problem, texts: Sequence[str]) -> str:
    missing = _missing(timeout)
    if missing:
        return f"Rank {_name_ranks(missing)} did not report: it is the one to look at, not those that waited."
    enqueued = {int(match[1]): int(match[2]) for text in texts if (match := _ENQUEUED.search(text))}
    if len(set(enqueued.values())) > 1:
        behind = min(enqueued, key=lambda rank: enqueued[rank])
        return f"Rank {behind} had started the fewest operations: it is the one that was missing."
    if timeout.ranks:
        return (
            f"Rank {_name_ranks(timeout.ranks)} reported it; the rank that is missing among them is the one to look at."
        )
    return "The rank that is missing is the one to look at."


def _name_ranks(ranks: Sequence[int]) -> str | None:
    return ", ".join(str(rank) for rank in ranks[:8]) + (", ..." if len(ranks) > 8 else "") if ranks else None
