"""The plain numbers of a run, for programs and for tables."""

from tools.run import Run, Series

Fact = float | int | str | None


def collect_facts(run: Run) -> dict[str, Fact]:
    """Give counts, first and last losses, the validation minimum and the sizes of an out-of-memory message.

    Returns:
        None where the log does not tell; sizes in bytes; losses as the log prints them, nan and inf included.
    """
    losses, evals = run.series.get("loss"), run.series.get("eval_loss")
    lowest = evals.minimum() if evals else None
    memory = next((problem.values for problem in run.problems if problem.kind == "out_of_memory"), {})
    last = run.stages[-1] if run.stages else None
    return {
        "num_lines": run.num_lines,
        "num_bytes": run.num_bytes,
        "num_records": run.num_records,
        "num_points": losses.num_points if losses else 0,
        "num_eval_points": evals.num_points if evals else 0,
        **_ends("loss", losses),
        "min_loss": min(losses.values, default=None) if losses else None,
        "max_loss": max(losses.values, default=None) if losses else None,
        **_ends("eval_loss", evals),
        "min_eval_loss": lowest.value if lowest else None,
        "min_eval_step": lowest.step if lowest else None,
        "min_eval_epoch": lowest.epoch if lowest else None,
        "last_step": _last_step(losses),
        "oom_tried_bytes": memory.get("oom_tried_bytes"),
        "gpu_total_bytes": memory.get("gpu_total_bytes"),
        "gpu_free_bytes": memory.get("gpu_free_bytes"),
        "allocated_bytes": memory.get("allocated_bytes"),
        "reserved_unallocated_bytes": memory.get("reserved_unallocated_bytes"),
        "seconds_per_step": last.seconds_per_step if last else None,
        "total_steps": last.total if last else None,
    }


def _ends(name: str, series: Series | None) -> dict[str, Fact]:
    points = series.points if series else ()
    return {
        f"first_{name}": points[0].value if points else None,
        f"last_{name}": points[-1].value if points else None,
    }


def _last_step(series: Series | None) -> int | None:
    return series.points[-1].step if series and series.points else None
