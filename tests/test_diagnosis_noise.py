"""Healthy runs by the hundred, with every kind of noise: hardly any may be called ill."""

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import pytest
from run_factory import Row, judge, render_state, serious_ids

NUM_RUNS = 96
MAX_ALARM_SHARE = 0.02
NORMAL = NormalDist()
SHAPES: dict[str, Callable[[float, float, float], float]] = {
    "exponential": lambda x, start, end: end + (start - end) * math.exp(-8 * x),
    "power": lambda x, start, end: 0.8 * end + (start - 0.8 * end) * (1 + 50 * x) ** -0.3,
    "quick": lambda x, start, end: end + (start - end) * math.exp(-30 * x),
    "line": lambda x, start, end: start + (end - start) * x,
    "classes": lambda x, _start, _end: 0.69 * (0.4 + 0.6 * math.exp(-6 * x)),
    "from scratch": lambda x, _start, _end: 3.0 + 7.6 * (1 + 100 * x) ** -0.5,
    "stairs": lambda x, start, _end: start * 0.75 ** int(min(4 * x, 3.99)),
    "season": lambda x, start, end: (end + (start - end) * math.exp(-6 * x)) * (1 + 0.2 * ((4 * x) % 1 - 0.5)),
}
NOISES: dict[str, Callable[[float, float], float]] = {
    "normal": lambda shift, width: math.exp(width * shift),
    "heavy tails": lambda shift, width: max(0.05, 1 + width * math.sinh(shift) / 1.5),
    "skewed": lambda shift, width: math.exp(1.3 * width * shift),
}


def draw_shares(seed: int) -> Iterator[float]:
    """Numbers between 0 and 1, the same ones for the same seed."""
    return iter([NORMAL.cdf(value) for value in NORMAL.samples(8, seed=seed)])


def make_run(shape: str, noise: str, seed: int) -> list[Row]:
    """Rows of a run that learns, with a schedule, gradient norms and, in most of them, evaluations."""
    shares = draw_shares(seed)
    num_rows = round(math.exp(1.8 + 4.9 * next(shares)))
    start, end_share, width = 1.5 + 2.5 * next(shares), 0.3 + 0.45 * next(shares), 0.2 * next(shares)
    end, scale = start * end_share, 16 if next(shares) > 0.8 else 1
    shifts, bumps = NORMAL.samples(num_rows, seed=seed), NORMAL.samples(num_rows, seed=-seed)
    rows = []
    for index in range(num_rows):
        place = (index + 0.5) / num_rows
        loss = scale * SHAPES[shape](place, start, end) * NOISES[noise](shifts[index], width)
        norm = (1 + 3 * math.exp(-20 * place)) * math.exp(0.5 * abs(bumps[index]))
        rate = 2e-4 * min(1.0, 20 * place) * (1 + math.cos(math.pi * place)) / 2
        step = 10.0 * (index + 1)
        rows.append({"loss": loss, "grad_norm": norm, "learning_rate": rate, "epoch": 4 * place, "step": step})
    num_evals = int(14 * next(shares))
    for index in range(1, num_evals + 1):
        at = rows[max(0, index * num_rows // num_evals - 1)]
        loss = scale * (end + (start - end) * math.exp(-8 * index / num_evals)) * math.exp(0.005 * bumps[index % 6])
        rows.append({"eval_loss": loss, "epoch": at["epoch"], "step": at["step"]})
    return rows


@pytest.mark.parametrize("noise", NOISES)
def test_healthy_runs_are_hardly_ever_called_ill(noise: str) -> None:
    ill = []
    for number in range(NUM_RUNS):
        shape = list(SHAPES)[number % len(SHAPES)]
        found = serious_ids(judge(render_state(make_run(shape, noise, number + 1))))
        ill += [(number, shape, found)] if found else []
    assert len(ill) <= MAX_ALARM_SHARE * NUM_RUNS, ill
