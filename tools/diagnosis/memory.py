"""Running out of memory, of the GPU or of the machine: the numbers, the moment, and what they point to."""

from collections.abc import Iterable

from tools.diagnosis.crashes import judge_crash
from tools.diagnosis.finding import CannotJudge, Confidence, Finding, Severity, Value, Verdict
from tools.diagnosis.moments import PHASES, holds_no_words, went_on
from tools.run import Problem, Run
from tools.units import format_bytes

FRAGMENTED_SHARE = 0.1
"""Memory that is reserved but unused beyond this share of the card points to fragmentation (a caching allocator keeps a
few percent in any case)."""
KEPT_SHARE = 0.02
"""What lies idle in the last block of each size is no sign of anything: segments are 2 or 20 MiB or larger (comments at
the head of CUDACachingAllocator.cpp), some dozens of them."""

_SETTINGS = {
    "per_device_train_batch_size": "micro-batch {}",
    "max_seq_length": "sequence length {}",
    "max_length": "sequence length {}",
    "cutoff_len": "sequence length {}",
    "gradient_checkpointing": "gradient checkpointing {}",
    "load_in_4bit": "4-bit loading {}",
}
_EVAL_SETTINGS = {"per_device_eval_batch_size": "evaluation batch {}", "eval_accumulation_steps": "accumulation {}"}


def judge_out_of_memory_gpu(run: Run) -> Verdict:
    """Find a GPU that ran out of memory outside of the evaluation."""
    return _judge(run, "out_of_memory_gpu", is_eval=False)


def judge_out_of_memory_eval(run: Run) -> Verdict:
    """Find a GPU that ran out of memory in the evaluation, or in a generation beside the training."""
    return _judge(run, "out_of_memory_eval", is_eval=True)


def judge_memory_fragmentation(run: Run) -> Verdict:
    """Find an allocation that failed although enough memory lay idle; smaller shares are told under the failure."""
    if holds_no_words(run):
        return _NO_MESSAGES
    problem = next((problem for problem in find_gpu_failures(run) if is_fragmented(problem)), None)
    if problem is None:
        return None
    idle, tried = _idle(problem), problem.values["oom_tried_bytes"]
    text = (
        f"An allocation of {format_bytes(tried)} failed while {format_bytes(idle)} lay idle on the card: "
        "the memory is in pieces, or held by the allocator, rather than used up."
    )
    values: dict[str, Value] = {"oom_tried_bytes": tried, "idle_bytes": idle}
    return Finding("memory_fragmentation", "note", "likely", text, values, problem.lines)


def is_fragmented(problem: Problem) -> bool:
    """Whether what lay idle would have held what was asked for, and is more than any allocator keeps in its blocks."""
    tried, total = problem.values.get("oom_tried_bytes", 0), problem.values.get("gpu_total_bytes", 0)
    idle = _idle(problem)
    return bool(tried) and idle >= tried and idle > KEPT_SHARE * total


def find_gpu_failures(run: Run) -> list[Problem]:
    """The out-of-memory messages of GPUs, in the order of the log."""
    return [problem for problem in run.problems if problem.kind == "out_of_memory"]


_NO_MESSAGES = CannotJudge("a file of metrics holds no error messages", "the console output with the traceback")


def _judge(run: Run, rule: str, *, is_eval: bool) -> Verdict:
    if holds_no_words(run):
        return _NO_MESSAGES
    found = find_gpu_failures(run)
    here = [problem for problem in found if _is_in_evaluation(run, problem) == is_eval]
    if not here:
        return judge_crash(run, rule)
    problem = here[0]
    is_over = not any(not went_on(run, one) for one in here)
    severity: Severity = "warning" if is_over else "error"
    confidence: Confidence = "certain" if _names_memory(problem) else "likely"
    text = _tell(problem) + _tell_idle(problem) + _tell_settings(run, is_eval=is_eval)
    if is_over:
        text += " A later run went on." if problem.is_uncaught else " It was caught, and the run went on."
    return Finding(rule, severity, confidence, text, _values(here, problem), problem.lines)


def _values(found: Iterable[Problem], problem: Problem) -> dict[str, Value]:
    ranks = {rank for one in found for rank in one.ranks}
    return {
        **problem.values,
        "phase": problem.phase or None,
        "num_messages": sum(one.num_messages for one in found),
        "num_ranks": len(ranks) or None,
        "user_frame": problem.user_frame or None,
    }


def _is_in_evaluation(run: Run, problem: Problem) -> bool:
    """Generation counts as evaluation where a training stands beside it; a program that only generates has no other."""
    if problem.phase == "generation":
        return bool(run.points("loss"))
    return problem.phase == "evaluation"


def _names_memory(problem: Problem) -> bool:
    """Whether the message speaks of memory; the allocation of a library's handle fails for other reasons as well."""
    return "STATUS_ALLOC_FAILED" not in problem.summary


def _unused(problem: Problem) -> int:
    """Bytes that PyTorch held and no tensor used."""
    values = problem.values
    if "reserved_bytes" in values and "allocated_bytes" in values:
        return max(0, values["reserved_bytes"] - values["allocated_bytes"])
    return values.get("reserved_unallocated_bytes", 0)


def _idle(problem: Problem) -> int:
    """Bytes that no tensor used when the allocation failed, within what the process was allowed to take."""
    is_limited = "allowed_bytes" in problem.values
    return _unused(problem) + (0 if is_limited else problem.values.get("gpu_free_bytes", 0))


def _others(problem: Problem) -> int:
    """Bytes of the card that other processes held; older messages tell it by what is missing in their sum."""
    values = problem.values
    if {"gpu_total_bytes", "gpu_free_bytes", "reserved_bytes"} <= values.keys():
        missing = values["gpu_total_bytes"] - values["gpu_free_bytes"] - values["reserved_bytes"]
        return missing if missing > FRAGMENTED_SHARE * values["gpu_total_bytes"] else 0
    return values.get("other_processes_bytes", 0)


def _tell(problem: Problem) -> str:
    values = problem.values
    if "cache_tokens" in values:
        return (
            f"The GPU memory left for the cache of keys and values holds {values['cache_tokens']} tokens, and one "
            f"sequence "
            f"may have {values['needed_tokens']}."
        )
    sizes = {name: format_bytes(value) for name, value in values.items() if name.endswith("_bytes")}
    text = "The GPU ran out of memory" + (f" {PHASES[problem.phase]}" if problem.phase in PHASES else "")
    if "oom_tried_bytes" in sizes:
        text += f": it asked for {sizes['oom_tried_bytes']} more"
        if "gpu_free_bytes" in sizes:
            text += f" with {sizes['gpu_free_bytes']} free"
        if "gpu_total_bytes" in sizes:
            text += f" of {sizes['gpu_total_bytes']}"
    text += "."
    if "allocated_bytes" in sizes:
        owner = "PyTorch" if "PyTorch" in problem.message else "The program"
        text += f" {owner} had {sizes['allocated_bytes']} allocated"
        if "reserved_unallocated_bytes" in sizes:
            text += f" and held {sizes['reserved_unallocated_bytes']} unused"
        text += "."
    if others := _others(problem):
        text += f" Other processes held {format_bytes(others)} of the same card."
    return text


def _tell_idle(problem: Problem) -> str:
    if is_fragmented(problem):
        return f" {format_bytes(_idle(problem))} lay idle in pieces, more than was asked for: that is fragmentation."
    if _unused(problem) > FRAGMENTED_SHARE * problem.values.get("gpu_total_bytes", 0):
        return " That much unused memory points to fragmentation as well."
    return ""


def _tell_settings(run: Run, *, is_eval: bool) -> str:
    """The settings that decide about memory, where the log prints them."""
    names = _EVAL_SETTINGS if is_eval else _SETTINGS
    told = [text.format(_show(run.settings[name].value)) for name, text in names.items() if name in run.settings]
    return f" The run had {', '.join(dict.fromkeys(told))}." if told else ""


def _show(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float | int) else value
