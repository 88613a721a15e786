"""A made-up run: its rows, what is wrong with it, and which formats can show that."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from run_factory import Row, add_evals, add_noise, descend, make_rows

from evals.case import Case
from evals.formats import DIGITS, FULL, HUGGING_FACE, REPEATING, STATE, WITHOUT
from evals.writers import PROMPT_COLUMNS, Settings, Writer
from tools.log_parser import parse_log
from tools.run import Run


@dataclass(frozen=True, slots=True)
class Story:
    """A made-up run.

    Attributes:
        rows: training and evaluation rows, in order.
        labels, either, fair: as those of a case.
        needs: metrics, or "settings", without which the fault cannot be seen.
        settings: what the training script prints of its settings.
    """

    name: str
    rows: Sequence[Row]
    labels: tuple[str, ...] = ()
    either: frozenset[str] = frozenset()
    fair: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    settings: Settings = field(default_factory=dict)

    def fits(self, writer: str) -> bool:
        """Whether a format can show what is wrong."""
        lacks = WITHOUT.get(writer, frozenset())
        has_more = any(name not in PROMPT_COLUMNS for row in self.rows for name in row)
        if has_more and writer not in HUGGING_FACE | {STATE}:
            return False
        if "training rows" in lacks and any("eval_loss" in row for row in self.rows) and "eval_loss" not in self.needs:
            return False
        return not lacks & self.needs


def tell(
    name: str,
    rows: Sequence[Row],
    *labels: str,
    either: Iterable[str] = (),
    fair: Iterable[str] = (),
    needs: Iterable[str] = (),
    **settings: float | str,
) -> Story:
    """Make a story; settings are what the script prints."""
    return Story(name, rows, labels, frozenset(either), frozenset(fair), frozenset(needs), settings)


def write_cases(stories: Iterable[Story], writers: Mapping[str, Writer]) -> Iterator[tuple[str, Case]]:
    """Give every story in every format that can show it, with the format's name."""
    for story in stories:
        for name, write in writers.items():
            if story.fits(name):
                yield name, make_case(story, name, write(story.rows, story.settings))


def make_case(story: Story, writer: str, data: bytes) -> Case:
    """A story in a format, with its plain numbers and the steps of its rows."""
    lacks = WITHOUT.get(writer, frozenset())
    losses = [row for row in story.rows if "loss" in row]
    evals = [row for row in story.rows if "eval_loss" in row and "eval_loss" not in lacks]
    is_whole = "training rows" not in lacks
    digits, eval_digits = DIGITS.get(writer, FULL)
    first, last = (round(row["loss"], digits) for row in (losses[0], losses[-1]))
    facts: dict[str, float] = {"first_loss": first, "last_loss": last}
    facts |= {"last_eval_loss": round(evals[-1]["eval_loss"], eval_digits)} if evals else {}
    if writer not in REPEATING:
        facts |= {"num_points": len(losses), "num_eval_points": len(evals)}
    offset = -1 if writer == "Lightning CSV" else 0
    return Case(
        f"{story.name} [{writer}]",
        partial(read, data),
        story.labels,
        story.either,
        story.fair if evals else story.fair | {"no_evaluation"},
        facts if is_whole else {},
        [round(row["step"]) + offset for row in losses] if is_whole else (),
        tells_steps="step" not in lacks,
    )


def read(data: bytes) -> Run:
    """Read an input that is at hand."""
    return parse_log(io.BytesIO(data))


def learn(
    num_rows: int = 60, start: float = 2.4, end: float = 1.1, *, noise: float = 0.03, seed: int = 1, speed: float = 4.0
) -> list[float]:
    """The loss of a run that learns."""
    return add_noise(descend(num_rows, start, end, speed), noise, seed)


def level(num_rows: int, value: float, noise: float, seed: int) -> list[float]:
    """A loss that only wobbles."""
    return add_noise([value] * num_rows, noise, seed)


def line(num_rows: int, start: float, end: float, noise: float = 0.0, seed: int = 1) -> list[float]:
    """A straight line."""
    return add_noise([start + (end - start) * index / (num_rows - 1) for index in range(num_rows)], noise, seed)


def grow(num_rows: int, start: float, end: float) -> list[float]:
    """Equal steps on a logarithmic scale."""
    return [start * (end / start) ** (index / (num_rows - 1)) for index in range(num_rows)]


def bend(counts: tuple[int, int], start: float, low: float, end: float, noise: float = 0.0) -> list[float]:
    """Evaluations of which so many fall to a minimum and so many climb from it."""
    falling = descend(counts[0], start, low)
    rising = line(counts[1] + 1, falling[-1], end)[1:]
    return add_noise([*falling, *rising], noise, 6)


def beat(values: Sequence[float], places: Iterable[int], height: float) -> list[float]:
    """Put single peaks on a curve."""
    places = set(places)
    return [value + height * (1 + index % 3 / 3) if index in places else value for index, value in enumerate(values)]


def cosine_like(num_rows: int, peak: float, warm: int = 4) -> list[float]:
    """A learning rate that warms up and falls along a line."""
    return [peak * min((index + 1) / warm, 1 - 0.98 * index / num_rows) for index in range(num_rows)]


def with_evals(losses: Sequence[float], evals: Sequence[float], **metrics: Any) -> list[Row]:
    """Training rows with evaluations between them."""
    return add_evals(make_rows(losses, **metrics), evals)


def with_metrics(losses: Sequence[float], metrics: Mapping[str, Any]) -> list[Row]:
    """Training rows with metrics whose names are no identifiers."""
    return make_rows(losses, **metrics)
