"""Running out of memory, of the GPU or of the machine: the numbers, the moment, and what they point to."""

from collections.abc import Iterable

from tools.diagnosis.finding import CannotJudge, Confidence, Finding, Severity, Value, Verdict
from tools.run import Problem, Run
from tools.units import format_bytes

FRAGMENTED_SHARE = 0.1
"""Memory that is reserved but unused beyond this share of the card points to fragmentation (a caching allocator keeps a
few percent in any case)."""

PHASES = {
    "load": "while the weights were loaded",
    "forward": "in the forward pass",
    "loss": "in the loss, where the logits are",
    "backward": "in the backward pass",
    "optimiser": "in the optimiser step",
    "evaluation": "in the evaluation",
    "generation": "while text was generated",
    "rollout": "while a training step generated its completions",
    "save": "while saving",
    "data": "while data was prepared",
}
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
    if run.format == "hf_trainer_state":
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
    """Whether what lay idle would have held what was asked for."""
    tried = problem.values.get("oom_tried_bytes", 0)
    return bool(tried) and _idle(problem) >= tried


def find_gpu_failures(run: Run) -> list[Problem]:
    """The out-of-memory messages of GPUs, in the order of the log."""
    return [problem for problem in run.problems if problem.kind == "out_of_memory"]


def went_on(run: Run, problem: Problem) -> bool:
    """Whether training rows follow the last time a problem was printed."""
    last = max(problem.last_seen, problem.last_line)
    points = (series.points[-1] for name, series in run.series.items() if series.points and name in _PROOFS)
    return any(point.line.number > last for point in (*points, *run.summary.values()))


_PROOFS = frozenset({"loss", "eval_loss", "reward", "learning_rate", "grad_norm"})
_NO_MESSAGES = CannotJudge("a JSON of metrics holds no error messages", "the console output with the traceback")


def _judge(run: Run, rule: str, *, is_eval: bool) -> Verdict:
    if run.format == "hf_trainer_state":
        return _NO_MESSAGES
    found = find_gpu_failures(run)
    here = [problem for problem in found if _is_in_evaluation(run, problem) == is_eval]
    if not here:
        return None
    problem = here[0]
    is_over = not any(not went_on(run, one) for one in here)
    severity: Severity = "warning" if is_over else "error"
    confidence: Confidence = "certain" if _names_memory(problem) else "likely"
    text = _tell(problem) + _tell_idle(problem) + _tell_settings(run, is_eval=is_eval)
    text += " It was caught, and the run went on." if is_over else ""
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


def _idle(problem: Problem) -> int:
    """Bytes that no tensor used when the allocation failed, within what the process was allowed to take."""
    values = problem.values
    unused = values.get("reserved_unallocated_bytes", 0)
    if "reserved_bytes" in values and "allocated_bytes" in values:
        unused = max(unused, values["reserved_bytes"] - values["allocated_bytes"])
    is_limited = "allowed_bytes" in values
    return max(unused, 0 if is_limited else values.get("gpu_free_bytes", 0))


def _tell(problem: Problem) -> str:
    values = problem.values
    if "cache_tokens" in values:
        return (
            f"The GPU memory left for the cache of keys and values holds {values['cache_tokens']} tokens, and one sequence may "
            f"have {values['needed_tokens']}."
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
        text += f" PyTorch had {sizes['allocated_bytes']} allocated"
        if "reserved_unallocated_bytes" in sizes:
            text += f" and held {sizes['reserved_unallocated_bytes']} unused"
        text += "."
    if "other_processes_bytes" in sizes:
        text += f" Other processes held {sizes['other_processes_bytes']} of the same card."
    return text


def _tell_idle(problem: Problem) -> str:
    idle, total = _idle(problem), problem.values.get("gpu_total_bytes", 0)
    if is_fragmented(problem):
        return f" {format_bytes(idle)} lay idle, more than was asked for: fragmentation is the cause."
    unused = problem.values.get("reserved_unallocated_bytes", 0)
    if total and unused > FRAGMENTED_SHARE * total:
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
