"""Every card that answers may use: ours, and a team's own from a folder of theirs.

A team's card keeps the same rules as ours. One that breaks them is told of and left out, so that a bad file in a
shared folder does not stop everybody's answers.
"""

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowledge.card import CARDS_FOLDER, Card, find_related_faults, load_cards, load_knobs, read_card
from tools.errors import BadInput

NO_CARDS = ("readme.md", "contributing.md", "changelog.md")  # what people put beside cards


@dataclass(frozen=True, slots=True)
class FolderReading:
    """What a folder of cards holds.

    Attributes:
        cards: the sound ones by id.
        faults: one line a fault, with the file it is in.
    """

    cards: dict[str, Card]
    faults: tuple[str, ...]


def load_all_cards(team_folder: Path | None, report: Callable[[str], None]) -> dict[str, Card]:
    """Load our cards and the team's sound ones, by id, ours first.

    Args:
        team_folder: the folder of the team's cards, None where there is none.
        report: is told each fault of a team's card in one line; that card is left out.

    Raises:
        CardError: a card of our own breaks a rule.
    """
    ours = load_cards()
    if team_folder is None:
        return dict(ours)
    reading = read_folder(team_folder, ours)
    for fault in reading.faults:
        report(f"team card left out: {fault}")
    return {**ours, **reading.cards}


def read_folder(folder: Path, ours: Mapping[str, Card]) -> FolderReading:
    """Read a team's folder, the files beside its cards such as README.md aside.

    Args:
        folder: its files `*.md` are cards; folders within are not read.
        ours: cards whose ids are taken, and which may be named as related; none when the folder is our own.
    """
    if not folder.is_dir():
        return FolderReading({}, (f"{folder}: there is no such folder",))
    read: dict[str, Card] = {}
    faults: list[str] = []
    paths = sorted(path for path in folder.glob("*.md") if path.name.lower() not in NO_CARDS)
    known = ours.keys() | {path.stem for path in paths}
    for path in paths:
        card, found = read_card(path, load_knobs(), "team" if ours else "ftchat")
        if card is not None and card.id in ours:
            found = [_tell_taken(card.id)]
        elif card is not None:
            found = list(find_related_faults(card, known))
        if card is not None and not found:
            read[card.id] = card
        faults += [f"{path}: {fault}" for fault in found]
    return FolderReading(read, tuple(faults))


def check_folder(folder: Path) -> FolderReading:
    """Read a folder of cards with every rule, whether it is a team's or our own."""
    is_ours = folder.is_dir() and folder.resolve() == CARDS_FOLDER.resolve()
    return read_folder(folder, {} if is_ours else load_cards())


def add_card(path: Path, team_folder: Path, *, replace: bool = False) -> Card:
    """Copy a card that keeps every rule into a team's folder, which is made where it is missing.

    Args:
        replace: whether a card of this id that is there already is overwritten.

    Raises:
        BadInput: the card breaks a rule, its id is taken, or the folder cannot be written.
    """
    ours = load_cards()
    card, faults = read_card(path, load_knobs(), "team")
    if card is None:
        raise BadInput(f"{path}: {'; '.join(faults)}")
    known = ours.keys() | {other.stem for other in team_folder.glob("*.md")}
    faults = [_tell_taken(card.id)] if card.id in ours else list(find_related_faults(card, known))
    if faults:
        raise BadInput(f"{path}: {'; '.join(faults)}")
    target = team_folder / f"{card.id}.md"
    if target.exists() and not replace:
        raise BadInput(f"{target} is there already; give --replace to overwrite it")
    _write_whole(path.read_bytes(), target)
    return card


def _tell_taken(card_id: str) -> str:
    return f"'id' '{card_id}' is one of ftchat's own cards; give it another, such as 'our_{card_id}'"


def _write_whole(content: bytes, target: Path) -> None:
    """Write beside the target and rename, so that nobody reads half a card."""
    scratch = target.with_name(f".{target.stem}-{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(content)
        scratch.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise BadInput(f"{target}: cannot be written ({error.strerror})") from None
