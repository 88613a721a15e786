"""Runs drawn at random from wide ranges, so that no threshold can be right by being fitted to a few of them."""

import math
import random
from collections.abc import Callable, Iterator

from run_factory import Row, add_evals, make_rows

from evals.story import Story, tell

NAN = math.nan
NUM_DRAWS, NUM_FINE_DRAWS = 25, 100
HARMED = ("loss_divergence", "learning_rate_too_high", "exploding_gradients", "loss_spikes")
IDLE = ("loss_not_decreasing", "learning_rate_too_low", "lr_schedule")
OVERFLOW = ("dtype_precision", "loss_nan", "loss_zero")


class Draw:
    """One run drawn: its size, its levels, its noise and its rates; all losses are those of a pre-trained model."""

    def __init__(self, seed: int) -> None:
        self.choices = random.Random(seed)  # noqa: S311 - curves, nothing secret
        self.num_rows = round(self.between(20, 300))
        self.every = self.choices.choice([1, 5, 10, 25, 50, 100])
        self.start = self.between(0.8, 4.0)
        self.end = self.start * self.choices.uniform(0.25, 0.8)
        self.noise = self.between(0.004, 0.1)
        self.speed = self.choices.uniform(2.5, 9.0)
        self.peak = self.between(8e-6, 3e-4)
        self.epochs = self.choices.choice([1, 1, 2, 3, 5])

    def between(self, low: float, high: float) -> float:
        """A number drawn evenly on a logarithmic scale."""
        return math.exp(self.choices.uniform(math.log(low), math.log(high)))

    def shake(self, value: float) -> float:
        """A value with the run's noise."""
        return value * (1 + self.choices.gauss(0, self.noise))

    def fall(self, share: float) -> float:
        """The loss at a share of the run, without noise: an exponential."""
        return self.end + (self.start - self.end) * math.exp(-self.speed * share)

    def shares(self) -> list[float]:
        """Where the rows stand in the run, from 0 to 1."""
        return [index / (self.num_rows - 1) for index in range(self.num_rows)]

    def losses(self) -> list[float]:
        """A loss that falls."""
        return [self.shake(self.fall(share)) for share in self.shares()]

    def level(self) -> list[float]:
        """A loss that does not fall."""
        return [self.shake(self.start) for _ in range(self.num_rows)]

    def rates(self, peak: float | None = None) -> list[float]:
        """A learning rate: constant, along a line or along a cosine, with or without warm-up."""
        kind, warm = self.choices.choice(["constant", "line", "cosine"]), self.choices.choice([0.0, 0.03, 0.1])
        height = self.peak if peak is None else peak
        rises = [min(1.0, (share + 0.01) / warm if warm else 1.0) for share in self.shares()]
        line = [1 - 0.99 * share for share in self.shares()]
        cosine = [(1.01 + 0.99 * math.cos(math.pi * share)) / 2 for share in self.shares()]
        falls = {"line": line, "cosine": cosine}.get(kind, [1.0] * self.num_rows)
        return [height * rise * fall for rise, fall in zip(rises, falls, strict=True)]

    def gradients(self) -> list[float]:
        """Gradient norms, skewed as they are."""
        middle = self.between(0.2, 4.0)
        return [middle * math.exp(self.choices.gauss(0, 0.3)) for _ in range(self.num_rows)]

    def rows(self, losses: list[float], gradients: list[float] | None = None, peak: float | None = None) -> list[Row]:
        """Training rows."""
        per_epoch = max(1, round(self.num_rows * self.every / self.epochs))
        grad_norm = gradients or self.gradients()
        return make_rows(losses, self.every, per_epoch, grad_norm=grad_norm, learning_rate=self.rates(peak))

    def evals(self, count: int = 0) -> list[float]:
        """Evaluations that follow the training loss a little above it, with a tenth of its noise."""
        number = count or self.choices.randrange(3, 12)
        gap = self.choices.uniform(1.0, 1.12)
        return [
            gap * self.fall((index + 1) / number) * (1 + 0.1 * self.choices.gauss(0, self.noise))
            for index in range(number)
        ]


def draw_fine(draw: Draw) -> list[Row]:
    """A run that learns, with evaluations or without."""
    rows = draw.rows(draw.losses())
    return add_evals(rows, draw.evals()) if draw.choices.random() < 0.7 else rows


def draw_odd(draw: Draw) -> list[Row]:
    """A run that learns and has some of the oddities that real ones have."""
    draw.speed = draw.choices.choice([draw.speed, 30.0, 1.5])
    losses, gradients = draw.losses(), draw.gradients()
    for oddity in draw.choices.sample(ODDITIES, 2):
        losses, gradients = oddity(draw, losses, gradients)
    draw.noise *= draw.choices.choice([1.0, 3.0])
    return add_evals(draw.rows(losses, gradients), draw.evals())


Curves = tuple[list[float], list[float]]


def drift(draw: Draw, losses: list[float], gradients: list[float]) -> Curves:
    """Noise that lasts for several rows."""
    shift, shifted = 0.0, []
    for loss in losses:
        shift = 0.8 * shift + draw.choices.gauss(0, 0.6 * draw.noise)
        shifted.append(loss * (1 + shift))
    return shifted, gradients


def step_down(draw: Draw, losses: list[float], gradients: list[float]) -> Curves:
    """A step of 3 % to 12 % at every epoch."""
    size, num_rows = draw.choices.uniform(0.03, 0.12), len(losses)
    return [loss * (1 - size) ** (index * draw.epochs // num_rows) for index, loss in enumerate(losses)], gradients


def outlie(draw: Draw, losses: list[float], gradients: list[float]) -> Curves:
    """Two rows of harder text, up to 1.5 times the curve, with twice the gradient."""
    for place in draw.choices.sample(range(len(losses)), 2):
        losses[place] *= draw.choices.uniform(1.1, 1.5)
        gradients[place] *= 2
    return losses, gradients


def burst(draw: Draw, losses: list[float], gradients: list[float]) -> Curves:
    """Gradients that jump for single rows and are clipped, and large ones at the start."""
    for place in draw.choices.sample(range(len(losses)), 3):
        gradients[place] *= draw.choices.uniform(3, 10)
    return losses, [norm * (1 + 20 * math.exp(-index)) for index, norm in enumerate(gradients)]


def wait(draw: Draw, losses: list[float], gradients: list[float]) -> Curves:
    """A start that is flat for a tenth of the run, while the rate warms up."""
    num_waiting = len(losses) // 10
    return [*(draw.shake(losses[0]) for _ in range(num_waiting)), *losses[: len(losses) - num_waiting]], gradients


def mix(draw: Draw, losses: list[float], gradients: list[float]) -> Curves:
    """A harder part of the data from the middle on, by 4 % to 10 %."""
    size, middle = draw.choices.uniform(0.04, 0.1), len(losses) // 2
    return [loss * (1 + size * (index >= middle)) for index, loss in enumerate(losses)], gradients


ODDITIES = (drift, step_down, outlie, burst, wait, mix)


def draw_overfit(draw: Draw) -> list[Row]:
    """A validation loss that turns at a third to two thirds and ends 12 % to 90 % above its minimum."""
    number = draw.choices.randrange(6, 16)
    turn, rise = round(number * draw.choices.uniform(0.3, 0.6)), draw.choices.uniform(0.12, 0.9)
    evals = draw.evals(number)
    low = evals[turn]
    climb = [low * (1 + rise * (index - turn) / (number - 1 - turn)) for index in range(turn, number)]
    draw.end *= 0.3
    return add_evals(draw.rows(draw.losses()), [*evals[:turn], *climb])


def draw_divergence(draw: Draw) -> list[Row]:
    """From 40 % to 80 % of the run on the loss climbs to 1.5 to 4 times where it was, and above its start."""
    losses, at = draw.losses(), round(draw.num_rows * draw.choices.uniform(0.4, 0.8))
    top = max(losses[at] * draw.choices.uniform(1.5, 4.0), 1.2 * draw.start)
    num_left = draw.num_rows - at
    climb = [draw.shake(losses[at] + (top - losses[at]) * min(1.0, 3 * index / num_left)) for index in range(num_left)]
    return draw.rows([*losses[:at], *climb])


def draw_nan(draw: Draw) -> list[Row]:
    """The loss and its gradient are nan from some row on."""
    at = draw.choices.randrange(1, draw.num_rows - 1)
    gradients = [*draw.gradients()[:at], *[NAN] * (draw.num_rows - at)]
    return draw.rows([*draw.losses()[:at], *[NAN] * (draw.num_rows - at)], gradients)


def draw_zero(draw: Draw) -> list[Row]:
    """The loss prints 0 from some row on, with a gradient of nan."""
    at = draw.choices.randrange(1, draw.num_rows - 5)
    gradients = [*draw.gradients()[:at], *[NAN] * (draw.num_rows - at)]
    return draw.rows([*draw.losses()[:at], *[0.0] * (draw.num_rows - at)], gradients)


def draw_flat(draw: Draw) -> list[Row]:
    """A loss that only wobbles."""
    rows = draw.rows(draw.level())
    flat = [draw.start * (1 + 0.1 * draw.choices.gauss(0, draw.noise)) for _ in range(5)]
    return add_evals(rows, flat) if draw.choices.random() < 0.5 else rows


def draw_idle(draw: Draw) -> list[Row]:
    """A loss that does not move under a rate of 1e-10 to 1e-8, or of 0."""
    return draw.rows(draw.level(), peak=draw.choices.choice([0.0, draw.between(1e-10, 1e-8)]))


def draw_spikes(draw: Draw) -> list[Row]:
    """Three to six single rows at 2.5 to 6 times the curve, in a run of little noise."""
    draw.noise = min(draw.noise, 0.04)
    losses, gradients = draw.losses(), draw.gradients()
    first = draw.num_rows // 4
    for place in draw.choices.sample(range(first, draw.num_rows - 3), min(draw.choices.randrange(3, 7), 6)):
        losses[place] = draw.start * draw.choices.uniform(2.5, 6.0)
        gradients[place] *= draw.choices.uniform(8, 60)
    return add_evals(draw.rows(losses, gradients), draw.evals())


def draw_explosion(draw: Draw) -> list[Row]:
    """Gradient norms that grow a thousandfold and more over the second half."""
    growth = draw.between(1e3, 1e6)
    grown = [
        norm * growth ** max(0.0, 2 * share - 1) for norm, share in zip(draw.gradients(), draw.shares(), strict=True)
    ]
    return draw.rows(draw.losses(), grown)


Maker = Callable[[Draw], list[Row]]
FAMILIES: tuple[tuple[Maker, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (draw_overfit, "overfitting", (), ("insufficient_data",)),
    (draw_divergence, "loss_divergence", (), HARMED),
    (draw_nan, "loss_nan", (), OVERFLOW),
    (draw_zero, "loss_zero", ("loss_nan",), OVERFLOW),
    (draw_flat, "loss_not_decreasing", (), ()),
    (draw_idle, "learning_rate_too_low", IDLE, IDLE),
    (draw_spikes, "loss_spikes", (), ("exploding_gradients",)),
    (draw_explosion, "exploding_gradients", (), HARMED),
)
"""How a family is drawn, its label, the ids that say the same, and what may be said beside it."""


def draw_faults() -> Iterator[Story]:
    """Draw runs of every family."""
    for number, (make, label, either, fair) in enumerate(FAMILIES):
        for index in range(NUM_DRAWS):
            rows = make(Draw(1000 * number + index))
            yield tell(f"{label} {index}", rows, label, either=either, fair=fair)


def draw_fine_runs() -> Iterator[Story]:
    """Draw runs that learn."""
    for index in range(NUM_FINE_DRAWS):
        yield tell(f"fine {index}", draw_fine(Draw(90_000 + index)))
        yield tell(f"odd {index}", draw_odd(Draw(95_000 + index)))
