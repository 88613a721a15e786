"""A whole turn as one object, redacted: what the model read, what it said, what was struck, what a person was shown.

From a file of these, pairs for training can be made: the prompt as it was sent, and the sentences that held.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from assistant.answer import answer_to_json
from assistant.events import TurnEnded
from assistant.excerpts import Excerpt
from tools.errors import BadInput

SCHEMA = "ftchat.turn/1"


def turn_to_json(ended: TurnEnded) -> dict[str, Any]:
    """Everything about a turn, secrets taken out.

    Returns:
        ``question``, ``history`` (exchanges before it), ``evidence``, ``excerpts`` (with ``lines`` and ``text``),
        ``messages`` ({``role``, ``text``} as they were sent), ``sentences`` ({``text``, ``fault``} as they came, fault
        null where it was shown), ``struck``, ``mode``, ``model``, ``versions`` and ``answer``, the object of
        ``ftchat ask --json``.
    """
    from importlib.metadata import version

    from assistant.redaction import redact_value

    answer, told = ended.answer, ended.told
    whole = {
        "schema": SCHEMA,
        "question": answer.question,
        "history": [asdict(exchange) for exchange in ended.conversation.exchanges[:-1]],
        "evidence": [asdict(item) for item in answer.evidence],
        "excerpts": [_tell_excerpt(excerpt) for excerpt in told.excerpts],
        "messages": [{"role": role, "text": text} for role, text in told.messages],
        "sentences": [{"text": text, "fault": fault} for text, fault in told.said.raw],
        "struck": list(answer.struck),
        "mode": answer.mode,
        "model": answer.model,
        "versions": {"ftchat": version("ftchat"), **told.versions},
        "answer": answer_to_json(answer),
    }
    redacted = redact_value(whole)
    assert isinstance(redacted, dict)  # noqa: S101  redaction keeps the kind of a value, which its type cannot say
    return redacted


def write_turn(ended: TurnEnded, path: Path) -> None:
    """Add a turn to a file of JSON Lines.

    Raises:
        BadInput: the file cannot be written.
    """
    import json

    line = json.dumps(turn_to_json(ended), ensure_ascii=False, allow_nan=False, default=str)
    try:
        with path.open("a", encoding="utf-8", errors="replace") as stream:
            stream.write(f"{line}\n")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); name a file in a folder of yours") from None


def _tell_excerpt(excerpt: Excerpt) -> dict[str, Any]:
    lines = [{"line": line.number, "text": line.text} for line in excerpt.lines]
    return {
        "file": excerpt.name,
        "source": excerpt.source,
        "num_lines": excerpt.num_lines,
        "lines": lines,
        "text": excerpt.text,
    }
