"""Runs a case through the real turn: the same reading, diagnosis, cards and words that a person gets."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.agent import NothingToSay, Parts, Request, Turn
from assistant.answer import Answer
from assistant.conversation import Conversation
from assistant.events import TextChunk, TurnEnded, WordsAwaited
from evals.answers.case import AnswerCase, Given
from evals.answers.logs import make_log
from tools.run_config import read_config


@dataclass(frozen=True, slots=True)
class Answered:
    """One turn's answer.

    Attributes:
        answer: None where the turn had nothing to say; error: why.
        log: the bytes of the turn's log, or of the last one before it; b"" where there was none.
        total_seconds: of the whole turn; to_findings, to_words: until the composed answer stood and until the model's
            first sentence after it, None where there was none.
    """

    given: Given
    answer: Answer | None
    error: str
    log: bytes
    total_seconds: float
    to_findings: float | None
    to_words: float | None


def run_case(case: AnswerCase, parts: Parts, folder: Path) -> Iterator[Answered]:
    """Run the turns of a case, each with what the turns before it left."""
    conversation = Conversation()
    log = b""
    for number, given in enumerate(case.turns):
        place = folder / f"{case.id}_{number}"
        place.mkdir(parents=True)
        request, own = make_request(given, place)
        log = own or log
        answered, conversation = _run_turn(given, request, parts, conversation, log)
        yield answered


def make_request(given: Given, folder: Path) -> tuple[Request, bytes]:
    """Write what a turn is given into files, and ask for them."""
    logs, data = [], b""
    if given.log:
        name, data = make_log(given.log)
        logs = [_write(folder / name, data)]
    settings = read_config(_write(folder / given.config_name, given.config.encode())) if given.config else {}
    datasets = [_write(folder / given.data_name, given.data.encode())] if given.data else []
    request = Request(given.question, logs, settings, model=given.model, gpu=given.gpu, data=datasets)
    return request, data


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _run_turn(
    given: Given, request: Request, parts: Parts, conversation: Conversation, log: bytes
) -> tuple[Answered, Conversation]:
    started = time.perf_counter()
    awaited = first = None
    answer, error = None, ""
    try:
        for event in Turn(request, parts, conversation).events():
            passed = time.perf_counter() - started
            if isinstance(event, WordsAwaited):
                awaited = passed
            elif isinstance(event, TextChunk) and first is None:
                first = passed
            elif isinstance(event, TurnEnded):
                answer, conversation = event.answer, event.conversation
    except NothingToSay as fault:
        error = str(fault)
    total = time.perf_counter() - started
    to_words = first - awaited if first is not None and awaited is not None else None
    return Answered(given, answer, error, log, total, awaited, to_words), conversation
