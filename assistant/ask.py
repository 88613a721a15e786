"""``ftchat ask`` and the one-shot: the events of a turn as text that grows, or as one JSON object."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from assistant.agent import WORDS_HEADING, NothingToSay, Parts, Request, Turn
from assistant.answer import ASK_SCHEMA, Answer, answer_to_json
from assistant.events import Event, Notice, SectionComposed, Struck, TextChunk, TurnEnded, WordsAwaited
from assistant.exits import Exit
from assistant.json_lines import print_json
from assistant.parts import real_parts, report
from assistant.render import render_sections, render_words, terminal_width, wants_colour
from assistant.settings import NO_MODEL, load_settings
from tools.errors import BadInput, FtchatError
from tools.log_formats.frames import ByteSource
from tools.run_config import read_config

NOT_EXAMINED = ("data", "model", "gpu")


def answer_once(options: argparse.Namespace, question: str, logs: list[str]) -> int:
    """Answer one question on stdout."""
    parts = _parts(options)
    request = _request(question, logs, vars(options))
    try:
        if options.json:
            answer = _last(Turn(request, parts).events())
            print_json(answer_to_json(answer))
        else:
            answer = _last(Turn(request, parts).events(), Printer().show)
            _tell_struck(len(answer.struck))
    except NothingToSay as error:
        if options.json:
            print_json({"schema": ASK_SCHEMA, "question": question, "judged": False, "error": str(error)})
        return Exit.NOT_JUDGED
    return Exit.NOT_JUDGED if logs and not answer.is_judged else Exit.DONE


def answer_batch(options: argparse.Namespace, items: Iterable[dict[str, Any] | FtchatError]) -> int:
    """Answer many questions, one JSON object a line, models loaded once."""
    parts = _parts(options)
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


def _parts(options: argparse.Namespace) -> Parts:
    model = NO_MODEL if options.no_llm else options.llm
    return real_parts(load_settings({"cache": options.cache, "model": model, "cards": options.cards}))


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
    return Request(question, sources, read_config(Path(config)) if config else {}, notes)


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
