"""Messages written out with a model file's own chat template, tools and their calls among them, as tokens."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from assistant.llama_engine import Engine, spell_token
from tools.errors import BadInput

ROLES: Mapping[str, str] = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}
TOOLS_TEXT = (
    "You may call one of these tools before you answer. To call one, write nothing but "
    '{"name": "...", "arguments": {...}}; its result comes back to you. Tools, each with the schema of its arguments:'
)

_PROBE_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "probe",
        "parameters": {"type": "object", "properties": {"probe_key": {"type": "string"}}, "required": ["probe_key"]},
    },
}
_PROBE_CALL: Mapping[str, Any] = {
    "id": "probe0000",
    "type": "function",
    "function": {"name": "probe_tool", "arguments": {"probe_key": "probe_value"}},
}
_CALL = re.compile(
    r"(?P<opening>[^{}]{0,60})\{\"name\": \"probe_tool\", \"(?P<key>arguments|parameters)\": "
    r"\{\"probe_key\": \"probe_value\"\}\}(?P<closing>\s{0,2}</[a-z_]{1,30}>)?"
)


@dataclass(frozen=True, slots=True)
class CallStyle:
    """How a model was taught to write a call: opening{"name": ..., arguments_key: {...}}closing.

    Attributes:
        knows_tools: the template itself tells the model its tools, and renders calls and results.
        opening: what stands before the call.
        arguments_key: what the arguments are called.
        closing: what stands after it.
    """

    knows_tools: bool = False
    opening: str = ""
    arguments_key: str = "arguments"
    closing: str = ""


def find_call_style(engine: Engine) -> CallStyle:
    """Find out how a model's template writes calls, by letting it write one."""
    question, tools = {"role": "user", "content": "probe"}, [_PROBE_TOOL]
    call = {"role": "assistant", "content": "", "tool_calls": [_PROBE_CALL]}
    result = {"role": "tool", "name": "probe_tool", "tool_call_id": "probe0000", "content": "probe_result"}
    try:
        told = _apply(engine.template, [question, {"role": "assistant", "content": "!"}], tools)
        called = _apply(engine.template, [question, call, result], tools)
    except BadInput:
        return CallStyle()
    if any(word not in called for word in ("probe_key", "probe_value", "probe_result")) or "probe_key" not in told:
        return CallStyle()
    shared = next((place for place, pair in enumerate(zip(told, called, strict=False)) if pair[0] != pair[1]), 0)
    match = _CALL.match(called, shared)
    if match is None or _defuse(engine, match["opening"]) != match["opening"]:
        return CallStyle(knows_tools=True)
    return CallStyle(True, match["opening"], match["key"], match["closing"] or "")


def render_prompt(
    engine: Engine, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], style: CallStyle
) -> list[int]:
    """Write messages with the file's chat template, as tokens.

    Args:
        engine: the loaded model.
        messages: system, human, ai and tool messages.
        tools: what the model may call, in the form of OpenAI's API.
        style: as find_call_style found it.

    Raises:
        BadInput: a message of another type, or messages that the template refuses.
    """
    if unknown := [message.type for message in messages if message.type not in ROLES]:
        raise BadInput(f"the local model reads system, human, ai and tool messages, got {unknown[0]!r}")
    if style.knows_tools:
        turns = [_write_turn(message) for message in messages]
        told = [dict(tool) for tool in tools]
    else:
        turns, told = _tell_tools([_write_plain_turn(message) for message in messages], tools), []
    defused, safe_tools = _defuse_values(engine, turns), _defuse_values(engine, told)
    text = _fill_template(engine.template, defused, safe_tools)
    return list(engine.llama.tokenize(text.encode(), add_bos=False, special=True))


def _write_turn(message: BaseMessage) -> dict[str, Any]:
    """A turn for a template that knows tools."""
    turn: dict[str, Any] = {"role": ROLES[message.type], "content": str(message.text)}
    if isinstance(message, AIMessage):
        calls = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["args"]}}
            for call in message.tool_calls
        ]
        turn |= {"tool_calls": calls} if calls else {"content": _join(turn["content"], *_spell_failed_calls(message))}
    if isinstance(message, ToolMessage):
        turn |= {"tool_call_id": message.tool_call_id, "name": message.name or ""}
    return turn


def _write_plain_turn(message: BaseMessage) -> dict[str, Any]:
    """A turn in which calls and results are text, for a template that knows neither."""
    text = str(message.text)
    if isinstance(message, ToolMessage):
        return {"role": "user", "content": f"Result of {message.name or 'the tool'}: {text}"}
    if isinstance(message, AIMessage):
        spelled = [json.dumps({"name": call["name"], "arguments": call["args"]}) for call in message.tool_calls]
        text = _join(text, *spelled, *_spell_failed_calls(message))
    return {"role": ROLES[message.type], "content": text}


def _spell_failed_calls(message: AIMessage) -> list[str]:
    return [f"(a call that failed: {call['args']})" for call in message.invalid_tool_calls]


def _join(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def _tell_tools(turns: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Describe the tools at the end of the system turn, which always comes first."""
    if not tools:
        return turns
    told = "\n".join([TOOLS_TEXT, *map(_describe, tools)])
    if turns and turns[0]["role"] == "system":
        return [{"role": "system", "content": f"{turns[0]['content']}\n\n{told}"}, *turns[1:]]
    return [{"role": "system", "content": told}, *turns]


def _describe(tool: Mapping[str, Any]) -> str:
    function = tool["function"]
    schema = json.dumps(function.get("parameters", {}).get("properties", {}), ensure_ascii=False)
    return f"- {function['name']}: {' '.join(function.get('description', '').split())} {schema}"


def _fill_template(template: Any, turns: list[dict[str, Any]], tools: list[Any]) -> str:
    """Fill a template; where it refuses a system turn, as Gemma's does, that becomes part of the turn that follows."""
    try:
        return _apply(template, turns, tools)
    except BadInput:
        if len(turns) < 2 or turns[0]["role"] != "system":
            raise
    first, second, *rest = turns
    return _fill_template(template, [{**second, "content": f"{first['content']}\n\n{second['content']}"}, *rest], tools)


def _apply(template: Any, turns: list[dict[str, Any]], tools: list[Any]) -> str:
    from jinja2 import TemplateError

    try:
        return str((template(messages=turns, tools=tools) if tools else template(messages=turns)).prompt)
    except (TemplateError, TypeError, ValueError) as error:
        raise BadInput(f"the chat template of the model refuses these messages ({error})") from None


def _defuse_values(engine: Engine, value: Any) -> Any:
    """Defuse every text in nested lists and mappings."""
    if isinstance(value, str):
        return _defuse(engine, value)
    if isinstance(value, list):
        return [_defuse_values(engine, item) for item in value]
    if isinstance(value, Mapping):
        return {_defuse(engine, str(key)): _defuse_values(engine, item) for key, item in value.items()}
    return value


def _defuse(engine: Engine, text: str) -> str:
    """Break up what the model would read as a control token, so that no text can pose as another turn."""
    text = text.encode(errors="replace").decode()
    for token in set(engine.llama.tokenize(text.encode(), add_bos=False, special=True)):
        if engine.api.llama_vocab_is_control(engine.vocabulary, token):
            mark = spell_token(engine.api, engine.vocabulary, token)
            text = text.replace(mark, f"{mark[:1]} {mark[1:]}")
    return text
