"""Puts the real parts together for a turn: cards, their index, the chosen language model."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.render import make_visible
from assistant.settings import NO_MODEL, Settings
from assistant.turn_input import Parts, Speaker
from knowledge.card import Card, card_by_id, load_knobs
from knowledge.card_library import load_all_cards
from knowledge.retrieval import CardHit, find_cards
from tools.errors import NotAvailable

if TYPE_CHECKING:
    from assistant.chat_models import OpenModel
    from assistant.llm import LlamaChat
    from assistant.prompts import Mode
    from knowledge.index import CardIndex

DONE = "the card index is ready"


def real_parts(settings: Settings) -> Parts:
    """The parts of this installation."""

    @cache
    def library() -> dict[str, Card]:
        return load_library(settings)

    def load_card(card_id: str) -> Card:
        return library()[card_id] if settings.cards else card_by_id(card_id)

    find = CardSearch(settings, library).find
    is_mute = settings.model == NO_MODEL
    return Parts(load_card, load_knobs(), find, None if is_mute else SpeakerSource(settings).open)


def load_library(settings: Settings) -> dict[str, Card]:
    """Our cards and those of the team's folder; what is wrong with theirs is said on stderr."""
    return load_all_cards(Path(settings.cards) if settings.cards else None, lambda text: report(make_visible(text)))


def open_or_build(cache_folder: Path, cards: Mapping[str, Card], chroma_url: str = "") -> "CardIndex":
    """Open the index of these cards, and build it first where it is missing, old or damaged."""
    from knowledge.index import ensure_index

    said: list[str] = []

    def listen(text: str) -> None:
        said.append(text)
        report_progress(text)

    index = ensure_index(cards, cache_folder, listen, chroma_url)
    if said:
        report_progress(DONE)
    return index


class SpeakerSource:
    """Opens the chosen model once, and makes it ready for each turn.

    Its writer stays the same from turn to turn: so do the marks in its prompts, and what a prompt shares with the one
    before is not read again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._speaker: Speaker | None = None
        self._model: LlamaChat | None = None
        self._lock = threading.Lock()

    def open(self) -> Speaker:
        """The model for one turn, with its own way to be stopped; a turn that answers at once is told from it.

        Raises:
            FtchatError: it is not there, or cannot be opened.
        """
        from assistant.llama_engine import Cancellation

        with self._lock:
            speaker = self._speaker or self._open()
            self._speaker = speaker
            cancelled = Cancellation()
            if self._model is not None:
                self._model.cancelled = cancelled
        return replace(speaker, stop=cancelled.set)

    def _open(self) -> Speaker:
        from assistant.chat_models import open_chat_model
        from assistant.llm import LlamaChat

        opened = open_chat_model(self._settings)
        self._model = opened.model if isinstance(opened.model, LlamaChat) else None
        return make_speaker(opened, self._settings)


def make_speaker(opened: "OpenModel", settings: Settings) -> Speaker:
    """A model as turns use it: what it may do is what its probe has shown."""
    from assistant.probe_score import load_score, remote_key
    from assistant.words import Writer

    key = opened.file_hash or remote_key(opened.name, settings.model_url)
    score = load_score(Path(settings.cache), key)
    mode: Mode = "narrate" if score is not None and score.may_narrate else "compose"
    writer = Writer(opened.model, opened.name, mode, opened.context_tokens)
    may_call = score is not None and score.may_call_tools
    versions = {"model": opened.name, "weights": key, "probe": score.version if score else ""}
    return Speaker(writer, opened.model if may_call else None, opened.context_tokens, versions=versions)


class CardSearch:
    """Finds cards; by their words alone, and said so once, where the index can be neither opened nor built."""

    def __init__(self, settings: Settings, cards: Callable[[], Mapping[str, Card]]) -> None:
        self._settings, self._cards = settings, cards
        self._index: CardIndex | None = None

    def find(self, question: str, finding_ids: Sequence[str]) -> list[CardHit]:
        """Find the cards of a question and of findings."""
        if not question:
            return [CardHit(name, 1.0, "", "finding") for name in finding_ids]
        try:
            self._index = self._index or open_or_build(
                Path(self._settings.cache), self._cards(), self._settings.chroma_url
            )
            return find_cards(question, self._index, finding_ids)
        except NotAvailable as fault:
            from knowledge.index import open_by_words

            report(f"{fault}; until then cards are found by their words alone")
            self._index = open_by_words(self._cards())
            return find_cards(question, self._index, finding_ids)


def report(text: str) -> None:
    """Say on stderr what takes a while."""
    print(f"ftchat: {text}", file=sys.stderr, flush=True)


def report_progress(text: str) -> None:
    """Say how far a long work is: on one line of a terminal, and elsewhere only where a new piece begins."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[Kftchat: {text}")
        sys.stderr.flush()
        if text == DONE:
            sys.stderr.write("\n")
    elif not any(character.isdigit() for character in text):
        report(text)
