"""Turns of a conversation: follow-ups, what is not read again, data, the model's tools, stopping, a turn kept whole."""

import io
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_model import ScriptedModel, in_turn
from test_agent import kinds, overfit_log, parts

from assistant.agent import LogMemory, NothingToSay, Parts, Request, Speaker, Turn
from assistant.conversation import Conversation, conversation_from_json, conversation_to_json
from assistant.events import Event, SectionComposed, TextChunk, ToolFinished, ToolStarted, TurnEnded
from assistant.turn_dump import turn_to_json, write_turn
from assistant.words import Writer
from knowledge.retrieval import CardHit
from tools.errors import BadInput

SAID = "The validation loss has its minimum, 2, at epoch 3 [E1]."
SECRET = "hf_" + "abcdEFGH1234ijklMNOP5678qrst"


def run(
    request: Request, with_parts: Parts, conversation: Conversation | None = None, memory: LogMemory | None = None
) -> tuple[list[Event], TurnEnded]:
    events = list(Turn(request, with_parts, conversation, memory).events())
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    return events, ended


def headings(events: Sequence[Event]) -> list[str]:
    return [event.section.heading.split(" [")[0] for event in events if isinstance(event, SectionComposed)]


def called(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events if isinstance(event, ToolStarted)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "train.log"
    path.write_bytes(overfit_log())
    return path


def speaking(script: ScriptedModel, *, may_call: bool = False, with_hits: Sequence[CardHit] = ()) -> Parts:
    silent = parts(hits=with_hits)
    speaker = Speaker(Writer(script, "scripted"), script if may_call else None)
    return Parts(silent.load_card, silent.knobs, silent.find, lambda: speaker)


def test_a_why_is_answered_from_the_conversation_and_nothing_is_read_again(log: Path) -> None:
    _, first = run(Request("what is wrong?", [log]), parts())
    events, second = run(Request("why?"), parts(), first.conversation)
    assert called(events) == []
    assert headings(events)[0] == "WHY"
    assert [finding.id for _, finding in second.answer.findings] == ["overfitting"]
    assert second.answer.cards[0] == "overfitting"
    assert [one.question for one in second.conversation.exchanges] == ["what is wrong?", "why?"]


def test_a_follow_up_goes_on_in_another_process(log: Path) -> None:
    _, first = run(Request("what is wrong?", [log]), parts())
    again = conversation_from_json(conversation_to_json(first.conversation))
    log.unlink()
    here, there = (run(Request("how do I fix it?"), parts(), one)[1].answer for one in (first.conversation, again))
    assert here.moves
    assert (here.text, here.moves) == (there.text, there.moves)


def test_a_changed_setting_runs_the_tools_again(log: Path) -> None:
    request = Request("how much memory does it take?", [log], model="llama 3.1 8b", gpu="RTX 4090")
    _, first = run(request, parts())
    events, second = run(Request("and with rank 64?"), parts(), first.conversation)
    assert {"count_parameters", "estimate_vram"} <= set(called(events))
    counts = [
        next(one.result["trainable"] for one in ended.answer.tools if one.name == "count_parameters")
        for ended in (first, second)
    ]
    assert isinstance(counts[0], int)
    assert counts[1] == 4 * counts[0]
    assert "64" in second.answer.text


def test_an_unchanged_log_is_not_read_again_and_a_changed_one_is(log: Path) -> None:
    memory = LogMemory()
    speaker = speaking(ScriptedModel(script=in_turn(SAID)))
    _, first = run(Request("what is wrong?", [log]), speaker, None, memory)
    events, _ = run(Request("why?", [log]), speaker, first.conversation, memory)
    assert "parse_log" not in called(events)
    log.write_bytes(overfit_log() + b"{'eval_loss': '2.6', 'epoch': '9'}\n")
    events, _ = run(Request("why?", [log]), speaker, first.conversation, memory)
    assert "parse_log" in called(events)


def test_a_follow_up_quotes_from_a_pipe_that_was_kept(log: Path) -> None:
    memory, speaker = LogMemory(), speaking(ScriptedModel(script=in_turn(SAID)))
    _, first = run(Request("what?", [("stdin", io.BytesIO(log.read_bytes()))]), speaker, None, memory)
    _, second = run(Request("why?"), speaker, first.conversation, memory)
    assert second.told.excerpts == first.told.excerpts
    assert second.told.excerpts[0].lines[0].number == 1


def test_another_conversation_quotes_nothing_of_this_one(log: Path) -> None:
    speaker = speaking(ScriptedModel(script=in_turn(SAID)))
    _, first = run(Request("what?", [("stdin", io.BytesIO(log.read_bytes()))]), speaker, None, LogMemory())
    _, second = run(Request("why?"), speaker, first.conversation, LogMemory())
    shown = {line.number for line in second.told.excerpts[0].lines}
    assert shown <= {line.number for _, finding in second.answer.findings for line in finding.evidence}


def test_a_question_of_its_own_is_not_answered_with_the_log_again(log: Path) -> None:
    _, first = run(Request("what is wrong?", [log]), parts())
    hit = CardHit("gibberish_output", 0.9, "garbled", "phrase")
    events, second = run(Request("and why does my other model write garbage?"), parts(hits=[hit]), first.conversation)
    assert "WHAT IS WRONG" not in headings(events)
    assert {move.card for move in second.answer.moves} == {"gibberish_output"}
    assert "No fault" not in second.answer.text


def test_a_follow_up_on_another_subject_stays_with_it(log: Path) -> None:
    _, first = run(Request("what is wrong?", [log]), parts())
    hit = CardHit("gibberish_output", 0.9, "garbled", "phrase")
    _, second = run(Request("why does my other model write garbage?"), parts(hits=[hit]), first.conversation)
    _, third = run(Request("how do I fix it?"), parts(), second.conversation)
    assert {move.card for move in third.answer.moves} == {"gibberish_output"}
    _, fourth = run(Request("how do I fix it?"), parts(), first.conversation)
    assert {move.card for move in fourth.answer.moves} == {"overfitting"}


def test_the_models_own_words_are_its_memory(log: Path) -> None:
    model = ScriptedModel(script=in_turn(SAID))
    memory, speaker = LogMemory(), speaking(model)
    _, first = run(Request("what is wrong?", [log]), speaker, None, memory)
    _, second = run(Request("why?"), speaker, first.conversation, memory)
    assert second.told.messages[: len(first.told.messages)] == first.told.messages
    assert second.told.messages[2] == ("ai", SAID)


def flat_log() -> bytes:
    """A loss that does not fall, of a log that does not tell its learning rate."""
    rows = [
        f"{{'loss': {2.31 + 0.004 * ((7 * step) % 5 - 2):.4f}, 'epoch': {step / 60:.2f}}}" for step in range(1, 121)
    ]
    return ("\n".join(rows) + "\n").encode()


def test_a_setting_that_the_log_does_not_tell_is_judged_once_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "flat.log").write_bytes(flat_log())
    _, first = run(Request("why is it flat?", [tmp_path / "flat.log"]), parts())
    events, second = run(Request("the learning rate was 1e-9, it is LoRA with rank 8"), parts(), first.conversation)
    before, after = ({finding.id for _, finding in one.answer.findings} for one in (first, second))
    assert "learning_rate_too_low" in after - before
    assert "diagnose" in called(events)
    assert "parse_log" not in called(events)
    assert "learning_rate_too_low" in second.answer.text
    events, third = run(Request("what if the learning rate was 1e-9?"), parts(), first.conversation)
    assert {finding.id for _, finding in third.answer.findings} == before


def make_row(number: int) -> str:
    """A question and an answer that no other number gives."""
    words = " ".join(f"part{number * 7 + place}" for place in range(12))
    turns = [("user", f"How is {words} put together?"), ("assistant", f"Of {words}, one after the other, at {number}.")]
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]})


def test_defects_of_the_data_are_told_and_lead_to_their_pitfall(tmp_path: Path) -> None:
    data = tmp_path / "sft.jsonl"
    rows = [make_row(number % 150) for number in range(400)]
    data.write_text("\n".join(rows) + "\n")
    events, ended = run(Request("is my data fine?", data=[data]), parts())
    assert "THE DATA" in headings(events)
    assert "duplicate_data" in {finding.id for _, finding in ended.answer.findings}
    assert "duplicate_data" in {move.card for move in ended.answer.moves}
    assert any(item.source == "inspect_dataset" for item in ended.answer.evidence)
    assert next(one for one in ended.answer.tools if one.name == "inspect_dataset").result


def test_data_that_cannot_be_read_is_a_note(tmp_path: Path, log: Path) -> None:
    _, ended = run(Request("why?", [log], data=[tmp_path / "none.jsonl"]), parts())
    assert "none.jsonl" in ended.answer.text
    assert [finding.id for _, finding in ended.answer.findings] == ["overfitting"]


def test_a_gpu_without_a_model_is_said(log: Path) -> None:
    _, ended = run(Request("why?", [log], gpu="RTX 4090"), parts())
    assert "RTX 4090: no model was named" in ended.answer.text


def test_what_a_capable_model_looks_up_becomes_evidence(log: Path) -> None:
    call = ("parse_log_span", '{"file": "train.log", "first_line": 1, "last_line": 6}')
    model = ScriptedModel(script=in_turn([call], "enough", SAID))
    events, ended = run(Request("what is wrong?", [log]), speaking(model, may_call=True))
    names = kinds(events)
    assert names.index("WordsAwaited") < names.index("ToolStarted", names.index("WordsAwaited"))
    assert "parse_log_span" in [one.name for one in ended.answer.tools]
    added = [item for item in ended.answer.evidence if item.source == "parse_log_span"]
    assert any("Lines 1 to 6 of train.log" in item.text for item in added)
    assert [item.id for item in ended.answer.evidence] == [f"E{n}" for n in range(1, len(ended.answer.evidence) + 1)]
    assert any(isinstance(event, TextChunk) for event in events)


def test_a_model_that_may_not_call_is_offered_no_tools(log: Path) -> None:
    model = ScriptedModel(script=in_turn(SAID))
    run(Request("what is wrong?", [log]), speaking(model))
    assert model.offered == []


@pytest.mark.parametrize("place", range(12))
def test_closing_at_any_event_leaves_nothing_running(log: Path, place: int) -> None:
    call = ("search_cards", '{"words": "nan"}')
    model = ScriptedModel(script=in_turn([call], "enough " * 400, "word " * 400), seconds_a_word=0.005)
    before = set(threading.enumerate())
    events = Turn(Request("what is wrong?", [log]), speaking(model, may_call=True)).events()
    for _ in range(place + 1):
        next(events)
    events.close()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before
    assert not model.is_open
    num_words = model.num_words
    time.sleep(0.05)
    assert model.num_words == num_words


def test_a_stop_from_another_thread_reaches_the_model(log: Path) -> None:
    stopped = threading.Event()
    model = ScriptedModel(script=in_turn(SAID))
    silent = parts()
    speaker = Speaker(Writer(model, "scripted"), stop=stopped.set)
    turn = Turn(Request("why?", [log]), Parts(silent.load_card, silent.knobs, silent.find, lambda: speaker))
    for event in turn.events():
        if isinstance(event, TextChunk):
            turn.cancel()
            assert stopped.is_set()
    assert stopped.is_set()


def test_a_whole_turn_is_kept_without_secrets(log: Path, tmp_path: Path) -> None:
    log.write_bytes(f"login with {SECRET}\n".encode() + overfit_log())
    model = ScriptedModel(script=in_turn(f"{SAID} The GPU is too small [E1]."))
    _, ended = run(Request(f"why? my token is {SECRET}", [log]), speaking(model))
    write_turn(ended, tmp_path / "turns.jsonl")
    write_turn(ended, tmp_path / "turns.jsonl")
    text = (tmp_path / "turns.jsonl").read_text()
    first, second = (json.loads(line) for line in text.splitlines())
    assert first == second == turn_to_json(ended)
    assert SECRET not in text
    assert [one["fault"] is None for one in first["sentences"]] == [True, False]
    assert first["struck"] == ["The GPU is too small [E1]."]
    assert [one["role"] for one in first["messages"]] == ["system", "human"]
    assert "[E1]" in first["messages"][1]["text"]
    assert first["excerpts"][0]["lines"][0]["line"] == 1
    assert first["evidence"][0]["id"] == "E1"
    assert {"mode", "model", "versions", "history", "answer"} <= first.keys()


def test_a_turn_without_a_model_can_be_kept_as_well(log: Path) -> None:
    _, ended = run(Request("why?", [log]), parts())
    kept = turn_to_json(ended)
    assert (kept["model"], kept["messages"], kept["sentences"]) == (None, [], [])


def test_a_file_that_cannot_be_written_is_one_line(log: Path, tmp_path: Path) -> None:
    _, ended = run(Request("why?", [log]), parts())
    with pytest.raises(BadInput, match="cannot be written"):
        write_turn(ended, tmp_path / "none" / "turns.jsonl")


def test_nothing_to_say_stays_an_error(tmp_path: Path) -> None:
    with pytest.raises(NothingToSay):
        list(Turn(Request("", [tmp_path / "none.log"]), parts()).events())


def test_each_started_tool_is_finished(log: Path) -> None:
    events, _ = run(Request("why?", [log], model="gpt2"), parts())
    started = called(events)
    assert started == [event.name for event in events if isinstance(event, ToolFinished)]
