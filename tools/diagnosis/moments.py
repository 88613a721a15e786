"""When a problem came up: at which moment of a step, and whether the run went on after it."""

from tools.run import Problem, Run

MIN_ROWS = 2
METRICS_ONLY = frozenset(
    {
        "hf_trainer_state",
        "encoded_table",
        "finetune_events",
        "columns_json",
        "result_json",
        "long_table",
        "mlflow_metric",
        "table",
        "tensorboard",
        "html_table",
        "config_file",
    }
)

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


def holds_no_words(run: Run) -> bool:
    """Whether the input is of a kind that holds numbers only, so that no error can stand in it."""
    return run.format in METRICS_ONLY and not run.problems


def went_on(run: Run, problem: Problem) -> bool:
    """Whether rows of metrics follow the last time that a problem was printed, in the same file.

    One row does not tell: a bar is drawn once more when its program ends.
    """
    last, source = max(problem.last_seen, problem.last_line), problem.lines[-1].source
    places = [(point.line.source, point.line.number) for point in run.summary.values()]
    places += [
        (series.points[-MIN_ROWS].line.source, series.points[-MIN_ROWS].line.number)
        for series in run.series.values()
        if len(series.points) >= MIN_ROWS
    ]
    return any(place[0] == source and place[1] > last for place in places)
