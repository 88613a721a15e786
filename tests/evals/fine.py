"""Made-up runs in which nothing is wrong, though each looks odd."""

import math

from run_factory import add_evals, add_noise, make_rows

from evals.preferences import FINE as FINE_PREFERENCES
from evals.story import Story, beat, bend, cosine_like, learn, level, line, tell, with_evals

INF, NAN = math.inf, math.nan
EVALS = [1.9, 1.55, 1.35, 1.27, 1.23, 1.22]


def scatter(num_rows: int, places: tuple[int, ...], value: float) -> list[float]:
    """A gradient norm with single values that the loss scaler skips."""
    return [value if index in places else 0.9 for index in range(num_rows)]


def restarts(num_rows: int, period: int, peak: float) -> list[float]:
    """A cosine with warm restarts."""
    return [peak * (1 + math.cos(math.pi * (index % period) / period)) / 2 for index in range(num_rows)]


FINE: tuple[Story, ...] = (
    *FINE_PREFERENCES,
    tell("fp16, scattered inf gradients", with_evals(learn(80), EVALS, grad_norm=scatter(80, (0, 1, 17, 51), INF)),
         fp16=True),
    tell("a nan gradient in the first row", with_evals(learn(60), EVALS, grad_norm=scatter(60, (0,), NAN))),
    tell("stairs of epochs, evaluations fall", with_evals([value + shift for value in (1.7, 1.35, 1.12) for shift in
         add_noise([0.0] * 20, 0.02, 2)], [1.6, 1.4, 1.28, 1.24, 1.22, 1.215])),
    tell("minimum of the evaluations in the noise", with_evals(learn(100), [1.9, 1.5, 1.32, 1.27, 1.25, 1.262, 1.255])),
    tell("flat while the rate warms up", with_evals([*level(20, 2.6, 0.02, 1), *learn(60, 2.6, 1.4)],
         [2.58, 2.0, 1.6, 1.5], learning_rate=[*line(20, 1e-8, 2e-5), *line(60, 2e-5, 2e-4)])),
    tell("from scratch, starts at ln V", with_evals(learn(100, math.log(50257), 3.9, speed=5.0),
         [6.2, 5.0, 4.4, 4.1, 4.0], learning_rate=cosine_like(100, 6e-4)), vocab_size=50257),
    tell("loss below 0", with_evals(learn(60, 0.4, -2.1), [-0.6, -1.4, -1.8, -1.95, -2.0])),
    tell("a loss in hundreds, evaluations as well", with_evals(learn(80, 310.0, 190.0, noise=4.0),
         [270.0, 235.0, 212.0, 203.0, 201.0])),
    tell("warm restarts with bumps", with_evals([value + 0.25 * math.exp(-(index % 25) / 3) for index, value in
         enumerate(learn(100, 2.2, 1.2))], EVALS, learning_rate=restarts(100, 25, 2e-4))),
    tell("five rows", with_evals([2.1, 1.7, 1.5, 1.42, 1.4], [1.6, 1.45])),
    tell("30 % of noise between batches", with_evals(learn(300, 2.0, 1.0, noise=0.4), EVALS)),
    tell("a harder part of the data half-way", with_evals([*learn(50, 1.9, 1.0), *learn(50, 1.22, 0.95)],
         [1.6, 1.3, 1.22, 1.18, 1.1, 1.06])),
    tell("evaluated before the first step", [{"eval_loss": 3.4, "epoch": 0.0, "step": 0},
         *with_evals(learn(60, 3.3, 1.4), [2.2, 1.8, 1.6, 1.5])]),
    tell("constant rate", with_evals(learn(80, 1.7, 1.2), [1.5, 1.38, 1.31, 1.28], learning_rate=1e-4)),
    tell("two classes from 0.69", add_evals(make_rows(learn(60, 0.69, 0.28, noise=0.03), learning_rate=2e-5),
         [0.52, 0.41, 0.36, 0.34], eval_accuracy=[0.76, 0.82, 0.85, 0.86])),
    tell("one bad batch", with_evals(beat(learn(150), (80,), 0.9), EVALS)),
    tell("plateau after a quick drop", with_evals([3.4, 2.1, 1.5, *level(97, 1.38, 0.03, 4)],
         [1.42, 1.4, 1.395, 1.394])),
    tell("evaluations that settle under noise", with_evals(learn(120), bend((10, 5), 1.9, 1.3, 1.31, 0.01))),
)  # fmt: skip
