"""``ftchat ask`` and the one-shot: the events of a turn as text that grows, or as one JSON object."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from assistant.agent import TEXT_WIDTH, WORDS_HEADING, NothingToSay, Parts, Request, Turn
from assistant.answer import ASK_SCHEMA, Answer, answer_to_json
from assistant.ask_history import find_past, leave, open_recorder
from assistant.events import Event, Notice, SectionComposed, Struck, TextChunk, TurnEnded, WordsAwaited
from assistant.exits import Exit
from assistant.history_recorder import Recorder
from assistant.json_lines import print_json
from assistant.parts import real_parts, report
from assistant.render import render_sections, render_words, terminal_width, wants_colour
from assistant.settings import NO_MODEL, Settings, load_settings
from tools.errors import BadInput, FtchatError
from tools.run_config import read_config


def answer_once(options: argparse.Namespace, question: str, logs: list[str]) -> int:
    """Answer one question on stdout, as the next turn of a conversation or as the first of a new one."""
    settings = _settings(options)
    past = find_past(options, settings.history)
    if past.session_id and logs == ["-"] and _is_stdin_empty():
        logs = []
    request = _request(question, logs, vars(options))
    recorder = open_recorder(options, settings.history, past)
    try:
        with recorder.keeping(question):
            answer = _answer(options, Turn(request, real_parts(settings), past.conversation), recorder)
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

    ended = _run(turn, show)
    told = answer_to_json(ended.answer)
    try:
        if options.json:
            print_json({**told, "session": recorder.session_id()})
        else:
            _tell_struck(len(ended.answer.struck))
    finally:
        recorder.finish(told, leave(ended.conversation))
    _dump(options, ended)
    return ended.answer


def _dump(options: argparse.Namespace, ended: TurnEnded) -> None:
    if options.dump_turn:
        from assistant.turn_dump import write_turn

        write_turn(ended, Path(options.dump_turn))


def answer_batch(options: argparse.Namespace, items: Iterable[dict[str, Any] | FtchatError]) -> int:
    """Answer many questions, one JSON object a line, models loaded once."""
    if options.is_continued or options.session:
        raise BadInput("--batch answers each question by itself; leave -c and --session out")
    parts = real_parts(_settings(options))
    for item in items:
        print_json(_answer_item(options, item, parts))
    return Exit.DONE


def _answer_item(options: argparse.Namespace, item: dict[str, Any] | FtchatError, parts: Parts) -> dict[str, Any]:
    if isinstance(item, FtchatError):
        return {"schema": ASK_SCHEMA, "error": str(item)}
    passed = {"id": item["id"]} if "id" in item else {}
    try:
        question = item.get("question")
        if not isinstance(question, str) or not question.strip():
            raise BadInput("'question' must be text that is not empty")
        logs = item.get("log") or []
        request = _request(question, [logs] if isinstance(logs, str) else list(logs), item)
        ended = _run(Turn(request, parts))
        _dump(options, ended)
        return {**answer_to_json(ended.answer), **passed}
    except FtchatError as error:
        return {"schema": ASK_SCHEMA, "error": str(error), **passed}


def _settings(options: argparse.Namespace) -> Settings:
    model = NO_MODEL if options.no_llm else options.llm
    flags = {"cache": options.cache, "model": model, "model_url": options.llm_url, "cards": options.cards}
    return load_settings(flags)


def _request(question: str, logs: list[str], given: Mapping[str, Any]) -> Request:
    config, data = given.get("config"), given.get("data") or []
    return Request(
        question,
        [("stdin", sys.stdin.buffer) if log == "-" else Path(log) for log in logs],
        settings=read_config(Path(config)) if config else {},
        model=str(given.get("model") or ""),
        gpu=str(given.get("gpu") or ""),
        data=[Path(name) for name in ([data] if isinstance(data, str) else data)],
        config_name=str(config or ""),
    )


def _is_stdin_empty() -> bool:
    """Whether nothing is piped in, without taking anything out; the conversation knows its log already."""
    stream = sys.stdin.buffer
    return isinstance(stream, BufferedReader) and not stream.peek(1)


def _run(turn: Turn, show: Callable[[Event], None] | None = None) -> TurnEnded:
    """Run a turn to its end; what a person should know goes to stderr, every event to ``show``."""
    ended = None
    for event in turn.events():
        if show:
            show(event)
        if isinstance(event, Notice):
            report(event.text)
        elif isinstance(event, TurnEnded):
            ended = event
    if ended is None:
        raise BadInput("the turn ended without an answer")
    return ended


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
