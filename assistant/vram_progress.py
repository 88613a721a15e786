"""A progress bar on a terminal, for work whose end is known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_WIDTH = 30


@contextmanager
def show_progress(stream: TextIO) -> Iterator[Callable[[float, str], None]]:
    """Give a function that draws how far the work is, from 0 to 1, and what it is at; draws on terminals only."""

    def draw(share: float, text: str) -> None:
        if stream.isatty():
            done = round(_WIDTH * min(1.0, max(0.0, share)))
            stream.write(f"\r[{'#' * done}{'.' * (_WIDTH - done)}] {text[:40]:<40}")
            stream.flush()

    try:
        yield draw
    finally:
        if stream.isatty():
            stream.write("\r" + " " * (_WIDTH + 43) + "\r")
            stream.flush()
