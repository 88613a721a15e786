"""The table of log formats: a new format is one more module with a LogFormat, named here."""

from tools.log_formats.hf_console import HF_CONSOLE
from tools.log_formats.hf_state import HF_STATE, JSON_LINE
from tools.log_formats.record import FileFormat, LogFormat

LINE_FORMATS: tuple[LogFormat, ...] = (HF_CONSOLE, JSON_LINE)
FILE_FORMATS: tuple[FileFormat, ...] = (HF_STATE,)
FORMATS: tuple[LogFormat | FileFormat, ...] = LINE_FORMATS + FILE_FORMATS
