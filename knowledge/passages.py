"""The passages of the cards: every text that a question can be near to, or share words with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from knowledge.card import Card

Kind = Literal["signs", "phrase", "suspects", "moves"]

STORIES_FILE = Path(__file__).parent / "stories.md"


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a card that a question can be near to."""

    card_id: str
    kind: Kind
    text: str

    @property
    def tells_the_fault(self) -> bool:
        """Whether it says what a person sees; suspects and moves name settings, which any question may name."""
        return self.kind in ("signs", "phrase")


def list_passages(cards: Mapping[str, Card]) -> list[Passage]:
    """List signs, suspects and moves of each card as one text each, and every phrase; our cards have stories too."""
    passages: list[Passage] = []
    for card in cards.values():
        suspects = [f"{suspect.cause}: {suspect.check}" for suspect in card.suspects]
        moves = [f"{move.direction} {move.knob.replace('_', ' ')}: {move.amount}" for move in card.moves]
        stories = load_stories().get(card.id, ()) if card.origin == "ftchat" else ()
        passages.append(Passage(card.id, "signs", ". ".join((card.title, *card.signs))))
        passages.extend(Passage(card.id, "phrase", text) for text in (*card.phrases, *stories))
        passages.append(Passage(card.id, "suspects", ". ".join(suspects)))
        passages.append(Passage(card.id, "moves", ". ".join(moves)))
    return passages


@cache
def load_stories(path: Path = STORIES_FILE) -> dict[str, tuple[str, ...]]:
    """Read how people tell each of our pitfalls: card id -> stories."""
    stories: dict[str, list[str]] = {}
    told: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            told = stories.setdefault(line.removeprefix("## ").strip(), [])
        elif line.startswith("- "):
            told.append(line.removeprefix("- ").strip())
    return {card_id: tuple(texts) for card_id, texts in stories.items()}
