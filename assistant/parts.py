"""Puts the real parts together for a turn: cards, their index, the embedded model."""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.retrieval import CardHit, find_cards

from assistant.agent import Parts
from assistant.settings import NO_MODEL, Settings
from knowledge.card import card_by_id, load_cards, load_knobs

if TYPE_CHECKING:
    from assistant.words import Writer
    from knowledge.index import CardIndex


def real_parts(settings: Settings) -> Parts:
    """The parts of this installation."""
    cache_folder = Path(settings.cache)

    @cache
    def index() -> "CardIndex":
        from knowledge.index import ensure_index  # noqa: PLC0415  chromadb takes its time

        return ensure_index(load_cards(), cache_folder, report)

    @cache
    def writer() -> "Writer":
        from assistant.llm import LlamaChat  # noqa: PLC0415
        from assistant.models import find_model  # noqa: PLC0415
        from assistant.words import Writer  # noqa: PLC0415

        found = find_model(settings.model, cache_folder)
        model = LlamaChat(model_path=found.path)
        model.load()
        return Writer(model, found.name, load_knobs())

    def find(question: str, finding_ids: Sequence[str]) -> list[CardHit]:
        if not question:
            return [CardHit(name, 1.0, "", "finding") for name in finding_ids]
        return find_cards(question, index(), finding_ids)

    return Parts(card_by_id, load_knobs(), find, None if settings.model == NO_MODEL else writer)


def report(text: str) -> None:
    """Say on stderr what takes a while."""
    print(f"ftchat: {text}", file=sys.stderr, flush=True)
