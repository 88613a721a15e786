"""tqdm progress bars: which frame belongs to training, and what step it shows."""

import re
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern
from tools.units import parse_clock

_PREFIX = rb"(?:\d{1,4}: |\[[^\]]{1,20}\](?:<\w{1,6}>)?:?\s?|\([^)]{1,60}\)\s?)"
_FRAME = lazy_pattern(_PREFIX + rb"{0,3}\s{0,3}\d{1,3}%\|[^|]{0,400}\|\s{0,8}(\d{1,12})/(\d{1,12}) \[([^<\]]{1,40})<")
_DESCRIBED = lazy_pattern(
    rb"([^\r\n]{1,160}?)[:\s>\"]\s{0,3}\d{1,3}%\|[^|]{0,400}\|\s{0,8}(\d{1,12})/(\d{1,12}) \[([^<\]]{1,40})<"
    rb"[^\]]{1,60}(?:it/s|s/it)"
)
_NOTEBOOK = lazy_pattern(rb"\s{0,8}\[\s{0,4}(\d{1,12})/(\d{1,12}) ([\d:]{4,20}) < ")
# Words of bars that tqdm draws for other work than training steps.
_OTHER_WORK = lazy_pattern(
    rb"map|load|token|filter|generat|fetch|sav|eval|valid|test|predict|infer|convert|shard|process|pack|trunc|extract|"
    rb"comput|creat|build|resolv|collect|encod|quant|calib|merg|copy|cast|add|appl|scor|sampl|inference|warm|format|sanity",
    re.IGNORECASE,
)


DESCRIPTION_BYTES = 40


@dataclass(frozen=True, slots=True)
class Frame:
    """One drawing of a bar.

    Attributes:
        step, total: what it shows; clock: the time since it started, as tqdm writes it.
        is_beside_rows: it was drawn between the rows; a notebook's bar stands above its table, as it was last.
    """

    step: int
    total: int
    clock: str
    is_beside_rows: bool = True

    @property
    def elapsed_seconds(self) -> float:
        """The clock in seconds, 0 where it shows none."""
        return parse_clock(self.clock) or 0.0


def read_frame(raw: bytes) -> Frame | None:
    """Read a frame of a bar that may be the training bar's: one without a description, or described as no other work.

    Source:
        tqdm/std.py, tqdm.format_meter; transformers/utils/notebook.py, NotebookProgressBar.

    Example:
        >>> read_frame(b"  3%|#         | 15/500 [00:42<22:51,  2.83s/it]")
        Frame(step=15, total=500, clock='00:42', is_beside_rows=True)
        >>> read_frame(b"Map:  50%|#####     | 5/10 [00:01<00:01,  5.0 examples/s]") is None
        True
    """
    match = _NOTEBOOK.match(raw)
    if match:
        return Frame(int(match[1]), int(match[2]), match[3].decode("ascii", "replace"), is_beside_rows=False)
    match = _FRAME.match(raw)
    if match:
        return Frame(int(match[1]), int(match[2]), match[3].decode("ascii", "replace"))
    match = _DESCRIBED.match(raw)
    if match and not _OTHER_WORK.search(match[1][-DESCRIPTION_BYTES:]):
        return Frame(int(match[2]), int(match[3]), match[4].decode("ascii", "replace"))
    return None
