"""The table of log formats: a new format is one more module with a LogFormat, named here."""

from tools.log_formats.config_file import CONFIG_FILE
from tools.log_formats.encoded_table import ENCODED_TABLE
from tools.log_formats.finetune_events import FINETUNE_EVENTS
from tools.log_formats.hf_console import HF_CONSOLE
from tools.log_formats.hf_state import HF_STATE, JSON_LINE
from tools.log_formats.html_table import HTML_TABLE
from tools.log_formats.keyed_json import COLUMNS_JSON, RESULT_JSON
from tools.log_formats.line_formats import TRAINER_FORMATS
from tools.log_formats.long_table import LONG_TABLE, MLFLOW_METRIC
from tools.log_formats.notebook import NOTEBOOK
from tools.log_formats.record import FileFormat, LogFormat
from tools.log_formats.rl_trainers import STEP_DICTIONARY
from tools.log_formats.table_files import TABLE
from tools.log_formats.tensorboard import TENSORBOARD

LINE_FORMATS: tuple[LogFormat, ...] = (STEP_DICTIONARY, HF_CONSOLE, JSON_LINE, *TRAINER_FORMATS)
# Asked in this order: HF_STATE takes any JSON with a loss, CONFIG_FILE any of settings, so they come last.
FILE_FORMATS: tuple[FileFormat, ...] = (
    TENSORBOARD,
    NOTEBOOK,
    FINETUNE_EVENTS,
    COLUMNS_JSON,
    RESULT_JSON,
    HTML_TABLE,
    ENCODED_TABLE,
    LONG_TABLE,
    MLFLOW_METRIC,
    TABLE,
    HF_STATE,
    CONFIG_FILE,
)
FORMATS: tuple[LogFormat | FileFormat, ...] = LINE_FORMATS + FILE_FORMATS
