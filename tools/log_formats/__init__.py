"""The table of log formats: a new format is one more module with a LogFormat, named here."""

from tools.log_formats.hf_console import HF_CONSOLE
from tools.log_formats.hf_state import HF_STATE
from tools.log_formats.record import LogFormat

LINE_FORMATS: tuple[LogFormat, ...] = (HF_CONSOLE,)
FILE_FORMATS: tuple[LogFormat, ...] = (HF_STATE,)
FORMATS: tuple[LogFormat, ...] = LINE_FORMATS + FILE_FORMATS
