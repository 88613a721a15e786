"""How far a download is: the hub's own bar on a terminal, a line for each tenth elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any

from tools.units import format_bytes, format_duration


def choose_progress(announce: Callable[[str], None]) -> Any:
    """Give the class, or what makes an object like it, that huggingface_hub's downloads tell how far they are."""
    if sys.stderr.isatty():
        from huggingface_hub.utils.tqdm import tqdm

        return tqdm
    return lambda **options: LineProgress(announce, options["total"] or 0, options["initial"])


class LineProgress:
    """Says a line at each tenth; the part of tqdm's interface that huggingface_hub calls."""

    def __init__(self, announce: Callable[[str], None], total_bytes: int, initial_bytes: int) -> None:
        self._announce, self._total, self._done = announce, total_bytes, initial_bytes
        self._initial, self._begun = initial_bytes, time.monotonic()

    def __enter__(self) -> "LineProgress":
        return self

    def __exit__(self, *_: object) -> None:
        """End; there is nothing to put away."""

    def update(self, num_bytes: int) -> None:
        """Count bytes that came, or went again where they are negative."""
        tenth_before = self._tenth()
        self._done += num_bytes
        if self._tenth() > tenth_before:
            self._announce(f"{10 * self._tenth()} % of {format_bytes(self._total)}{self._rest()}")

    def _tenth(self) -> int:
        return 10 * self._done // self._total if self._total else 0

    def _rest(self) -> str:
        seconds = time.monotonic() - self._begun
        fetched = self._done - self._initial
        if fetched <= 0 or seconds < 1 or self._done >= self._total:
            return ""
        return f", {format_duration((self._total - self._done) * seconds / fetched)} left"
