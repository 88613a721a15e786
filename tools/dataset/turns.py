"""The turns of a chat, and what is wrong with their form."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from tools.dataset.report import quote

USER, ASSISTANT, SYSTEM, TOOL, CALL, OTHER = "user", "assistant", "system", "tool", "call", "other"

ROLES = {
    "user": USER,
    "human": USER,
    "prompter": USER,
    "assistant": ASSISTANT,
    "gpt": ASSISTANT,
    "model": ASSISTANT,
    "chatgpt": ASSISTANT,
    "bot": ASSISTANT,
    "bing": ASSISTANT,
    "bard": ASSISTANT,
    "system": SYSTEM,
    "developer": SYSTEM,
    "tool": TOOL,
    "function": TOOL,
    "observation": TOOL,
    "ipython": TOOL,
    "tool_response": TOOL,
    "function_response": TOOL,
    "function_call": CALL,
    "tool_call": CALL,
    "tool_calls": CALL,
}
MESSAGE_ROLES = frozenset(ROLES) - {"human", "gpt", "prompter", "chatgpt", "bing", "bard", "bot", "observation"}
SHAREGPT_ROLES = frozenset(ROLES) - {"prompter"}


class Turn(NamedTuple):
    """One turn; the role is one of those above, ``has_call`` says that it calls a tool."""

    role: str
    text: str
    has_call: bool


class Fault(NamedTuple):
    """A defect that one row shows: its kind, and what exactly was met."""

    kind: str
    detail: str


class Chat(NamedTuple):
    """The turns of one row with the faults of their form."""

    turns: list[Turn]
    faults: list[Fault]
    is_sharegpt: bool


def read_chat(value: Any) -> Chat:
    """Read the turns of a chat in OpenAI's form (role, content) or ShareGPT's (from, value)."""
    if not isinstance(value, list):
        return Chat([], [Fault("wrong_type", f"a chat is {name_type(value)}, not a list of turns")], False)
    if not value:
        return Chat([], [Fault("empty_answer", "a chat without turns")], False)
    turns: list[Turn] = []
    faults: list[Fault] = []
    num_sharegpt = 0
    for message in value:
        if not isinstance(message, Mapping):
            faults.append(Fault("wrong_type", f"a turn is {name_type(message)}, not an object"))
            continue
        is_sharegpt = "from" in message and "role" not in message
        num_sharegpt += is_sharegpt
        _read_turn(message, is_sharegpt, turns, faults)
    if len(turns) == len(value) and all(turn.role != OTHER for turn in turns):
        faults += _check_order(turns)
    if 0 < num_sharegpt < len(value):
        faults.append(Fault("mixed_format", "turns with role and turns with from in one chat"))
    return Chat(turns, faults, num_sharegpt > 0)


def _read_turn(message: Mapping[str, Any], is_sharegpt: bool, turns: list[Turn], faults: list[Fault]) -> None:
    role_key, text_key = ("from", "value") if is_sharegpt else ("role", "content")
    role = message.get(role_key)
    if not isinstance(role, str):
        detail = "a turn without a role" if role is None else f"a role that is {name_type(role)}"
        faults.append(Fault("missing_column" if role is None else "wrong_type", detail))
        return
    known = ROLES.get(role.strip().lower(), OTHER)
    if role not in (SHAREGPT_ROLES if is_sharegpt else MESSAGE_ROLES):
        faults.append(Fault("unknown_role", f"'{quote(role, 24)}'"))
    content = message.get(text_key)
    has_call = known == CALL or bool(message.get("tool_calls") or message.get("function_call"))
    text = _read_content(content)
    if text is None and known == TOOL:
        text = "[result]"
    if text is None:
        faults.append(Fault("wrong_type", f"a turn's {text_key} is {name_type(content)}"))
    elif text_key not in message and not has_call:
        faults.append(Fault("missing_column", f"a turn without {text_key}"))
    elif not text.strip() and not has_call and not message.get("reasoning_content"):
        faults += _tell_empty(known)
    turns.append(Turn(known, text or "", has_call))


def _tell_empty(role: str) -> list[Fault]:
    kinds = {USER: "empty_prompt", ASSISTANT: "empty_answer"}
    return [Fault(kinds[role], "")] if role in kinds else []


def _read_content(content: Any) -> str | None:
    """A turn's text: text itself, or the texts of its parts; None where it is neither."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list):
        return None
    parts: list[str] = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Mapping):
            text = part.get("text", part.get("content"))
            parts.append(text if isinstance(text, str) else f"[{part.get('type', 'part')}]")
        else:
            return None
    return "\n".join(parts)


def _check_order(turns: list[Turn]) -> list[Fault]:
    """What chat templates refuse: a late system turn, two turns of one side in a row, no answer at the end."""
    roles = [turn.role for turn in turns]
    faults: list[Fault] = []
    if ASSISTANT not in roles and CALL not in roles:
        faults.append(Fault("wrong_role_order", "no assistant turn"))
    elif roles[-1] in (USER, SYSTEM):
        faults.append(Fault("wrong_role_order", f"ends with the {roles[-1]}"))
    leading = next((place for place, role in enumerate(roles) if role != SYSTEM), len(roles))
    if SYSTEM in roles[leading:]:
        faults.append(Fault("wrong_role_order", "a system turn after the first"))
    repeated = {turn.role for turn, after in pairwise(turns) if turn.role == after.role and not turn.has_call}
    faults += [
        Fault("wrong_role_order", f"two {role} turns in a row") for role in (USER, ASSISTANT) if role in repeated
    ]
    return faults


def name_type(value: Any) -> str:
    """What a value is, in JSON's words.

    Example:
        >>> name_type([1]), name_type(None), name_type(2.5)
        ('a list', 'null', 'a number')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"
