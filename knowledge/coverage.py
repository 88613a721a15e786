"""Checks that the cards hold what the seed documents say: every claim names the part of a card that must hold it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowledge.card import Card
from knowledge.card_file import SECTIONS, load_mapping

LIST_PARTS = ("signs", "suspects", "moves", "sources")
DOUBT = "doubtful"


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a seed document, in our words.

    Attributes:
        part: a section's heading, or one of LIST_PARTS.
        words: texts that the part must hold, in this order.
        is_doubtful: the seed gives no evidence for it, so the part must call it doubtful.
    """

    text: str
    card: str
    part: str
    words: tuple[str, ...]
    is_doubtful: bool


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed document: its claims, and what in it claims nothing.

    Attributes:
        title: as the cards name it among their sources.
    """

    name: str
    title: str
    claims: tuple[Claim, ...]
    passed_over: tuple[str, ...]


def load_seeds(path: Path) -> tuple[Seed, ...]:
    """Read the claims of every seed document from YAML.

    Raises:
        CardError: the file is not YAML.
        KeyError: an entry lacks a field.
    """
    loaded = load_mapping(path.read_text(encoding="utf-8"))
    return tuple(
        Seed(
            name=name,
            title=entry["title"],
            claims=tuple(
                Claim(one["claim"], one["card"], one["part"], tuple(one["words"]), bool(one.get("doubtful", False)))
                for one in entry["claims"]
            ),
            passed_over=tuple(entry["passed_over"]),
        )
        for name, entry in loaded.items()
    )


def find_coverage_faults(seeds: tuple[Seed, ...], cards: Mapping[str, Card]) -> Iterator[str]:
    """Tell of every claim that the card named for it does not hold."""
    for seed in seeds:
        for claim in seed.claims:
            where = f"{seed.name} '{claim.text}'"
            if claim.card not in cards:
                yield f"{where}: there is no card '{claim.card}'"
            elif claim.part not in (*SECTIONS, *LIST_PARTS):
                yield f"{where}: a card has no part '{claim.part}'"
            else:
                yield from (f"{where}: {fault}" for fault in _check_claim(seed, claim, cards[claim.card]))


def read_part(card: Card, part: str) -> str:
    """The text of one part of a card on one line; moves are numbered and name knob and direction."""
    texts: list[str] = {
        "signs": list(card.signs),
        "suspects": [f"{one.cause}: {one.check}" for one in card.suspects],
        "moves": [
            f"{number}. {move.direction} {move.knob} {move.amount} ({move.cost})"
            for number, move in enumerate(card.moves, start=1)
        ],
        "sources": list(card.sources),
    }.get(part, [card.sections.get(part, "")])
    return " ".join("; ".join(texts).split())


def _check_claim(seed: Seed, claim: Claim, card: Card) -> Iterator[str]:
    text = read_part(card, claim.part).lower()
    place = 0
    for words in claim.words:
        found = text.find(words.lower(), place)
        if found < 0:
            yield f"card '{card.id}', {claim.part}, does not hold '{words}'" + (" in its place" if place else "")
            return
        place = found + len(words)
    if not claim.words:
        yield "names no words to look for"
    if claim.is_doubtful and DOUBT not in text:
        yield f"card '{card.id}', {claim.part}, does not call it {DOUBT}"
    if seed.title not in card.sources:
        yield f"card '{card.id}' does not name '{seed.title}' among its sources"
