"""What an out-of-memory message says about a run, and the estimate corrected by it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tools.errors import BadInput
from tools.units import format_bytes, parse_size
from tools.vram import VramEstimate
from tools.vram_reserve import STANDING, Interval

_SIZE = r"([0-9][0-9.,]{0,20} ?[KMGT]?i?B)"
_TRIED = re.compile(r"[Tt]ried to allocate " + _SIZE)
_TOTAL = re.compile(r"total capacity of " + _SIZE + r"|; " + _SIZE + " total capacity")
_ALLOCATED = re.compile(_SIZE + " is allocated by PyTorch|; " + _SIZE + " already allocated")
_UNUSED = re.compile(_SIZE + " is reserved by PyTorch but unallocated")
_RESERVED = re.compile(_SIZE + " reserved in total by PyTorch")


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The numbers of PyTorch's message, in bytes; None where it does not say.

    Attributes:
        total_bytes: capacity of the GPU.
        allocated_bytes: in use by tensors when the allocation failed.
        reserved_bytes: held by PyTorch's allocator, those included.
        tried_bytes: size of the allocation that failed.
    """

    total_bytes: int | None
    allocated_bytes: int
    reserved_bytes: int | None
    tried_bytes: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a failed run says about its estimate.

    Attributes:
        scale: what comes and goes in a step, as found over as estimated; at least 1 unless the estimate said that the
            run fits with room to spare, since a run that failed may have wanted more than it had asked for.
        needed_bytes: what tensors wanted at the moment of the failure, a lower bound of the peak.
        missing_bytes: how much of that was not there; None where the message does not say the capacity.
        slack_bytes: reserved but not in use when it failed: fragmentation.
    """

    scale: float
    needed_bytes: int
    missing_bytes: int | None
    slack_bytes: int | None


def read_out_of_memory(text: str) -> OutOfMemory:
    """Read the numbers of ``torch.OutOfMemoryError``, of PyTorch 1.x or 2.x.

    Raises:
        BadInput: the text holds no such message.

    Example:
        >>> text = "Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.69 GiB. Of the allocated memory "
        >>> read_out_of_memory(text + "21.00 GiB is allocated by PyTorch, and 1.00 GiB is free").tried_bytes
        2147483648
    """
    tried, allocated = _find(_TRIED, text), _find(_ALLOCATED, text)
    if tried is None or allocated is None:
        raise BadInput(
            "no out-of-memory message found; allowed is PyTorch's, with 'Tried to allocate' and 'allocated by PyTorch'"
        )
    unused, reserved = _find(_UNUSED, text), _find(_RESERVED, text)
    if reserved is None and unused is not None:
        reserved = allocated + unused
    return OutOfMemory(_find(_TOTAL, text), allocated, reserved, tried)


def _find(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return parse_size(next(group for group in match.groups() if group)) if match else None


def calibrate(estimate: VramEstimate, failure: OutOfMemory) -> Calibration:
    """Correct an estimate by the numbers of the run that ran out of memory.

    Args:
        estimate: of the run that failed, with its settings.
        failure: what the message says.

    Raises:
        BadInput: the numbers contradict each other.
    """
    if failure.total_bytes is not None and failure.allocated_bytes > failure.total_bytes:
        raise BadInput(
            f"allocated {format_bytes(failure.allocated_bytes)} is more than the total "
            f"{format_bytes(failure.total_bytes)}; both are of one GPU"
        )
    needed = failure.allocated_bytes + failure.tried_bytes
    standing = sum(size for name, size in estimate.parts.items() if name in STANDING)
    passing = estimate.allocated_bytes.value - standing
    scale = max(1.0, (needed - standing) / passing) if passing > 0 else 1.0
    context = estimate.parts["cuda_context"]
    missing = None if failure.total_bytes is None else max(0, needed + context - failure.total_bytes)
    slack = None if failure.reserved_bytes is None else max(0, failure.reserved_bytes - failure.allocated_bytes)
    return Calibration(scale, needed, missing, slack)


def scale_estimate(estimate: VramEstimate, scale: float) -> VramEstimate:
    """Multiply all that comes and goes in a step; what stands for the whole run stays."""
    if scale == 1.0:
        return estimate
    uncounted = ("cuda_context", "paged_optimizer_states")
    kept = (*STANDING, *uncounted)
    parts = {name: size if name in kept else round(scale * size) for name, size in estimate.parts.items()}
    smi = sum(parts.values())
    reserved = smi - sum(parts.get(name, 0) for name in uncounted)
    allocated = reserved - parts["allocator_slack"]
    return replace(
        estimate,
        parts=parts,
        allocated_bytes=_move(estimate.allocated_bytes, allocated),
        reserved_bytes=_move(estimate.reserved_bytes, reserved),
        smi_bytes=_move(estimate.smi_bytes, smi),
        wanted_slack_bytes=round(scale * estimate.wanted_slack_bytes),
    )


def replace_allocated(estimate: VramEstimate, parts: Mapping[str, int], peak_at: str) -> VramEstimate:
    """Put a measured or traced step in the place of the estimated one; slack and context stay as estimated.

    Args:
        estimate: of the same run.
        parts: bytes by name at the peak.
        peak_at: moment of the peak.
    """
    allocated = sum(parts.values())
    uncounted = ("allocator_slack", "cuda_context", "paged_optimizer_states")
    whole = {**parts, **{name: estimate.parts[name] for name in uncounted if name in estimate.parts}}
    return replace(
        estimate,
        parts=whole,
        peak_at=peak_at,
        allocated_bytes=_move(estimate.allocated_bytes, allocated),
        reserved_bytes=_move(estimate.reserved_bytes, allocated + estimate.parts["allocator_slack"]),
        smi_bytes=_move(estimate.smi_bytes, sum(whole.values())),
    )


def _move(interval: Interval, value: int) -> Interval:
    shift = value - interval.value
    return Interval(value, max(0, interval.low + shift), interval.high + shift)
