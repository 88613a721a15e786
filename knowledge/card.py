"""A pitfall card: what it holds, and how it is read from its Markdown file and checked."""

import difflib
import re
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

from knowledge.card_file import (
    SECTIONS,
    CardError,
    FieldReader,
    load_mapping,
    name_fields,
    read_card_text,
    split_card,
    split_sections,
)

Direction = Literal["raise", "lower", "set", "enable", "disable", "add", "remove", "inspect"]
Family = Literal["optimisation", "generalisation", "memory", "data", "evaluation", "crash"]
Origin = Literal["ftchat", "team"]

CARDS_FOLDER = Path(__file__).parent / "cards"
KNOBS_FILE = Path(__file__).parent / "knobs.yaml"
MIN_PHRASES = 15

_ID = re.compile(r"[a-z][a-z0-9_]{1,59}")


@dataclass(frozen=True, slots=True)
class Suspect:
    """One cause that could be behind the sign, and the check that tells it from the others."""

    cause: str
    check: str


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to change: which knob, which way, typically how much, and what it costs."""

    knob: str
    direction: Direction
    amount: str
    cost: str


@dataclass(frozen=True, slots=True)
class Card:
    """One pitfall: structured front matter and five short sections of prose.

    Attributes:
        sections: text by heading, in the order of SECTIONS.
        versions: what the card holds for, "any" when it does not depend on versions.
        origin: whose card it is, ours or the team's own.
    """

    id: str
    title: str
    family: Family
    signs: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    moves: tuple[Move, ...]
    related: tuple[str, ...]
    phrases: tuple[str, ...]
    versions: str
    sources: tuple[str, ...]
    sections: dict[str, str]
    origin: Origin = "ftchat"


@dataclass(frozen=True, slots=True)
class Knob:
    """Something a person can change.

    Attributes:
        name: the identifier that moves use.
        label: how it reads in the middle of a sentence.
        aliases: other words for it, by which advice in free text is recognised.
    """

    name: str
    label: str
    aliases: tuple[str, ...]


def read_card(path: Path, knobs: dict[str, Knob], origin: Origin = "ftchat") -> tuple[Card | None, list[str]]:
    """Read one card and check every rule that does not need the other cards.

    Returns:
        The card and no fault, or no card and what is wrong with its file, one line a fault without the file's name.
    """
    try:
        front, body = split_card(read_card_text(path))
    except CardError as error:
        return None, [str(error)]
    reader = FieldReader(front)
    card = Card(
        id=reader.text("id"),
        title=reader.text("title"),
        family=cast(Family, reader.choice("family", get_args(Family))),
        signs=reader.texts("signs"),
        suspects=tuple(Suspect(**item) for item in reader.records("suspects", ("cause", "check"))),
        moves=tuple(
            Move(item["knob"], cast(Direction, item["direction"]), item["amount"], item["cost"])
            for item in reader.records("moves", ("knob", "direction", "amount", "cost"))
        ),
        related=reader.texts("related"),
        phrases=reader.texts("phrases"),
        versions=reader.text("versions"),
        sources=reader.texts("sources"),
        sections=split_sections(body),
        origin=origin,
    )
    faults = [*name_fields(front), *reader.faults]
    if not faults:
        faults = [*_find_text_faults(path, card), *_find_move_faults(card, knobs)]
    return (None, faults) if faults else (card, [])


def load_card(path: Path, knobs: dict[str, Knob]) -> Card:
    """Read one card and check every rule that does not need the other cards.

    Raises:
        CardError: the file cannot be read or a field breaks its rule.
    """
    card, faults = read_card(path, knobs)
    if card is None:
        raise CardError(f"{path}: {faults[0]}")
    return card


@cache
def load_knobs(path: Path = KNOBS_FILE) -> dict[str, Knob]:
    """Read the vocabulary of knobs: name -> label and aliases."""
    loaded = load_mapping(path.read_text(encoding="utf-8"))
    return {
        name: Knob(name, str(entry["label"]), tuple(str(alias) for alias in entry.get("aliases", [])))
        for name, entry in loaded.items()
    }


@cache
def list_card_words(folder: Path = CARDS_FOLDER) -> frozenset[str]:
    """Every word of the project's cards in lower case, phrases and prose alike: the vocabulary of what is covered."""
    texts = (path.read_text(encoding="utf-8").lower() for path in folder.glob("*.md"))
    return frozenset(word for text in texts for word in re.findall(r"[a-z]{2,}", text))


@cache
def card_by_id(card_id: str) -> Card:
    """Read one card of the project without reading the others.

    Raises:
        CardError: there is no such card, or it breaks a rule.
    """
    return load_card(CARDS_FOLDER / f"{card_id}.md", load_knobs())


@cache
def load_cards(folder: Path = CARDS_FOLDER) -> dict[str, Card]:
    """Read every card of a folder, by id, and check that related cards exist.

    Raises:
        CardError: a card breaks a rule, or names a related card that does not exist.
    """
    knobs = load_knobs()
    cards = {card.id: card for card in (load_card(path, knobs) for path in sorted(folder.glob("*.md")))}
    for card in cards.values():
        for fault in find_related_faults(card, cards):
            raise CardError(f"{folder / card.id}.md: {fault}")
    return cards


def find_related_faults(card: Card, known: Container[str]) -> Iterator[str]:
    """Tell which related cards do not exist."""
    for name in card.related:
        if name not in known:
            yield f"'related' names '{name}', and there is no such card"


def _find_text_faults(path: Path, card: Card) -> Iterator[str]:
    if card.id != path.stem:
        yield f"'id' must be the file's name, got '{card.id}'"
    if not _ID.fullmatch(card.id):
        yield f"'id' must be small letters, digits and underscores, got '{card.id}'"
    if len(card.phrases) < MIN_PHRASES:
        yield f"'phrases' must hold at least {MIN_PHRASES}, got {len(card.phrases)}"
    if len({phrase.lower() for phrase in card.phrases}) < len(card.phrases):
        yield "'phrases' holds the same phrase twice"
    if card.id in card.related:
        yield "'related' names the card itself"
    if tuple(card.sections) != SECTIONS or not all(card.sections.values()):
        yield f"must have the sections {', '.join(SECTIONS)}, in this order, none empty"


def _find_move_faults(card: Card, knobs: dict[str, Knob]) -> Iterator[str]:
    for number, move in enumerate(card.moves, start=1):
        if move.direction not in get_args(Direction):
            yield f"'moves' entry {number}: direction must be one of {', '.join(get_args(Direction))}"
        if move.knob not in knobs:
            near = difflib.get_close_matches(move.knob, knobs, n=3) or sorted(knobs)[:3]
            yield f"'moves' entry {number}: knob '{move.knob}' is not in {KNOBS_FILE.name}, which has {', '.join(near)}"
    for knob, count in Counter(move.knob for move in card.moves).items():
        if count > 1:
            yield f"'moves' turns '{knob}' {count} times; an answer names a knob once, so the others would be lost"
