"""One row as every check sees it, whatever its format."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.dataset.columns import Layout
from tools.dataset.report import Format, quote
from tools.dataset.token_rows import read_tokens
from tools.dataset.turns import ASSISTANT, SYSTEM, USER, Chat, Fault, name_type, read_chat

RARE_TYPE = "rare_type"
"""A value that is no text and still holds one: a fault only where most rows have texts."""


class Example(NamedTuple):
    """The parts of one row.

    Attributes:
        prompt: what the model is given, without the system text; answer: what it learns to say, for plain text
            the text itself; rejected: what it learns not to say.
        request: the last thing that the user says.
        label: of classification and KTO, None elsewhere.
        size: tokens of a tokenised row, 0 elsewhere.
        faults: what is wrong with the form of this row.
    """

    format: Format
    system: str = ""
    prompt: str = ""
    answer: str = ""
    rejected: str = ""
    request: str = ""
    label: Any = None
    size: int = 0
    faults: tuple[Fault, ...] = ()


def read_example(value: Mapping[str, Any], layout: Layout, vocab_size: int | None) -> Example:
    """Read a row into its parts.

    Args:
        layout: where they stand.
        vocab_size: rows of the token embedding, where known.
    """
    if layout.format == "tokenised":
        text, size, token_faults = read_tokens(value, vocab_size)
        return Example("tokenised", answer=text, size=size, faults=tuple(token_faults))
    if layout.chat:
        return _read_chat_row(value, layout)
    if layout.format == "unknown":
        return Example("unknown", answer="\n".join(to_text(item) for item in value.values()))
    faults: list[Fault] = []
    system = to_text(value.get(layout.system)) if layout.system else ""
    prompt, request = _read_prompt(value, layout, faults)
    answer, before = _read_answer(value.get(layout.answer), faults) if layout.answer else ("", "")
    rejected = _read_answer(value.get(layout.rejected), faults)[0] if layout.rejected else ""
    label = value.get(layout.label) if layout.label else None
    faults += _check_label(label, layout)
    if any(fault.kind == "wrong_type" for fault in faults):
        faults = [fault for fault in faults if fault.kind != RARE_TYPE]
    prompt = prompt or before
    return Example(layout.format, system, prompt, answer, rejected, request, label, 0, tuple(faults))


def _read_chat_row(value: Mapping[str, Any], layout: Layout) -> Example:
    chat = read_chat(value.get(layout.chat))
    before, answer = _split_chat(chat)
    system = "\n".join(turn.text for turn in chat.turns if turn.role == SYSTEM)
    if layout.system:
        system = to_text(value.get(layout.system)) or system
    request = next((turn.text for turn in reversed(chat.turns) if turn.role == USER), "")
    name: Format = "sharegpt" if chat.is_sharegpt else "messages"
    return Example(name, system, before, answer, request=request, faults=tuple(chat.faults))


def _split_chat(chat: Chat) -> tuple[str, str]:
    """What stands before the last answer, without system turns, and that answer."""
    roles = [turn.role for turn in chat.turns]
    last = len(roles) - 1 - roles[::-1].index(ASSISTANT) if ASSISTANT in roles else len(roles)
    before = "\n".join(turn.text for turn in chat.turns[:last] if turn.role != SYSTEM)
    return before, chat.turns[last].text if last < len(roles) else ""


def _read_prompt(value: Mapping[str, Any], layout: Layout, faults: list[Fault]) -> tuple[str, str]:
    """All parts of the prompt, and the first of them."""
    if not layout.prompts:
        return "", ""
    num_before = len(faults)
    texts = [_read_part(value.get(name), name, faults) for name in layout.prompts]
    prompt = "\n".join(filter(None, texts))
    if not prompt.strip() and len(faults) == num_before:
        faults.append(Fault("empty_prompt", ""))
    return prompt, texts[0]


def _read_answer(item: Any, faults: list[Fault]) -> tuple[str, str]:
    """An answer, and the prompt that stands before it where it is a whole chat."""
    num_before = len(faults)
    if isinstance(item, list) and item and isinstance(item[0], Mapping):
        before, text = _split_chat(read_chat(item))
        faults.append(Fault(RARE_TYPE, "the answer is a list of turns"))
    else:
        text, before = _read_part(item, "the answer", faults), ""
    if not text.strip() and not any(fault.kind == "wrong_type" for fault in faults[num_before:]):
        faults.append(Fault("empty_answer", ""))
    return text, before


def _read_part(item: Any, name: str, faults: list[Fault]) -> str:
    """The text of a column that may also hold nothing, a number, turns or alternatives."""
    if isinstance(item, str):
        return item
    if item is None:
        return ""
    text = _find_text(item)
    kind = "wrong_type" if text is None else RARE_TYPE
    faults.append(Fault(kind, f"{quote(name, 24)} is {name_type(item)}"))
    return text or ""


def _find_text(item: Any) -> str | None:
    """The text inside what is no text itself: a number, a turn, turns, the first of alternatives; else None."""
    if isinstance(item, int | float):
        return str(item)
    if isinstance(item, Mapping):
        is_turn = "role" in item or "from" in item
        item = item.get("content", item.get("value")) if is_turn else item.get("text")
        if isinstance(item, str):
            return item if is_turn else None
    if isinstance(item, list):
        if item and isinstance(item[0], Mapping):
            return "\n".join(turn.text for turn in read_chat(item).turns)
        if all(isinstance(part, str) for part in item):
            return item[0] if item else ""
    return None


def _check_label(label: Any, layout: Layout) -> list[Fault]:
    if layout.format == "kto" and not _is_binary(label):
        return [Fault("wrong_type", f"label is {name_type(label)}, not true or false")]
    if layout.format == "classification" and (label is None or (isinstance(label, str) and not label.strip())):
        return [Fault("empty_answer", "no label")]
    return []


def _is_binary(label: Any) -> bool:
    return (
        label in (True, False) if not isinstance(label, str) else label.strip().lower() in ("true", "false", "0", "1")
    )


def to_text(value: Any) -> str:
    """Any value as text: text as it stands, nothing for null, JSON for the rest.

    Example:
        >>> to_text(None), to_text("a"), to_text([1, "b"])
        ('', 'a', '[1, "b"]')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "(nested too deeply)"
