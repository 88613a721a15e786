"""One training step of the real modelling code, without a GPU and without weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.vram_model import Model
from tools.vram_settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class TracedStep:
    """What a traced step needed, in bytes.

    Attributes:
        allocated_bytes: peak of the second step, so that the optimiser's states are there.
        parts: bytes by torch's kinds at the peak.
        depths: layers of the models that were traced.
        num_layers: layers that the result stands for.
        seconds: how long it took.
    """

    allocated_bytes: int
    parts: Mapping[str, int]
    depths: Sequence[int]
    num_layers: int
    seconds: float


def trace_step(model: Model, settings: TrainingSettings, advance: Callable[[float, str], None]) -> TracedStep:
    raise NotImplementedError
