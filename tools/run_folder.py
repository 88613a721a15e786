"""A run folder: the metrics from the file that tells most, problems and settings from every file that tells any."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tools.errors import BadInput
from tools.run import Line, Point, Problem, Progress, Run, Series, Setting

MAX_FILES = 200
MAX_DEPTH = 4
_METRIC_NAMES = (
    "trainer_state.json",
    "trainer_log.jsonl",
    "logging.jsonl",
    "log_history.json",
    "metrics.csv",
    "wandb-summary.json",
    "all_results.json",
    "train_results.json",
    "eval_results.json",
    "history.json",
)
_TEXT_ENDINGS = (".log", ".out", ".err", ".txt", ".jsonl", ".csv", ".tsv", ".ipynb", ".html", ".gz", ".zst", ".xz")
_CONFIG_NAMES = (
    "config.yaml",
    "adapter_config.json",
    "config.json",
    "training_args.json",
    "args.json",
    "training_config.yaml",
    "README.md",
)
_SKIPPED = ("requirements", "tokenizer", "vocab", "merges", "special_tokens", "generation_config", "dataset")


def parse_folder(folder: Path) -> Run:
    """Read what a run left in its folder, and merge it to one run.

    Returns:
        Series of the file with most training rows; problems of all; settings of all, the metrics' own first. Each
        line says in ``source`` which file it stands in.

    Raises:
        BadInput: the folder holds no log that can be read.
    """
    runs = [run for path in _find_logs(folder) if (run := _parse_quietly(path, folder)) is not None]
    judgeable = [run for run in runs if run.is_judgeable]
    if not judgeable:
        seen = f"{len(runs)} file(s) in it were read, none is a training log" if runs else "it holds no log"
        raise BadInput(f"{folder}: {seen}; pass a folder with trainer_state.json, a console log or an event file")
    return _merge(str(folder), judgeable, _read_settings(folder))


def _find_logs(folder: Path) -> list[Path]:
    """Files that may be logs, at most MAX_FILES; of a trainer's checkpoints only the state of the last one."""
    found = [path for path in _walk(folder, 0) if _is_log(path)]
    states = [path for path in found if path.name == "trainer_state.json"]
    last = max(states, key=lambda path: (len(path.parts) == len(folder.parts) + 1, path.stat().st_size), default=None)
    return [path for path in found if path.name != "trainer_state.json" or path == last][:MAX_FILES]


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and depth < MAX_DEPTH and not path.name.startswith("."):
            yield from _walk(path, depth + 1)


def _is_log(path: Path) -> bool:
    name = path.name.lower()
    if any(name.startswith(word) for word in _SKIPPED) or name in _CONFIG_NAMES:
        return False
    return name in _METRIC_NAMES or "tfevents" in name or name.endswith(_TEXT_ENDINGS)


def _parse_quietly(path: Path, folder: Path) -> Run | None:
    from tools.log_parser import parse_path

    try:
        run = parse_path(path)
    except BadInput:
        return None
    return _with_source(run, str(path.relative_to(folder)))


def _read_settings(folder: Path) -> dict[str, Setting]:
    from tools.run_config import read_config

    settings: dict[str, Setting] = {}
    for name in _CONFIG_NAMES:
        if (folder / name).is_file():
            try:
                found = read_config(folder / name)
            except BadInput:
                continue
            settings = {**found, **settings}
    return settings


def _merge(name: str, runs: Sequence[Run], settings: dict[str, Setting]) -> Run:
    best = max(runs, key=_worth)
    for run in (*runs, best):
        settings = {**settings, **run.settings}
    others = [run for run in runs if run is not best]
    merged = {metric: series for run in others for metric, series in run.series.items() if run.format == best.format}
    names = ", ".join(run.name for run in runs)
    return replace(
        best,
        name=name,
        series=best.series or merged,
        problems=_distinct([*best.problems, *(problem for run in others for problem in run.problems)]),
        stages=best.stages or max((run.stages for run in others), key=len, default=()),
        settings=settings,
        num_lines=sum(run.num_lines for run in runs),
        num_bytes=sum(run.num_bytes for run in runs),
        notes=(f"read {names}; the metrics are those of {best.name}", *best.notes),
    )


def _worth(run: Run) -> tuple[int, int, int]:
    losses = [run.series[name].num_points if name in run.series else 0 for name in ("loss", "eval_loss")]
    return losses[0], losses[1], run.num_records


def _distinct(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems told in two files, such as a console log and its copy, once."""
    return tuple({(problem.kind, problem.summary): problem for problem in reversed(problems)}.values())[::-1]


def _with_source(run: Run, source: str) -> Run:
    """The run with its file's name in each of its lines."""

    def mark(line: Line) -> Line:
        return replace(line, source=source)

    def mark_point(point: Point) -> Point:
        return replace(point, line=mark(point.line))

    def mark_series(series: Series) -> Series:
        return replace(series, points=tuple(map(mark_point, series.points)))

    def mark_stage(stage: Progress) -> Progress:
        return replace(stage, line=mark(stage.line))

    return replace(
        run,
        name=source,
        series={name: mark_series(series) for name, series in run.series.items()},
        summary={name: mark_point(point) for name, point in run.summary.items()},
        settings={name: replace(setting, line=mark(setting.line)) for name, setting in run.settings.items()},
        problems=tuple(replace(problem, lines=tuple(map(mark, problem.lines))) for problem in run.problems),
        stages=tuple(map(mark_stage, run.stages)),
    )
