"""The table of log formats: a new format is one more module with a LogFormat, named here."""

from tools.log_formats.hf_console import HF_CONSOLE
from tools.log_formats.hf_state import HF_STATE, JSON_LINE
from tools.log_formats.line_formats import TRAINER_FORMATS
from tools.log_formats.record import FileFormat, LogFormat
from tools.log_formats.rl_trainers import STEP_DICTIONARY

LINE_FORMATS: tuple[LogFormat, ...] = (STEP_DICTIONARY, HF_CONSOLE, JSON_LINE, *TRAINER_FORMATS)
FILE_FORMATS: tuple[FileFormat, ...] = (HF_STATE,)
FORMATS: tuple[LogFormat | FileFormat, ...] = LINE_FORMATS + FILE_FORMATS
