"""What becomes of text before it is written: secrets are taken out, a home folder becomes ~, and titles are made."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.redaction import redact, redact_value

MAX_TEXT_LENGTH = 200_000
_MAX_TITLE_LENGTH = 72
_CUT = " [...]"


def clean_text(text: str) -> str:
    """Redact a text that fits into the database."""
    return redact(fit_text(text))


def clean_value(value: Any) -> Any:
    """Redact every text of a JSON value, keys too, and what stands beside a key that announces a secret."""
    return redact_value(_map_texts(value, fit_text))


def fit_text(text: str) -> str:
    """Bound a text, and replace what no database can hold: half a surrogate pair, a zero byte."""
    if len(text) > MAX_TEXT_LENGTH:
        text = text[:MAX_TEXT_LENGTH] + _CUT
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\\x00")


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): _map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_texts(item, change) for item in value]
    return value


def hide_home(conversation_json: str) -> str:
    """Write paths under this person's home folder with ~, which survives redaction and can be opened again."""
    home = _find_home()

    def change(text: str) -> str:
        return "~" + text[len(home) :] if text == home or text.startswith(home + os.sep) else text

    return json.dumps(_map_texts(json.loads(conversation_json), change)) if home else conversation_json


def show_home(conversation_json: str) -> str:
    """The opposite of hide_home; for conversations of the person who runs this program only."""
    home = _find_home()

    def change(text: str) -> str:
        return home + text[1:] if text == "~" or text.startswith("~" + os.sep) else text

    return json.dumps(_map_texts(json.loads(conversation_json), change)) if home else conversation_json


def _find_home() -> str:
    """This person's home folder, "" where there is none."""
    try:
        return str(Path.home())
    except RuntimeError:
        return ""


def make_title(question: str, finding_ids: Sequence[str] = ()) -> str:
    """A title from the first question and its first finding.

    Example:
        >>> make_title("why is  it flat?", ["lr_too_high"])
        'why is it flat? (lr_too_high)'
    """
    words = " ".join(clean_text(question[:2000]).split())
    if len(words) > _MAX_TITLE_LENGTH:
        cut = words[:_MAX_TITLE_LENGTH].rpartition(" ")[0]
        words = (cut if len(cut) > _MAX_TITLE_LENGTH // 2 else words[:_MAX_TITLE_LENGTH]) + " ..."
    return f"{words} ({finding_ids[0][:60]})" if finding_ids else words
