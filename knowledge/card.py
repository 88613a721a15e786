"""A pitfall card: what it holds, and how it is read from its Markdown file and checked."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from tools.errors import FtchatError

Direction = Literal["raise", "lower", "set", "enable", "disable", "add", "remove", "inspect"]
Family = Literal["optimisation", "generalisation", "memory", "data", "evaluation", "crash"]

CARDS_FOLDER = Path(__file__).parent / "cards"
KNOBS_FILE = Path(__file__).parent / "knobs.yaml"
MIN_PHRASES = 15
SECTIONS = ("What you see", "Why it happens", "Check this first", "Then do this", "When it is not this")
FIELDS = frozenset({"id", "title", "family", "signs", "suspects", "moves", "related", "phrases", "versions", "sources"})


class CardError(FtchatError):
    """A card breaks its rules; the message names file and field."""


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


def load_card(path: Path, knobs: dict[str, Knob]) -> Card:
    """Read one card and check every rule that does not need the other cards.

    Raises:
        CardError: the file cannot be read or a field breaks its rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: cannot be read ({error})") from None
    front, body = _split_front_matter(path, text)
    missing, unknown = FIELDS - front.keys(), front.keys() - FIELDS
    if missing or unknown:
        words = [f"lacks '{name}'" for name in sorted(missing)] + [f"has unknown '{name}'" for name in sorted(unknown)]
        raise CardError(f"{path}: front matter {', '.join(words)}")
    reader = _FieldReader(path, front)
    card = Card(
        id=reader.text("id"),
        title=reader.text("title"),
        family=cast(Family, reader.choice("family", get_args(Family))),
        signs=reader.texts("signs"),
        suspects=tuple(Suspect(**item) for item in reader.records("suspects", ("cause", "check"))),
        moves=tuple(Move(**item) for item in reader.records("moves", ("knob", "direction", "amount", "cost"))),
        related=reader.texts("related"),
        phrases=reader.texts("phrases"),
        versions=reader.text("versions"),
        sources=reader.texts("sources"),
        sections=_split_sections(path, body),
    )
    _check_card(path, card, knobs)
    return card


@cache
def load_knobs(path: Path = KNOBS_FILE) -> dict[str, Knob]:
    """Read the vocabulary of knobs: name -> label and aliases."""
    loaded = _load_yaml(path, path.read_text(encoding="utf-8"))
    return {
        name: Knob(name, str(entry["label"]), tuple(str(alias) for alias in entry.get("aliases", [])))
        for name, entry in loaded.items()
    }


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
        for name in card.related:
            if name not in cards:
                raise CardError(f"{folder / card.id}.md: 'related' names '{name}', and there is no such card")
    return cards


class _FieldReader:
    """Reads typed fields out of one card's front matter; errors name file and field."""

    def __init__(self, path: Path, front: dict[str, Any]) -> None:
        self._path, self._front = path, front

    def text(self, name: str) -> str:
        value = self._front[name]
        if not isinstance(value, str) or not value.strip():
            raise CardError(f"{self._path}: '{name}' must be text, got {value!r}")
        return value.strip()

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._front[name]
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise CardError(f"{self._path}: '{name}' must be a list of texts, got {value!r:.80}")
        return tuple(item.strip() for item in value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise CardError(f"{self._path}: '{name}' must be one of {', '.join(allowed)}, got '{value}'")
        return value

    def records(self, name: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
        value = self._front[name]
        if not isinstance(value, list) or not value:
            raise CardError(f"{self._path}: '{name}' must be a list with at least one entry")
        for number, item in enumerate(value, start=1):
            if not isinstance(item, dict) or set(item) != set(keys):
                raise CardError(f"{self._path}: '{name}' entry {number} must have exactly {', '.join(keys)}")
            if not all(isinstance(item[key], str) and item[key].strip() for key in keys):
                raise CardError(f"{self._path}: '{name}' entry {number} has an empty or non-text value")
        return value


def _check_card(path: Path, card: Card, knobs: dict[str, Knob]) -> None:
    if card.id != path.stem:
        raise CardError(f"{path}: 'id' must be the file's name, got '{card.id}'")
    if len(card.phrases) < MIN_PHRASES:
        raise CardError(f"{path}: 'phrases' must hold at least {MIN_PHRASES}, got {len(card.phrases)}")
    if len({phrase.lower() for phrase in card.phrases}) < len(card.phrases):
        raise CardError(f"{path}: 'phrases' holds the same phrase twice")
    for number, move in enumerate(card.moves, start=1):
        if move.direction not in get_args(Direction):
            allowed = ", ".join(get_args(Direction))
            raise CardError(f"{path}: 'moves' entry {number}: direction must be one of {allowed}")
        if move.knob not in knobs:
            raise CardError(f"{path}: 'moves' entry {number}: knob '{move.knob}' is not in {KNOBS_FILE.name}")


def _split_front_matter(path: Path, text: str) -> tuple[dict[str, Any], str]:
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise CardError(f"{path}: must start with front matter between two lines of '---'")
    return _load_yaml(path, parts[1]), parts[2]


def _load_yaml(path: Path, text: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loaded = yaml.load(text, Loader=loader)  # noqa: S506  both loaders are safe ones
    except yaml.YAMLError as error:
        raise CardError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(loaded, dict):
        raise CardError(f"{path}: must be a mapping, got {type(loaded).__name__}")
    return loaded


def _split_sections(path: Path, body: str) -> dict[str, str]:
    sections: dict[str, str] = {}
    for part in body.split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        sections[heading.strip()] = text.strip()
    if tuple(sections) != SECTIONS or not all(sections.values()):
        raise CardError(f"{path}: must have the sections {', '.join(SECTIONS)}, in this order, none empty")
    return sections
