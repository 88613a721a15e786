"""The summary that W&B prints at the end of a run, one metric a line."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import name_metric
from tools.units import parse_number

SUMMARY_MARKERS: tuple[bytes, ...] = (b"Run summary:",)

_OPENING = lazy_pattern(r"wandb:?\s{1,20}Run summary:\s*+\Z|\A\s{0,20}Run summary:\s*+\Z")
_VALUE = lazy_pattern(r"wandb:?\s{1,80}([A-Za-z_][\w./\-@()%]{0,120})\s{1,80}(\S{1,30})\s*+\Z")
_EMPTY = lazy_pattern(r"wandb:?\s*+\Z")


class WandbSummary:
    """Reads the block line by line, remembering that it is open.

    Source:
        wandb/sdk/wandb_run.py, the footer that prints the summary.

    Example:
        >>> summary = WandbSummary()
        >>> lines = ("wandb: Run summary:", "wandb: train/global_step 500", "wandb: train/train_loss 1.25", "wandb:")
        >>> [summary.read(line) for line in lines]
        [None, {'step': 500.0}, {'train_loss': 1.25}, None]
    """

    def __init__(self) -> None:
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether the block has begun, so that every line matters until it ends."""
        return self._is_open

    def read(self, text: str) -> dict[str, float] | None:
        """Take a line without colours.

        Returns:
            The one value of the summary that it gives, under its canonical name; None where it gives none.
        """
        if not self._is_open:
            self._is_open = "Run summary:" in text[:200] and _OPENING.search(text[:200]) is not None
            return None
        if len(text) > 400 or _EMPTY.search(text):
            self._is_open = False
            return None
        match = _VALUE.search(text)
        if match is None:
            self._is_open = "wandb" in text
            return None
        value = parse_number(match[2])
        return None if value is None else {_name(match[1]): value}


def _name(name: str) -> str:
    """The summary's own name for the mean loss of a run, which is no value of its curve."""
    return "train_loss" if name == "train/train_loss" else name_metric(name)
