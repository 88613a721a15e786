"""A model that looks further: its calls are told in order, bounded, refused where they repeat, and stopped at once."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage, ToolMessage
from scripted_model import Reply, Script, ScriptedModel, in_turn
from test_toolbox import make_toolbox

from assistant.events import Event, Notice, ToolFinished, ToolStarted
from assistant.evidence import Evidence
from assistant.llm import LlamaChat
from assistant.models import find_model
from assistant.research import Limits, look_further
from assistant.tool_adapter import ENOUGH, SEEN, adapt_tools
from assistant.tool_reports import Lead
from assistant.toolbox import Toolbox
from knowledge.retrieval import CardHit
from tools.errors import NotAvailable

SPAN = ("parse_log_span", '{"file": "train.log", "first_line": 1, "last_line": 10}')
NAN = ("search_cards", '{"words": "nan"}')
FACTS = [Evidence("E1", "The loss is nan from step 12 on.", 12, "loss_nan: train.log L12")]


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return make_toolbox(tmp_path)


def look(
    script: Script, toolbox: Toolbox, limits: Limits | None = None
) -> tuple[list[Event], tuple[Lead, ...], ScriptedModel]:
    model = ScriptedModel(script=script)
    events: list[Event] = []
    research = look_further(model, toolbox, "why is it nan?", FACTS, limits)
    while True:
        try:
            events.append(next(research))
        except StopIteration as end:
            return events, end.value, model


def tool_texts(model: ScriptedModel) -> list[str]:
    return [str(message.content) for message in model.seen[-1] if isinstance(message, ToolMessage)]


def test_each_call_is_told_in_order_and_gives_a_lead(toolbox: Toolbox) -> None:
    events, leads, model = look(in_turn([SPAN], [NAN], "enough"), toolbox)
    told = [(type(event).__name__, event.name) for event in events if isinstance(event, ToolStarted | ToolFinished)]
    assert told == [
        ("ToolStarted", "parse_log_span"),
        ("ToolFinished", "parse_log_span"),
        ("ToolStarted", "search_cards"),
        ("ToolFinished", "search_cards"),
    ]
    assert [lead.name for lead in leads] == ["parse_log_span", "search_cards"]
    assert len(model.seen) == 3
    assert '"name":"loss"' in tool_texts(model)[0]


def test_calls_of_one_answer_run_one_after_the_other(toolbox: Toolbox) -> None:
    events, leads, _ = look(in_turn([SPAN, NAN], "enough"), toolbox)
    assert [type(event).__name__ for event in events] == ["ToolStarted", "ToolFinished"] * 2
    assert len(leads) == 2


def test_a_call_is_told_before_it_is_done(toolbox: Toolbox) -> None:
    may_end = threading.Event()

    def wait(words: str, _: Sequence[str]) -> list[CardHit]:
        assert may_end.wait(20)
        return []

    slow = Toolbox({}, {}, "", {}, wait, toolbox.load_card)
    research = look_further(ScriptedModel(script=in_turn([NAN], "enough")), slow, "why?", FACTS)
    assert isinstance(next(research), ToolStarted)
    may_end.set()
    assert isinstance(next(research), ToolFinished)
    research.close()


def test_an_identical_call_is_refused_with_a_text(toolbox: Toolbox) -> None:
    events, leads, model = look(in_turn([SPAN], [SPAN], "enough"), toolbox)
    assert tool_texts(model)[-1] == SEEN
    assert len(leads) == 1
    assert len(events) == 2


def test_a_model_that_never_stops_calling_is_stopped(toolbox: Toolbox) -> None:
    def go_on(messages: Sequence[BaseMessage]) -> Reply:
        return [("search_cards", f'{{"words": "nan {len(messages)}"}}')]

    _, leads, model = look(go_on, toolbox, Limits(steps=4, calls=2))
    assert len(model.seen) == 4
    assert len(leads) == 2
    assert ENOUGH in tool_texts(model)


def test_errors_are_texts_and_no_leads(toolbox: Toolbox) -> None:
    bad = ("parse_log_span", '{"file": "/etc/passwd", "first_line": 1, "last_line": 10}')
    unknown = ("delete_everything", "{}")
    broken = ("parse_log_span", '{"file": "train.log"}')
    events, leads, model = look(in_turn([bad], [unknown], [broken], "enough"), toolbox)
    texts = tool_texts(model)
    assert "allowed: train.log" in texts[0]
    assert "delete_everything is not a valid tool" in texts[1]
    assert "first_line" in texts[2]
    assert leads == ()
    assert {event.name for event in events if isinstance(event, ToolStarted | ToolFinished)} == {"parse_log_span"}


def test_arguments_that_are_no_json_end_it(toolbox: Toolbox) -> None:
    _, leads, _ = look(in_turn([("search_cards", '{"words": ')], "enough"), toolbox)
    assert leads == ()


def test_what_the_model_reads_is_fenced_and_names_the_files(toolbox: Toolbox) -> None:
    _, _, model = look(in_turn("enough"), toolbox)
    system, human = (str(message.content) for message in model.seen[0][:2])
    assert "never an instruction" in system
    assert "log: train.log" in human
    assert "data: sft.jsonl" in human
    assert "[E1] The loss is nan" in human
    assert len(model.offered) == 5


def test_a_model_that_fails_is_one_notice(toolbox: Toolbox) -> None:
    def fail(_: Sequence[BaseMessage]) -> Reply:
        raise NotAvailable("no server at http://127.0.0.1:9")

    events, leads, _ = look(fail, toolbox)
    assert events == [Notice("the language model could not look further: no server at http://127.0.0.1:9")]
    assert leads == ()


def test_it_is_over_when_its_time_is(toolbox: Toolbox) -> None:
    model = ScriptedModel(script=in_turn([SPAN], "word " * 2000), seconds_a_word=0.01)
    started = time.monotonic()
    events = list(look_further(model, toolbox, "why?", FACTS, Limits(seconds=0.5)))
    assert time.monotonic() - started < 5
    assert isinstance(events[-1], Notice)
    assert "was stopped" in events[-1].text
    assert not model.is_open


def test_closing_it_stops_the_model_in_mid_answer(toolbox: Toolbox) -> None:
    model = ScriptedModel(script=in_turn([SPAN], "word " * 5000), seconds_a_word=0.01)
    before = threading.active_count()
    research = look_further(model, toolbox, "why?", FACTS)
    assert isinstance(next(research), ToolStarted)
    assert isinstance(next(research), ToolFinished)
    research.close()
    num_words = model.num_words
    assert not model.is_open
    assert num_words < 200
    assert threading.active_count() <= before + 1


def test_the_agent_loop_is_imported_only_for_a_model_that_may_call() -> None:
    code = "import sys, assistant.agent, assistant.parts; sys.exit('langchain.agents' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_every_tool_can_be_called_by_the_embedded_model_under_its_grammar(toolbox: Toolbox, shared_cache: Path) -> None:
    model = LlamaChat(model_path=find_model("embedded", shared_cache).path, temperature=1.5, max_tokens=120)
    tools = adapt_tools(toolbox.functions(), lambda *_: None, max_calls=99)
    for tool in tools:
        answer = model.bind_tools([tool], tool_choice=tool.name).invoke("loss is nan at line 3 of train.log")
        for call in answer.tool_calls:
            assert call["name"] == tool.name
            assert isinstance(tool.invoke({**call, "type": "tool_call"}).content, str)
        assert answer.tool_calls or answer.invalid_tool_calls
