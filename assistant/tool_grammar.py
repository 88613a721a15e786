"""Tools as one grammar: call one of these with valid arguments, or answer in text; and the call read back."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from uuid import uuid4

from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk

from assistant.chat_template import CallStyle
from assistant.llama_engine import open_schema_converter
from assistant.number_grammar import bounded_rule
from tools.errors import BadInput

Tool = Mapping[str, Any]
MOST_ITEMS = 64  # the converter nests one level an item
MOST_CHARACTERS = 1000  # llama.cpp repeats nothing more than 2,000 times
# Whole numbers of 16 digits and exponents of two: the converter's go up to 1e9999999999999999, which no machine holds.
# Letters are never written by their code point, so that no half of a surrogate pair comes out.
PRIMITIVES: Mapping[str, str] = {
    "integral-part": "[0-9] | [1-9] [0-9]{1,15}",
    "decimal-part": "[0-9]{1,16}",
    "number": '"-"? integral-part ("." decimal-part)? ([eE] [-+]? [0-9] [0-9]?)? space',
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" ["\\/bfnrt]',
}
LITERAL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
# What the converter turns into a correct rule; an alternative would come out of its quotes, and a class that is
# negated would let a quote through.
_SAFE_PATTERN = re.compile(r"\^[A-Za-z0-9 _:/,\-\[\]{}*+]*\$")
_SPECIFIC = {"type", "properties", "items", "prefixItems", "enum", "const", "anyOf", "oneOf", "allOf"}


@dataclass(frozen=True, slots=True)
class ToolGrammar:
    """A grammar of calls and text.

    Attributes:
        text: the grammar, as GBNF.
        style: how a call is written.
        schemas: of each tool's arguments, by the tool's name.
    """

    text: str
    style: CallStyle
    schemas: Mapping[str, Mapping[str, Any]]

    def begins_call(self, text: str) -> bool:
        """Tell from the first letters of an answer, at least one that is no space, whether it is a call."""
        return bool(self.schemas) and text.lstrip()[0] == (self.style.opening + "{").lstrip()[0]

    def read_call(self, text: str, finish_reason: str) -> ToolCallChunk:
        """Read a call; arguments that cannot be used come as a text that LangChain reports as an invalid call.

        LangChain closes the brackets of a call that was cut, and takes it for a whole one; so the arguments come in
        one piece, and a call that was cut begins with a word that is no JSON.
        """
        body = text.strip().removeprefix(self.style.opening.strip()).removesuffix(self.style.closing.strip()).strip()
        try:
            call = json.loads(body)
            name, arguments = call["name"], call[self.style.arguments_key]
        except (ValueError, KeyError, TypeError):
            found = re.match(r'\{"name": "([^"\\]{1,200})"', body)
            reason = "was cut off" if finish_reason != "stop" else "ended early"
            return _chunk(found and found[1], f"{reason}: {body}")
        fault = find_argument_fault(arguments, self.schemas[name])
        written = json.dumps(arguments, ensure_ascii=False)
        return _chunk(name, written if fault is None else f"not valid ({fault}): {written}")


def _chunk(name: str | None, arguments: str) -> ToolCallChunk:
    return tool_call_chunk(name=name, args=arguments, id=f"call_{uuid4().hex}", index=0)


def find_argument_fault(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """Say in what arguments break their schema, None where they do not."""
    from jsonschema import Draft202012Validator

    fault = next(iter(Draft202012Validator(schema).iter_errors(arguments)), None)
    return None if fault is None else f"{'.'.join(map(str, fault.path)) or 'arguments'}: {fault.message[:200]}"


def compile_tools(tools: Sequence[Tool], choice: object, style: CallStyle) -> ToolGrammar:
    """Compile tools into one grammar.

    Args:
        tools: in the form of OpenAI's API.
        choice: None, "auto", "any", "required", "none", the name of a tool, or OpenAI's mapping with a name.
        style: how the model writes a call.

    Raises:
        BadInput: a choice that is not known, two tools of one name, or a schema that cannot be a grammar.
    """
    functions = [tool["function"] for tool in tools]
    schemas = {function["name"]: function.get("parameters") or {"type": "object"} for function in functions}
    if len(schemas) < len(functions):
        raise BadInput(f"tools must differ in name, got {', '.join(function['name'] for function in functions)}")
    chosen = _read_choice(choice, list(schemas))
    may_call = [] if chosen == "none" else [chosen] if chosen in schemas else list(schemas)
    converter = _open_converter()
    calls = [_add_call(converter, number, name, schemas[name], style) for number, name in enumerate(may_call)]
    first = ord((style.opening + "{").lstrip()[0])
    text = [rf"[^\x00-\x20\U{first:08X}] [^\x00]*"] if chosen in ("auto", "none") else []
    converter._rules["root"] = f'" "? ({" | ".join([*calls, *text])})'
    return ToolGrammar(converter.format_grammar() + "\n", style, {name: schemas[name] for name in may_call})


def _read_choice(choice: object, names: Sequence[str]) -> str:
    """Read a choice as "auto", "any", "none" or a tool's name."""
    if isinstance(choice, Mapping):
        choice = choice.get("function", choice).get("name")
    words: dict[object, Literal["auto", "any", "none"]] = {None: "auto", "auto": "auto", "none": "none"}
    words |= {"any": "any", "required": "any", True: "any", False: "none"}
    if isinstance(choice, str) and choice in names:
        return choice
    if choice not in words:
        raise BadInput(f"tool_choice must be auto, any, none or one of {', '.join(names)}, got {choice!r}")
    return words[choice]


def _add_call(converter: Any, number: int, name: str, schema: Mapping[str, Any], style: CallStyle) -> str:
    """Add the rule of a call to a tool, and return its name."""
    from langchain_core.utils.json_schema import dereference_refs

    try:
        whole = dereference_refs(dict(schema))
        arguments = converter.visit(_simplify({"type": "object", **whole}), f"arguments-{number}")
    except (AssertionError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"tool {name!r}: the schema of its arguments cannot be a grammar ({error})") from None
    start = f'{style.opening}{{"name": {json.dumps(name)}, "{style.arguments_key}": '
    literals = [converter._format_literal(text) for text in (start, "}" + style.closing)]
    return str(converter._add_rule(f"call-{number}", f"{literals[0]} {arguments} {literals[1]}"))


def _open_converter() -> Any:
    """llama_cpp's converter, mended where what it lets through is not valid JSON or not in the schema."""
    converter = open_schema_converter()
    converter._format_literal = lambda text: f'"{text.translate(LITERAL_ESCAPES)}"'
    converter._add_primitive = partial(_add_primitive, converter._add_primitive)
    converter.visit = partial(_visit, converter, converter.visit)
    return converter


def _add_primitive(add: Any, name: str, rule: Any) -> Any:
    return add(name, type(rule)(PRIMITIVES.get(name, rule.content), rule.deps))


def _visit(converter: Any, visit: Any, schema: dict[str, Any], name: str) -> Any:
    """Convert a simplified schema; bounds and lengths are said here, anything else by the converter."""
    kind = schema.get("type")
    if kind in ("integer", "number") and (rule := bounded_rule(schema)):
        return converter._add_rule(name, f"({rule}) space")
    if kind == "string" and schema.keys() & {"minLength", "maxLength"}:
        char = converter._add_rule("char", PRIMITIVES["char"])
        least, most = schema.get("minLength", 0), schema.get("maxLength", "")
        return converter._add_rule(name, rf'"\"" {char}{{{least},{most}}} "\"" space')
    return visit(schema, name)


def _simplify(schema: Any) -> dict[str, Any]:
    """Rewrite a schema so that the converter understands it; what cannot be said is checked once a call is written."""
    if not isinstance(schema, Mapping) or not schema.keys() & _SPECIFIC:
        return {"type": "value"}
    if "const" in schema or "enum" in schema:
        return {"enum": [schema["const"]] if "const" in schema else list(schema["enum"])}
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return {"anyOf": [_simplify(choice) for choice in choices]}
    if isinstance(schema.get("type"), list):
        return {"anyOf": [_simplify({**schema, "type": kind}) for kind in schema["type"]]}
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _simplify({**schema["allOf"][0], **{key: schema[key] for key in schema.keys() - {"allOf"}}})
    kind = schema.get("type") or ("array" if schema.keys() & {"items", "prefixItems"} else "object")
    simplify = {"object": _simplify_object, "array": _simplify_array, "string": _simplify_string}.get(kind, dict)
    return {**simplify(schema), "type": kind}


def _simplify_object(schema: Mapping[str, Any]) -> dict[str, Any]:
    parts = [schema, *schema.get("allOf", ())]
    properties = {name: value for part in parts for name, value in part.get("properties", {}).items()}
    required = [name for part in parts for name in part.get("required", ())]
    if properties:  # without others beside them, since one of their names might come again with another value
        simple = {name: _simplify(value) for name, value in properties.items()}
        return {"properties": simple, "required": required}
    others = schema.get("additionalProperties", True)
    if "properties" in schema and others is True:
        return {"properties": {}}
    return {"additionalProperties": _simplify(others) if isinstance(others, Mapping) else bool(others)}


def _simplify_array(schema: Mapping[str, Any]) -> dict[str, Any]:
    items = schema.get("prefixItems") or schema.get("items", {})
    counts = {key: schema[key] for key in ("minItems", "maxItems") if schema.get(key, MOST_ITEMS) < MOST_ITEMS}
    return {"items": [_simplify(item) for item in items] if isinstance(items, list) else _simplify(items), **counts}


def _simplify_string(schema: Mapping[str, Any]) -> dict[str, Any]:
    if _SAFE_PATTERN.fullmatch(schema.get("pattern", "")):
        return {"pattern": schema["pattern"]}
    limits = {"minLength", "maxLength"} if schema.get("maxLength", 0) <= MOST_CHARACTERS else {"minLength"}
    return {key: schema[key] for key in limits | {"format"} if key in schema}
