import json
import random
import re
from collections.abc import Mapping
from typing import Any

import pytest

from assistant.chat_template import CallStyle
from assistant.llama_engine import Engine
from assistant.llm import LlamaChat
from assistant.models import find_model
from assistant.number_grammar import bounded_rule, integer_rule
from assistant.tool_grammar import ToolGrammar, compile_tools, find_argument_fault
from tools.errors import BadInput

HERMES = CallStyle(True, "<tool_call>\n", "arguments", "\n</tool_call>")
STORY = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return LlamaChat(model_path=find_model(None, tmp_path_factory.mktemp("receipts")).path, context_tokens=256).load()


def tool(schema: Mapping[str, Any], name: str = "search") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": schema}}


def accepts(engine: Engine, grammar: str, text: str) -> bool:
    """Whether a grammar lets a whole text pass, token by token as the model would write it, and end there."""
    sampler = engine.llama._init_sampler(grammar=grammar, temp=0.0)
    for token in [*engine.llama.tokenize(text.encode(), add_bos=False), engine.llama.token_eos()]:
        if not sampler._allows(token):
            return False
        engine.api.llama_sampler_accept(sampler._rules, token)
    return True


def call(arguments: object, name: str = "search") -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def takes(engine: Engine, prop: object, value: object, **others: Any) -> bool:
    """Whether a tool with one argument, and a schema for it, can be called with a value."""
    schema = {"type": "object", "properties": {"x": prop}, "required": ["x"], **others}
    return accepts(engine, compile_tools([tool(schema)], "any", CallStyle()).text, call({"x": value}))


PLACE = {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]}
SCHEMAS: list[tuple[object, list[object], list[object]]] = [
    ({"type": "string"}, ["", "a b", "ü", 'a "quote"', "back\\slash", "line\nbreak"], [1, None, True]),
    ({"type": "string", "minLength": 1, "maxLength": 3}, ["a", "abc"], ["", "abcd"]),
    ({"type": "string", "maxLength": 5000}, ["", "abcd"], [3]),
    ({"type": "string", "pattern": "^[a-z][a-z_]{0,3}$"}, ["a", "ab_c"], ["A", "abcde", "", 'a"']),
    ({"enum": ["fp16", 'a "b"', "a\\b", "a\nb", 3, None]}, ["fp16", 'a "b"', "a\\b", "a\nb", 3, None], ["fp32", 4]),
    ({"type": ["string", "null"], "enum": ["lora", None]}, ["lora", None], ["other"]),
    ({"const": "lora"}, ["lora"], ["full"]),
    ({"type": "integer"}, [0, 7, -12, 123456], [1.5, "1", None]),
    ({"type": "integer", "minimum": 1, "maximum": 128}, [1, 9, 10, 99, 100, 128], [0, 129, 130, 200, 1000, -1]),
    ({"type": "integer", "exclusiveMinimum": -3, "exclusiveMaximum": 3}, [-2, 0, 2], [-3, 3, 10]),
    ({"type": "number"}, [0, 2.5, -1e-05, 1e20], ["x", None]),
    ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, [0, 0.5, 2e-05, 0.25], [1, 1.5, -0.5, 10]),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, [1, 0.5, 2e-05], [0, 0.0, 1.5, -1, 2]),
    ({"type": "number", "minimum": 2}, [2, 2.5, 300.75], [1, 1.9, -3]),
    ({"type": "boolean"}, [True, False], [0, "true"]),
    ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, [1, None], [0, "x"]),
    ({"type": ["integer", "null"], "minimum": 1}, [5, None], [0]),
    ({"type": "array", "items": {"enum": ["q", "k"]}, "maxItems": 2}, [[], ["q"], ["k", "q"]], [["v"], ["q"] * 3]),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 1}, [[1], [1, 2, 3]], [[], ["a"]]),
    ({"type": "array"}, [[], [1, "a", {"b": None}]], [1]),
    (PLACE, [{"line": 3}], [{}, {"line": "3"}, {"line": 3, "row": 4}]),
    ({"$ref": "#/$defs/place"}, [{"line": 3}], [{}, 3]),
    ({"allOf": [{"$ref": "#/$defs/place"}]}, [{"line": 3}], [{}, 3]),
    ({"type": "object", "additionalProperties": {"type": "number"}}, [{}, {"a": 1, "b": 2.5}], [{"a": "x"}]),
    ({"type": "object"}, [{}, {"a": [1]}], [1]),
    ({"type": "object", "properties": {}}, [{}], [{"a": 1}]),
    ({**PLACE, "additionalProperties": True}, [{"line": 3}], [{"line": 3, "other": 4}]),
    ({"title": "X"}, [1, "a", None, [2], {"b": 3}], []),
    (True, [1, "a"], []),
]


@pytest.mark.parametrize(("schema", "good", "bad"), SCHEMAS, ids=[json.dumps(each[0])[:60] for each in SCHEMAS])
def test_a_schema_lets_its_values_pass_and_no_others(
    engine: Engine, schema: object, good: list[object], bad: list[object]
) -> None:
    definitions = {"$defs": {"place": PLACE}}
    assert [value for value in good if not takes(engine, schema, value, **definitions)] == []
    assert [value for value in bad if takes(engine, schema, value, **definitions)] == []


def test_optional_arguments_may_be_left_out_and_required_ones_may_not(engine: Engine) -> None:
    properties = {"model": {"type": "string"}, "rank": {"type": "integer"}, "alpha": {"type": "integer"}}
    grammar = compile_tools([tool({"properties": properties, "required": ["model"]})], "any", CallStyle()).text
    assert accepts(engine, grammar, call({"model": "a"}))
    assert accepts(engine, grammar, call({"model": "a", "alpha": 2}))
    assert accepts(engine, grammar, call({"model": "a", "rank": 1, "alpha": 2}))
    assert not accepts(engine, grammar, call({"rank": 1}))
    assert not accepts(engine, grammar, call({"model": "a", "depth": 1}))


TWO = [tool(STORY), tool({"type": "object", "properties": {}}, "list_files")]


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        (None, {"search", "list", "text"}),
        ("auto", {"search", "list", "text"}),
        ("any", {"search", "list"}),
        ("required", {"search", "list"}),
        ("search", {"search"}),
        ({"type": "function", "function": {"name": "list_files"}}, {"list"}),
        ("none", {"text"}),
    ],
)
@pytest.mark.parametrize("style", [CallStyle(), HERMES], ids=["plain", "marked"])
def test_the_choice_decides_what_may_be_written(
    engine: Engine, choice: object, allowed: set[str], style: CallStyle
) -> None:
    grammar = compile_tools(TWO, choice, style).text
    answers = {
        "search": style.opening + call({"title": "x"}) + style.closing,
        "list": style.opening + call({}, "list_files") + style.closing,
        "text": "The rate is too low, {1e-7} <b>.",
    }
    assert {name for name, answer in answers.items() if accepts(engine, grammar, answer)} == allowed
    assert not accepts(engine, grammar, style.opening + call({}, "delete_files") + style.closing)
    assert not accepts(engine, grammar, style.opening + "{ not a call")


@pytest.mark.parametrize("choice", ["delete_files", 3, {"function": {"name": "x"}}])
def test_a_choice_that_is_not_known_is_one_clear_line(choice: object) -> None:
    with pytest.raises(BadInput, match=r"^tool_choice must be auto, any, none or one of search, list_files, got "):
        compile_tools(TWO, choice, CallStyle())


def test_a_tool_may_be_named_as_a_choice_is() -> None:
    assert compile_tools([tool(STORY, "any"), tool(STORY, "other")], "any", CallStyle()).schemas.keys() == {"any"}


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match=r"^tools must differ in name, got search, search$"):
        compile_tools([TWO[0], TWO[0]], None, CallStyle())


@pytest.mark.parametrize(
    "schema", [{"$ref": "#/$defs/none"}, {"type": "strange"}, {"items": 3, "type": "array", "minItems": "x"}]
)
def test_a_schema_that_cannot_be_a_grammar_is_one_clear_line(schema: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"^tool 'search': the schema of its arguments cannot be a grammar") as raised:
        compile_tools([tool({"type": "object", "properties": {"x": schema}})], None, CallStyle())
    assert "\n" not in str(raised.value)


def test_a_call_is_read_back() -> None:
    chunk = hermes().read_call('<tool_call>\n{"name": "search", "arguments": {"title": "ü"}}\n</tool_call>', "stop")
    assert (chunk["name"], json.loads(str(chunk["args"]))) == ("search", {"title": "ü"})


@pytest.mark.parametrize("end", range(1, 70, 3))
def test_a_call_that_was_cut_is_no_json(end: int) -> None:
    whole = '<tool_call>\n{"name": "search", "arguments": {"title": "loss"}}'
    chunk = hermes().read_call(whole[: min(end, len(whole) - 1)], "length")
    assert str(chunk["args"]).startswith("was cut off: ")
    assert chunk["name"] == ("search" if end >= len('<tool_call>\n{"name": "search"') else None)


def test_what_a_grammar_cannot_say_is_checked_once_a_call_is_written() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer", "multipleOf": 8}}}
    chunk = compile_tools([tool(schema)], None, CallStyle()).read_call(call({"x": 9}), "stop")
    assert str(chunk["args"]) == 'not valid (x: 9 is not a multiple of 8): {"x": 9}'
    assert find_argument_fault({"x": 16}, schema) is None


def test_whole_numbers_between_two_bounds_are_said_exactly() -> None:
    draw = random.Random(3)  # noqa: S311  no secret
    for _ in range(60):
        low, high = sorted(
            draw.choices([-2000, -101, -100, -99, -10, -9, -1, 0, 1, 9, 10, 11, 99, 100, 512, 1999], k=2)
        )
        pattern = re.compile(as_pattern(integer_rule(low, high)))
        let_through = {number for number in range(-2100, 2100) if pattern.fullmatch(str(number))}
        assert let_through == set(range(low, high + 1)), (low, high)
        assert not pattern.fullmatch("007")


def test_numbers_between_two_bounds_never_leave_them() -> None:
    draw = random.Random(5)  # noqa: S311  no secret
    ends = [0, 0.5, 1, 1.5, 2, 9, 10, 12.25, 100]
    texts = [f"{draw.choice([1, 10, 100]) * draw.random():.{draw.randint(0, 6)}f}" for _ in range(400)]
    texts += [f"{draw.uniform(1, 10):.3f}e-{draw.randint(1, 12)}" for _ in range(100)] + ["0", "1", "2", "10", "100"]
    num_passed = 0
    for low in ends:
        for high in ends:
            for keys in (
                ("minimum", "maximum"),
                ("exclusiveMinimum", "exclusiveMaximum"),
                ("minimum", "exclusiveMaximum"),
            ):
                schema = {"type": "number", keys[0]: low, keys[1]: high}
                if rule := bounded_rule(schema):
                    passed = [text for text in texts if re.fullmatch(as_pattern(rule), text)]
                    assert all(find_argument_fault(json.loads(text), schema) is None for text in passed), schema
                    num_passed += len(passed)
    assert num_passed > 5000


def hermes() -> ToolGrammar:
    return compile_tools([tool(STORY)], None, HERMES)


def as_pattern(rule: str) -> str:
    """A rule of digits as a regular expression."""
    return re.sub(r'"([^"]*)"', lambda match: re.escape(match[1]), rule).replace(" ", "")
