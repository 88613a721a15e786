"""The plain numbers of a run, for programs and for tables."""

from tools.run import Point, Run, Total

Fact = float | int | str | None


def collect_facts(run: Run) -> dict[str, Fact]:
    """Give counts, first and last losses, the validation minimum and the sizes of an out-of-memory message.

    Returns:
        None where the log does not tell; sizes in bytes; losses as the log prints them, nan and inf included, and of
        the whole log, also where it holds several runs of which the last one was judged.
    """
    losses, evals = run.totals.get("loss"), run.totals.get("eval_loss")
    lowest = _lowest(run, evals)
    memory = next((problem.values for problem in run.problems if problem.kind == "out_of_memory"), {})
    last = run.stages[-1] if run.stages else None
    return {
        "num_lines": run.num_lines,
        "num_bytes": run.num_bytes,
        "num_records": run.num_records,
        "num_points": losses.num_points if losses else 0,
        "num_eval_points": evals.num_points if evals else 0,
        **_ends("loss", losses),
        "min_loss": losses.lowest if losses else None,
        "max_loss": losses.highest if losses else None,
        **_ends("eval_loss", evals),
        "min_eval_loss": evals.lowest if evals else None,
        "min_eval_step": lowest.step if lowest else None,
        "min_eval_epoch": lowest.epoch if lowest else None,
        "last_step": _last_step(run),
        "oom_tried_bytes": memory.get("oom_tried_bytes"),
        "gpu_total_bytes": memory.get("gpu_total_bytes"),
        "gpu_free_bytes": memory.get("gpu_free_bytes"),
        "allocated_bytes": memory.get("allocated_bytes"),
        "reserved_unallocated_bytes": memory.get("reserved_unallocated_bytes"),
        "seconds_per_step": last.seconds_per_step if last else None,
        "total_steps": last.total if last else None,
    }


def _ends(name: str, total: Total | None) -> dict[str, Fact]:
    return {f"first_{name}": total.first if total else None, f"last_{name}": total.last if total else None}


def _lowest(run: Run, evals: Total | None) -> Point | None:
    """The evaluation with the lowest loss, None where it belongs to an earlier run in the log."""
    lowest = run.series["eval_loss"].minimum() if "eval_loss" in run.series else None
    return lowest if lowest and evals and lowest.value == evals.lowest else None


def _last_step(run: Run) -> int | None:
    points = run.points("loss")
    return points[-1].step if points else None
