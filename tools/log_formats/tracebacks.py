"""The problems of a log: tracebacks and errors, out-of-memory messages, signals, telling warnings."""

from typing import TYPE_CHECKING

from tools.run import Line, Problem

if TYPE_CHECKING:
    from tools.log_formats.marked_lines import MarkedLineReader

# Few begin with a letter that is frequent in rows of numbers and settings, which is what a search spends its time on.
MARKERS = (
    b"Traceback (most",
    b'File "',
    b"Error",
    b"Exceeded",
    b"xception",
    b"xit code",
    b"xitcode",
    b"xits with",
    b"xit status",
    b"xited with",
    b"CUDA e",
    b"CUDA out",
    b"CANCELLED",
    b"Caught s",
    b"Could not f",
    b"Bus e",
    b"OutOf",
    b"Out of mem",
    b"OOM",
    b"OUT_OF",
    b"OVERFLOW",
    b"RESOURCE_",
    b"Received ",
    b"Tried to",
    b"The fast path",
    b"The attention mask",
    b"Token ind",
    b"TERM_",
    b"Terminated",
    b"Killed",
    b"Keyboard",
    b"Assertion",
    b"Aborted",
    b"All labels",
    b"METAL",
    b"zsh: k",
    b"PBS: job",
    b"ProcessGroupN",
    b"Padding-free",
    b"SIG",
    b"Segmentation",
    b"size mismatch for",
    b"Some weights",
    b"Detected ",
    b"WARN",
    b"Warning",
    b"None of the in",
    b"No space",
    b"No chat",
    b"Illegal i",
    b"Fatal ",
    b"Fall",
    b"fall",
    b"failed: out of mem",
    b"Gradient o",
    b"Hangup",
    b"HSA_",
    b"Your session",
    b"Your notebook",
    b"Cannot alloc",
    b"Memory access",
    b"Kernel died",
    b"quota",
    b"gated repo",
    b"unrecognized arg",
    b"very slow",
    b"be slow",
)


class ProblemReader:
    """Collects the problems of one log, line by line; what it knows them by is loaded when a line holds a marker."""

    def __init__(self) -> None:
        self._reader: MarkedLineReader | None = None

    @property
    def wants_every_line(self) -> bool:
        """Whether a stack or a message of several lines is being read, so that lines without a marker matter too."""
        return self._reader is not None and self._reader.wants_every_line

    @property
    def problems(self) -> list[Problem]:
        """What was found so far."""
        return self._reader.problems if self._reader else []

    def read(self, line: Line, plain: str) -> None:
        """Take one line that holds a marker, or any line while a stack or a message is open.

        Args:
            line: as it stands in the log.
            plain: the same without colours.
        """
        if self._reader is None:
            from tools.log_formats.marked_lines import MarkedLineReader

            self._reader = MarkedLineReader()
        self._reader.read(line, plain)

    def finish(self) -> None:
        """Take note of a stack that the log ends in."""
        if self._reader:
            self._reader.finish()
