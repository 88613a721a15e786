"""The Python dictionaries that the Hugging Face Trainer and TRL print on the console.

transformers 4 prints floats, transformers 5 prints strings of four significant digits; both leave the step out.
"""

import re
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.record import LogFormat, classify
from tools.units import parse_number

_DICTIONARY = lazy_pattern(r"\{ ?'[^{}]*\}")
_PAIR = lazy_pattern(r"'([^']{1,200})': {0,8}(tensor\([^(){}]{0,200}\)|'[^']{0,200}'|[^,'{}]{1,200})")


def read_console_line(text: str) -> dict[str, float] | None:
    """Read the metrics of one console line.

    Returns:
        Numeric values by metric name, or None where the line holds no metric row.

    Source:
        transformers/trainer_callback.py, ProgressCallback.on_log and PrinterCallback.on_log.

    Example:
        >>> read_console_line("{'loss': '2.897', 'grad_norm': 'nan', 'epoch': '0.56'}")
        {'loss': 2.897, 'grad_norm': nan, 'epoch': 0.56}
    """
    for match in _DICTIONARY.finditer(text):
        values = {}
        for name, raw in _PAIR.findall(match[0]):
            value = parse_number(raw)
            if value is not None:
                values[name] = value
        if classify(values):
            return values
    return None


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of a row in their order: rows of one trainer repeat it, and are read by it in a fraction of the time.

    Attributes:
        names: metrics in the order of the row.
        pattern: matches a frame that is such a row and nothing else.
    """

    names: tuple[str, ...]
    pattern: re.Pattern[bytes]

    def read(self, frame: bytes) -> tuple[float, ...] | None:
        """The values of a frame, None where it has another layout."""
        match = self.pattern.fullmatch(frame)
        if match is None:
            return None
        try:
            return tuple(map(float, match.groups()))
        except ValueError:
            return None


def learn_layout(frame: bytes) -> Layout | None:
    """Learn the layout of a frame that is a metric row from end to end, None where it is anything else.

    Example:
        >>> learn_layout(b"{'loss': '2.8', 'epoch': 0.5}").read(b"{'loss': '2.7', 'epoch': 0.6}")
        (2.7, 0.6)
    """
    text = frame.decode("utf-8", "replace")
    if not _DICTIONARY.fullmatch(text) or not read_console_line(text):
        return None
    names = tuple(name for name, _ in _PAIR.findall(text))
    parts = (b"'%s': '?([^',{}()]{1,40})'?" % re.escape(name.encode()) for name in names)
    layout = Layout(names, re.compile(rb"\{" + b", ".join(parts) + rb"\}"))
    return layout if len(set(names)) == len(names) and layout.read(frame) else None


HF_CONSOLE = LogFormat(
    name="hf_console",
    title="Hugging Face Trainer / TRL console output",
    source="transformers/trainer_callback.py",
    samples=(
        (
            "{'loss': 1.2345, 'grad_norm': 0.87654321, 'learning_rate': 1.9e-05, 'epoch': 0.13}",
            {"loss": 1.2345, "grad_norm": 0.87654321, "learning_rate": 1.9e-05, "epoch": 0.13},
        ),
        (
            "{'loss': '1.234', 'grad_norm': '0.8765', 'learning_rate': '1.9e-05', 'epoch': '0.1302'}",
            {"loss": 1.234, "grad_norm": 0.8765, "learning_rate": 1.9e-05, "epoch": 0.1302},
        ),
        (
            "{'eval_loss': 1.1023, 'eval_runtime': 12.3456, 'epoch': 0.26}",
            {"eval_loss": 1.1023, "eval_runtime": 12.3456, "epoch": 0.26},
        ),
        (
            "{'loss': 0.5, 'grad_norm': tensor(1.25, device='cuda:0'), 'epoch': 1}",
            {"loss": 0.5, "grad_norm": 1.25, "epoch": 1.0},
        ),
    ),
    markers=(b"'loss'", b"'eval_", b"'train_runtime'"),
    read=read_console_line,
)
