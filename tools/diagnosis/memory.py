"""Running out of GPU memory: the message's numbers, and at which moment of the step it happened."""

from tools.diagnosis.finding import CannotJudge, Finding, Value, Verdict
from tools.run import Problem, Run
from tools.units import format_bytes

EVAL_PHASE = "evaluation"
FRAGMENTED_SHARE = 0.1
"""Memory that is reserved but unused beyond this share of the card points to fragmentation."""

_PHASES = {
    "load": "while the weights were loaded",
    "forward": "in the forward pass",
    "loss": "in the loss, where the logits are",
    "backward": "in the backward pass",
    "optimiser": "in the optimiser step",
    "save": "while saving",
    EVAL_PHASE: "in the evaluation",
}


def judge_out_of_memory_gpu(run: Run) -> Verdict:
    """Find a CUDA out-of-memory message outside the evaluation."""
    return _judge(run, "out_of_memory_gpu", is_eval=False)


def judge_out_of_memory_eval(run: Run) -> Verdict:
    """Find a CUDA out-of-memory message inside the evaluation."""
    return _judge(run, "out_of_memory_eval", is_eval=True)


def _judge(run: Run, rule: str, *, is_eval: bool) -> Verdict:
    if run.format == "hf_trainer_state":
        return CannotJudge("a JSON of metrics holds no error messages", "the console output with the traceback")
    found = [problem for problem in run.problems if problem.kind == "out_of_memory"]
    problem = next((problem for problem in found if (problem.phase == EVAL_PHASE) == is_eval), None)
    if problem is None:
        return None
    went_on = any(point.line.number > problem.last_line for point in run.points("loss"))
    values: dict[str, Value] = {**problem.values, "phase": problem.phase or None, "num_messages": len(found)}
    text = _tell(problem) + (" It was caught, and the run went on." if went_on else "")
    return Finding(rule, "warning" if went_on else "error", "certain", text, values, problem.lines)


def _tell(problem: Problem) -> str:
    sizes = {name: format_bytes(value) for name, value in problem.values.items()}
    text = "The GPU ran out of memory" + (f" {_PHASES[problem.phase]}" if problem.phase in _PHASES else "")
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
    unused, total = problem.values.get("reserved_unallocated_bytes", 0), problem.values.get("gpu_total_bytes", 0)
    if total and unused > FRAGMENTED_SHARE * total:
        text += " That much unused memory points to fragmentation as well."
    return text
