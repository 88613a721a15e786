"""One training step of the real modelling code, without a GPU and without weights.

Torch's FakeTensorMode runs the operations on sizes alone, and MemTracker adds up what is alive. Two models of few
layers are traced and each moment of the step is extended linearly to the real depth, since all layers of a kind
cost the same.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tools.errors import BadInput
from tools.vram_model import Model
from tools.vram_network import build_network, materialise
from tools.vram_optimizers import OPTIMIZERS, Optimizer
from tools.vram_settings import TrainingSettings

Advance = Callable[[float, str], None]
Peaks = Mapping[str, Mapping[str, float]]

_BLOCK = 2


@dataclass(frozen=True, slots=True)
class TracedStep:
    """What a traced step needed, in bytes.

    Attributes:
        allocated_bytes: peak of the second step, so that the optimiser's states are there.
        parts: bytes by kind at the peak; they sum to ``allocated_bytes``.
        peak_at: moment of the peak.
        depths: layers of the models that were traced.
        num_layers: layers that the result stands for.
        seconds: how long it took.
        notes: what the trace could not run and took from the analytic estimate.
    """

    allocated_bytes: int
    parts: Mapping[str, int]
    peak_at: str
    depths: Sequence[int]
    num_layers: int
    seconds: float
    notes: Sequence[str]


def trace_step(
    model: Model, settings: TrainingSettings, advance: Advance, *, depths: Sequence[int] | None = None
) -> TracedStep:
    """Run a training step of the real code on sizes alone, and report its peak of memory.

    Args:
        model: a model whose architecture transformers knows.
        settings: how it is trained; sharding is not traced.
        advance: told how far the work is, from 0 to 1, and what it is at.
        depths: numbers of layers to trace; two small ones by default, the real depth alone for a full trace.

    Raises:
        BadInput: the settings cannot be traced, or transformers does not know the architecture.
    """
    started = time.perf_counter()
    _check(settings)
    shape = model.shape
    first = _BLOCK * max(1, shape.moe_layer_step) + shape.first_dense_layers
    depths = depths or (first, 2 * first)
    depths = tuple(depth for depth in depths if depth <= shape.num_layers) or (shape.num_layers,)
    traced = []
    for number, depth in enumerate(depths):
        advance(number / len(depths), f"tracing {depth} layers")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced.append(_trace_depth(model, settings, depth))
    advance(1.0, "done")
    peaks = _extend(traced, depths, shape.num_layers)
    peaks, notes = _correct(peaks, model, settings)
    peak_at = max(peaks, key=lambda moment: sum(peaks[moment].values()))
    parts = {name: round(size) for name, size in peaks[peak_at].items() if size > 0}
    seconds = time.perf_counter() - started
    return TracedStep(sum(parts.values()), parts, peak_at, depths, shape.num_layers, seconds, notes)


def _check(settings: TrainingSettings) -> None:
    if settings.num_gpus > 1:
        raise BadInput("trace runs one GPU; leave num-gpus and sharding out")
    if settings.objective != "sft" or settings.checkpointing in ("selective", "offloaded"):
        raise BadInput("trace runs supervised fine-tuning with checkpointing none or full")


def _extend(traced: Sequence[Peaks], depths: Sequence[int], num_layers: int) -> dict[str, dict[str, float]]:
    """Extend each moment linearly in the number of layers."""
    if len(traced) == 1:
        return {moment: dict(parts) for moment, parts in traced[0].items()}
    steps = (num_layers - depths[1]) / (depths[1] - depths[0])
    return {
        moment: {name: size + steps * (size - traced[0][moment].get(name, 0)) for name, size in parts.items()}
        for moment, parts in traced[1].items()
        if moment in traced[0]
    }


def _correct(peaks: Peaks, model: Model, settings: TrainingSettings) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Put in what cannot run without a GPU: quantised weights, 8-bit states, fused losses."""
    from tools.vram import build_step
    from tools.vram_moments import list_moments

    notes = []
    corrected = {moment: dict(parts) for moment, parts in peaks.items()}
    step = build_step(model, settings)
    if settings.quantization != "none":
        notes.append(f"{settings.quantization} weights are counted, not run")
        standing = step.weights.base + step.weights.constants + step.weights.adapters
        for moment, parts in corrected.items():
            parts["weights"] = standing
            parts["temporary"] += 0 if moment == "optimizer" else 2 * step.matrices.largest_linear
    optimizer = OPTIMIZERS[settings.optimizer]
    if not _runs(optimizer):
        notes.append(f"states of {optimizer.name} are counted, not run")
        moments = list_moments(step)
        states, working = moments["load"].get("optimizer_states", 0), moments["optimizer"].get("temporary_step", 0)
        for moment, parts in corrected.items():
            parts["optimizer_states"] = states
            parts["temporary"] = working if moment == "optimizer" else parts["temporary"]
    if settings.loss == "fused_linear":
        notes.append("the fused loss is counted, not run")
        corrected["loss"]["temporary"] += step.loss.forward
        head = step.matrices.head * step.weights.trained_bytes if settings.adapter == "none" else 0
        for moment in ("backward_last_layer", "backward_middle", "backward_first_layer"):
            if moment in corrected:
                corrected[moment]["gradients"] += head
    return corrected, notes


def _runs(optimizer: Optimizer) -> bool:
    return optimizer.name in ("adamw", "adamw_fused", "sgd", "sgd_momentum")


def _trace_depth(model: Model, settings: TrainingSettings, depth: int) -> Peaks:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    from tools.vram_tracker import StepTracker

    network = build_network(model, settings, depth)
    tracker = StepTracker()
    with ExitStack() as stack:
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        materialise(network)
        optimizer = _make_optimizer(network, settings)
        tracker.track_external(network, optimizer)
        tokens = torch.zeros((settings.micro_batch, settings.seq_len), dtype=torch.long)
        _mark_layers(network, depth, tracker)
        with tracker:
            tracker.watch(network)
            for _ in range(2):
                tracker.forget()
                _run_step(network, optimizer, tokens, tracker, settings)
    return tracker.finish()


def _run_step(network: Any, optimizer: Any, tokens: Any, tracker: Any, settings: TrainingSettings) -> None:
    import torch

    with ExitStack() as stack:
        if settings.compute == "autocast":
            stack.enter_context(torch.autocast("cpu", torch.bfloat16))
        tracker.begin("loss")
        if settings.loss == "fused_linear":
            inner = network.get_base_model() if hasattr(network, "peft_config") else network
            loss = inner.base_model(input_ids=tokens).last_hidden_state.float().mean()
        else:
            loss = network(input_ids=tokens, labels=tokens).loss
    loss.backward()
    tracker.begin("optimizer")
    optimizer.step()
    optimizer.zero_grad()


def _make_optimizer(network: Any, settings: TrainingSettings) -> Any:
    import torch

    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if settings.optimizer.startswith("sgd"):
        return torch.optim.SGD(trained, lr=1e-3, momentum=0.9 if settings.optimizer == "sgd_momentum" else 0.0)
    return torch.optim.AdamW(trained, lr=1e-3, foreach=settings.optimizer == "adamw")


def _mark_layers(network: Any, depth: int, tracker: Any) -> None:
    """Begin a moment where the backward pass reaches the head's input, the last layer, the first, the embedding."""
    import torch

    layers = next(
        one for one in network.modules() if isinstance(one, torch.nn.ModuleList) and len(one) == depth and depth
    )
    names = {depth - 1: "backward_last_layer", 0: "backward_first_layer"} if depth > 1 else {0: "backward_last_layer"}
    for number, layer in enumerate(layers):
        layer.register_forward_hook(_marker(tracker, names.get(number, "backward_middle")))
    layers[0].register_forward_pre_hook(_start_marker(tracker), with_kwargs=True)


def _marker(tracker: Any, moment: str) -> Callable[..., None]:
    def mark(_: Any, __: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        if hidden.requires_grad:
            hidden.register_hook(lambda _: tracker.begin(moment))

    return mark


def _start_marker(tracker: Any) -> Callable[..., None]:
    def mark(_: Any, inputs: Any, keywords: Mapping[str, Any]) -> None:
        hidden = inputs[0] if inputs else keywords.get("hidden_states")
        if hidden is not None and hidden.requires_grad:
            hidden.register_hook(lambda _: tracker.begin("backward_embedding"))

    return mark
