"""Torch's memory tracker, told about the moments of a step, and taught to bear frozen parameters."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.distributed._tools.mem_tracker import MemTracker, _MemRefType

_NAMES = {
    _MemRefType.PARAM: "weights",
    _MemRefType.BUFFER: "buffers",
    _MemRefType.GRAD: "gradients",
    _MemRefType.ACT: "activations",
    _MemRefType.TEMP: "temporary",
    _MemRefType.OPT: "optimizer_states",
    _MemRefType.OTH: "inputs",
}


class _NoHandle:
    """Stands where the tracker would keep the handle of a gradient hook."""

    def remove(self) -> None:
        """There is nothing to remove."""


class StepTracker(MemTracker):  # type: ignore[no-untyped-call]  # torch leaves this class untyped
    """Keeps the peak of every moment of a training step.

    Frozen parameters refuse gradient hooks, so they are tracked without. Sums by module are left out: they cost most of
    the time, and nobody asks for them here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peaks: dict[str, dict[str, int]] = {}
        self._moment = ""

    def begin(self, moment: str) -> None:
        """End the moment that is running, and start another."""
        self._close()
        self._moment = moment
        self._peak_mem_snap = self.get_tracker_snapshot()
        self._peak_mem = {device: snap["Total"] for device, snap in self._peak_mem_snap.items()}

    def forget(self) -> None:
        """Drop the peaks so far."""
        self._moment = ""
        self.peaks.clear()

    def finish(self) -> Mapping[str, Mapping[str, int]]:
        """The peaks of the moments: bytes by kind."""
        self._close()
        return self.peaks

    def watch(self, network: torch.nn.Module) -> None:
        """Follow the gradients of a network's parameters."""
        self._track_module_params_and_buffers(network)

    def _pre_fw_hook(self, module: torch.nn.Module, inputs: Any) -> None:
        """Sums by module are not wanted."""

    def _post_fw_hook(self, module: torch.nn.Module, inputs: Any, outputs: Any) -> None:
        """Sums by module are not wanted."""

    def _pre_bw_hook(self, module: torch.nn.Module, args: Any) -> None:
        """Sums by module are not wanted."""

    def _post_bw_hook(self, module: torch.nn.Module, args: Any) -> None:
        """Sums by module are not wanted."""

    def _close(self) -> None:
        if not self._moment:
            return
        snap = next(iter(self._peak_mem_snap.values()), {})
        found = {name: int(snap.get(kind, 0)) for kind, name in _NAMES.items()}
        known = self.peaks.get(self._moment)
        if known is None or sum(found.values()) > sum(known.values()):
            self.peaks[self._moment] = found

    def _track_module_params_and_buffers(
        self, module: torch.nn.Module, install_grad_hooks: bool = True
    ) -> tuple[int, int]:
        handles: Any = self._param_to_grad_hook_handles
        for parameter in module.parameters():
            if not parameter.requires_grad and handles.get(parameter) is None:
                handles[parameter] = (_NoHandle(), _NoHandle())
        return super()._track_module_params_and_buffers(module, install_grad_hooks)
