"""A card's file taken apart: front matter with typed fields, and sections; every fault is noted."""

import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tools.errors import FtchatError

MAX_CARD_BYTES = 200_000  # some twenty times the longest card of our own
SECTIONS = ("What you see", "Why it happens", "Check this first", "Then do this", "When it is not this")
FIELDS = frozenset({"id", "title", "family", "signs", "suspects", "moves", "related", "phrases", "versions", "sources"})


class CardError(FtchatError):
    """A card breaks its rules; the message names file and field."""


def read_card_text(path: Path) -> str:
    """Read a card's file as text.

    Raises:
        CardError: it is no ordinary file, too large, or not UTF-8; the message does not name the file.
    """
    try:
        if not path.is_file():
            raise CardError("is no ordinary file" if path.exists() else "does not exist")
        if path.stat().st_size > MAX_CARD_BYTES:
            raise CardError(f"is larger than {MAX_CARD_BYTES} bytes, which no card needs")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"cannot be read ({error})") from None


def split_card(text: str) -> tuple[dict[str, Any], str]:
    """Split a card's text into its front matter and the Markdown below.

    Raises:
        CardError: there is no front matter, or it is not YAML.
    """
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise CardError("must start with front matter between two lines of '---'")
    return load_mapping(parts[1]), parts[2]


def load_mapping(text: str) -> dict[str, Any]:
    """Read YAML whose top is a mapping.

    Raises:
        CardError: it is not YAML, or something else than a mapping.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loaded = yaml.load(text, Loader=loader)  # noqa: S506  both loaders are safe ones
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CardError(f"not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(loaded, dict):
        raise CardError(f"must be a mapping, got {type(loaded).__name__}")
    return loaded


def split_sections(body: str) -> dict[str, str]:
    """Split the Markdown below the front matter at its second-level headings: text by heading."""
    sections: dict[str, str] = {}
    for part in body.split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        sections[heading.strip()] = text.strip()
    return sections


def name_fields(front: Iterable[object]) -> list[str]:
    """The faults of a front matter's field names: what it lacks, and what is not known."""
    names = {str(name) for name in front}
    lacking = [f"front matter lacks '{name}'" for name in sorted(FIELDS - names)]
    return lacking + [f"front matter has unknown '{name}'" for name in sorted(names - FIELDS)]


class FieldReader:
    """Reads typed fields out of one card's front matter, and notes a fault for each that breaks its rule.

    A field that is absent gives an empty value without a fault: `name_fields` tells of those.
    """

    def __init__(self, front: dict[str, Any]) -> None:
        self._front = front
        self.faults: list[str] = []

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self._front.get(name, "absent")
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.faults.append(f"'{name}' must be text, got {reprlib.repr(value)}")
        return ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, at least one and none empty."""
        value = self._front.get(name, ["absent"])
        if isinstance(value, list) and value and all(isinstance(item, str) and item.strip() for item in value):
            return tuple(item.strip() for item in value)
        self.faults.append(f"'{name}' must be a list of at least one text, got {reprlib.repr(value)}")
        return ()

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words."""
        value = self.text(name)
        if value and value not in allowed and name in self._front:
            self.faults.append(f"'{name}' must be one of {', '.join(allowed)}, got '{value}'")
        return value

    def records(self, name: str, keys: tuple[str, ...]) -> list[dict[str, str]]:
        """A list of mappings, each with a text for every key."""
        value = self._front.get(name, [])
        if not isinstance(value, list) or not value:
            if name in self._front:
                self.faults.append(f"'{name}' must be a list with at least one entry")
            return []
        return [item for number, item in enumerate(value, start=1) if self._is_record(name, number, item, keys)]

    def _is_record(self, name: str, number: int, item: object, keys: tuple[str, ...]) -> bool:
        where = f"'{name}' entry {number}"
        if not isinstance(item, dict):
            self.faults.append(f"{where} must have {', '.join(keys)}, got {reprlib.repr(item)}")
            return False
        wrong = [f"{where} lacks '{key}'" for key in keys if key not in item]
        wrong += [f"{where} has unknown '{key}'" for key in map(str, item) if key not in keys]
        wrong += [
            f"{where}: '{key}' must be text that is not empty" for key in keys if not _is_text(item.get(key, "-"))
        ]
        self.faults += wrong
        return not wrong


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
