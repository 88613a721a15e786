"""``ftchat ask`` and the one-shot: the events of a turn as text that grows, or as one JSON object."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from assistant.agent import TEXT_WIDTH, WORDS_HEADING, NothingToSay, Parts, Request, Turn
from assistant.answer import ASK_SCHEMA, Answer, answer_to_json
from assistant.ask_history import find_past, open_recorder
from assistant.events import Event, Notice, SectionComposed, Struck, TextChunk, TurnEnded, WordsAwaited
from assistant.exits import Exit
from assistant.history_recorder import Recorder
from assistant.json_lines import print_json
from assistant.parts import real_parts, report
from assistant.render import render_sections, render_words, terminal_width, wants_colour
from assistant.settings import NO_MODEL, Settings, load_settings
from tools.errors import BadInput, FtchatError
from tools.log_formats.frames import ByteSource
from tools.run_config import read_config

NOT_EXAMINED = ("data",)


def answer_once(options: argparse.Namespace, question: str, logs: list[str]) -> int:
    """Answer one question on stdout, as the next turn of a conversation or as the first of a new one."""
    settings = _settings(options)
    past = find_past(options, settings.history)
    if (options.session or options.is_continued) and logs == ["-"] and _is_stdin_empty():
        logs = []
    request = _request(question, logs, vars(options))
    recorder = open_recorder(options, settings.history, past)
    try:
        with recorder.keeping(question):
            answer = _answer(options, Turn(request, real_parts(settings)), recorder)
    except NothingToSay as error:
        if options.json:
            print_json({"schema": ASK_SCHEMA, "question": question, "judged": False, "error": str(error)})
        return Exit.NOT_JUDGED
    return Exit.NOT_JUDGED if logs and not answer.is_judged else Exit.DONE


def _answer(options: argparse.Namespace, turn: Turn, recorder: Recorder) -> Answer:
    """Run the turn, print it as it comes, and keep it."""
    printer = None if options.json else Printer()

    def show(event: Event) -> None:
        if printer:
            printer.show(event)
        if isinstance(event, SectionComposed):
            recorder.hear(render_sections([event.section], TEXT_WIDTH))
        elif isinstance(event, TextChunk):
            recorder.hear(event.text)

    answer = _last(turn.events(), show)
    told = answer_to_json(answer)
    try:
        if options.json:
            print_json({**told, "session": recorder.session_id()})
        else:
            _tell_struck(len(answer.struck))
    finally:
        recorder.finish(told)
    return answer


def answer_batch(options: argparse.Namespace, items: Iterable[dict[str, Any] | FtchatError]) -> int:
    """Answer many questions, one JSON object a line, models loaded once."""
    parts = real_parts(_settings(options))
    for item in items:
        print_json(_answer_item(item, parts))
    return Exit.DONE


def _answer_item(item: dict[str, Any] | FtchatError, parts: Parts) -> dict[str, Any]:
    if isinstance(item, FtchatError):
        return {"schema": ASK_SCHEMA, "error": str(item)}
    passed = {"id": item["id"]} if "id" in item else {}
    try:
        question = item.get("question")
        if not isinstance(question, str) or not question.strip():
            raise BadInput("'question' must be text that is not empty")
        logs = item.get("log") or []
        request = _request(question, [logs] if isinstance(logs, str) else list(logs), item)
        return {**answer_to_json(_last(Turn(request, parts).events())), **passed}
    except FtchatError as error:
        return {"schema": ASK_SCHEMA, "error": str(error), **passed}


def _settings(options: argparse.Namespace) -> Settings:
    model = NO_MODEL if options.no_llm else options.llm
    flags = {"cache": options.cache, "model": model, "model_url": options.llm_url, "cards": options.cards}
    return load_settings(flags)


def _request(question: str, logs: list[str], given: Mapping[str, Any]) -> Request:
    config = given.get("config")
    notes = [
        f"{given[name]}: --{name} was given, and this version does not examine it"
        for name in NOT_EXAMINED
        if given.get(name)
    ]
    sources: list[Path | tuple[str, ByteSource]] = [
        ("stdin", sys.stdin.buffer) if log == "-" else Path(log) for log in logs
    ]
    settings = read_config(Path(config)) if config else {}
    model, gpu = (str(given.get(name) or "") for name in ("model", "gpu"))
    if gpu and not model:
        notes.append(f"{gpu}: --gpu was given without --model, so there is nothing to estimate on it")
    return Request(question, sources, settings, notes, model, gpu)


def _is_stdin_empty() -> bool:
    """Whether nothing is piped in, without taking anything out; the conversation knows its log already."""
    stream = sys.stdin.buffer
    return isinstance(stream, BufferedReader) and not stream.peek(1)


def _last(events: Iterable[Event], show: Callable[[Event], None] | None = None) -> Answer:
    """Run a turn to its answer; what a person should know goes to stderr, every event to ``show``."""
    answer = None
    for event in events:
        if show:
            show(event)
        if isinstance(event, Notice):
            report(event.text)
        elif isinstance(event, TurnEnded):
            answer = event.answer
    if answer is None:
        raise BadInput("the turn ended without an answer")
    return answer


class Printer:
    """Prints each part of the answer as soon as it stands."""

    def __init__(self) -> None:
        self._width, self._colour = terminal_width(sys.stdout), wants_colour(sys.stdout)
        self._num_blocks = 0
        self._num_words = 0

    def show(self, event: Event) -> None:
        """Print what an event adds to the answer."""
        if isinstance(event, WordsAwaited | TextChunk | Struck | Notice | TurnEnded):
            _show_waiting(is_waiting=isinstance(event, WordsAwaited))
        if isinstance(event, SectionComposed):
            text = render_sections([event.section], self._width, colour=self._colour)
            _print_block(text, first=self._num_blocks == 0)
            self._num_blocks += 1
        elif isinstance(event, TextChunk):
            text = render_words(WORDS_HEADING, [event.text], self._width, colour=self._colour)
            _print_block(text if self._num_words == 0 else text.partition("\n")[2], first=self._num_words > 0)
            self._num_words += 1


def _tell_struck(num_struck: int) -> None:
    if num_struck:
        report(f"{num_struck} sentence(s) of the model were struck, because the evidence does not hold them")


def _show_waiting(*, is_waiting: bool) -> None:
    """Say on a terminal that the model is reading, and take it back once it speaks."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + ("the model reads ... (the answer above stands)" if is_waiting else ""))
        sys.stderr.flush()


def _print_block(text: str, *, first: bool) -> None:
    sys.stdout.write(("" if first else "\n") + text + "\n")
    sys.stdout.flush()
