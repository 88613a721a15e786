"""All that is said about one run: its memory, the GPUs asked about, what would fit, how fast it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.gpus import Gpu
from tools.vram import Verdict, VramEstimate, judge
from tools.vram_fit import FitPlan
from tools.vram_model import Model
from tools.vram_oom import Calibration
from tools.vram_speed import Speed
from tools.vram_trace import TracedStep


@dataclass(frozen=True, slots=True)
class VramReport:
    """What ``ftchat vram`` answers.

    Attributes:
        model: the model.
        estimate: its memory.
        gpus: the GPUs asked about, the first of which everything else is about.
        calibration: what an out-of-memory message corrected.
        speed: expected speed on the first GPU.
        seconds: time for the dataset.
        utilisation: of the measured throughput, model FLOPs over the GPU's.
        fit: what to change until it fits.
        trace: the step as the real code ran it; the estimate then takes its sizes from there.
        analytic_bytes: what the formulas say is allocated, beside a trace.
    """

    model: Model
    estimate: VramEstimate
    gpus: Sequence[Gpu] = ()
    calibration: Calibration | None = None
    speed: Speed | None = None
    seconds: float | None = None
    utilisation: float | None = None
    fit: FitPlan | None = None
    trace: TracedStep | None = None
    analytic_bytes: int | None = None

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """Whether it fits, for each GPU."""
        return tuple(judge(self.estimate, gpu) for gpu in self.gpus)
