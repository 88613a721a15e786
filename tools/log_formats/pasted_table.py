"""Tables of metrics inside console text: pasted from a notebook, printed by pandas, drawn in boxes or in Markdown."""

import re
from dataclasses import replace

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import COORDINATES, MISSING, Columns, name_columns, read_cell

MAX_LENGTH = 4000
HEADER_MARKERS: tuple[bytes, ...] = (b"oss", b"validation", b"Running evaluation for")
"""Only a line that holds one of these can open a table."""

_PLACE_WORD = lazy_pattern(r"step|epoch|iter", re.IGNORECASE)
_BARS = lazy_pattern(r"[|│┃║]")
_GAPS = lazy_pattern(r" {2,}|\t")
_RULE = lazy_pattern(r"[\s|│┃║:+=\-─━═╌┄╒╤╕╞╪╡├┼┤╘╧╛┌┬┐└┴┘┏┳┓┡╇┩┗┻┛╔╦╗╠╬╣╚╩╝╭╮╰╯]*")
_CLOCK = lazy_pattern(r"[\d:.]{1,20}s?")
_WORD = lazy_pattern(r"[A-Za-z_#][\w/%#.\-]*(?: [\w/%#.\-]{1,40}){0,2}")
_LUDWIG_PLACE = lazy_pattern(r"Running evaluation for step: (\d{1,12}), epoch: (\d{1,9})")
_STRICT = ("commas", "words")
"""Layouts that prose may have as well, so that each word of the header must be a name and each cell a number."""
_SPLITS = {"train": "loss", "validation": "eval_loss"}


class PastedTable:
    """Reads tables that come line by line between other text, remembering the last header.

    Source:
        transformers: utils/notebook.py and modelcard.py; fastai/callback/progress.py; Ludwig:
        utils/metrics_printed_table.py.

    Example:
        >>> table = PastedTable()
        >>> [table.read(line) for line in ("Step  Training Loss", "10  1.5", "done", "20  1.25")]
        [None, {'step': 10.0, 'loss': 1.5}, None, None]
    """

    def __init__(self) -> None:
        self._columns: Columns | None = None
        self._layout = ""
        self._splits: list[str] = []
        self._place: dict[str, float] = {}

    @property
    def is_open(self) -> bool:
        """Whether a header is remembered, so that every line that no other reader took matters."""
        return self._columns is not None or bool(self._splits)

    def read(self, text: str) -> dict[str, float] | None:
        """Take a line without colours and prefixes.

        Returns:
            The values of a row under canonical names; None where the line is a header, a rule, or no part of a table.
        """
        if len(text) > MAX_LENGTH or (self.is_open and _RULE.fullmatch(text)):
            return None
        values = self._read_split_row(text) if self._splits else self._read_row(text) if self._columns else None
        if values is None and not (self._splits and _BARS.search(text)):
            self._columns, self._splits = None, []
            self._read_header(text)
        return values

    def _read_row(self, text: str) -> dict[str, float] | None:
        columns = self._columns
        if columns is None:
            return None
        cells = _split(text, self._layout)
        if columns.is_dump and len(cells) == len(columns.names) + 1 and cells[0].isdigit():
            cells = cells[1:]
        values = columns.read_row(cells)
        if not values or COORDINATES.issuperset(values) or COORDINATES.isdisjoint(values):
            return None
        is_strict = self._layout in _STRICT
        return None if is_strict and not all(map(_is_plain_cell, cells)) else values

    def _read_header(self, text: str) -> None:
        place = _LUDWIG_PLACE.search(text)
        if place:
            self._place = {"step": float(place[1]), "epoch": float(place[2])}
            return
        bars = _split(text, "bars")
        if bars[:1] == [""] and {"train", "validation"} <= set(bars):
            self._splits = bars
        if not _PLACE_WORD.search(text):
            return
        for layout in ("bars", "gaps", "commas", "words"):
            cells = _split(text, layout)
            columns = name_columns(cells)
            is_table = layout not in _STRICT or (all(map(_WORD.fullmatch, cells)) and _are_unlike(cells))
            if columns and is_table:
                is_dump = text.startswith(" ") and layout == "gaps"
                self._columns, self._layout = replace(columns, is_dump=columns.is_dump or is_dump), layout
                return

    def _read_split_row(self, text: str) -> dict[str, float] | None:
        """Read a row of a table whose columns are the training and the validation data, as Ludwig draws it."""
        cells = _split(text, "bars")
        if len(cells) != len(self._splits) or cells[0] != "combined_loss":
            return None
        found = {
            _SPLITS[name]: read_cell(cell) for name, cell in zip(self._splits, cells, strict=True) if name in _SPLITS
        }
        values = {name: value for name, value in found.items() if value is not None}
        return {**self._place, **values} if values else None


def _split(text: str, layout: str) -> list[str]:
    """Split a line into cells; fewer than two where it has not this layout."""
    text = text.rstrip()
    if layout == "bars":
        cells = [cell.strip() for cell in _BARS.split(text.strip())]
        inner = cells[1:] if cells[0] == "" else cells
        return inner[:-1] if inner and inner[-1] == "" and len(cells) > 2 else inner
    if layout == "gaps":
        return [cell.strip() for cell in (text.split("\t") if "\t" in text else _GAPS.split(text.strip()))]
    if layout == "commas":
        return [cell.strip() for cell in text.split(",")]
    for name in ("Training Loss", "Validation Loss", "No log"):
        text = text.replace(name, name.replace(" ", "_"))
    return [cell.replace("No_log", "No log") for cell in text.split()]


def _are_unlike(cells: list[str]) -> bool:
    return len({cell.lower() for cell in cells}) == len(cells)


def _is_plain_cell(cell: str) -> bool:
    return read_cell(cell) is not None or cell.strip().lower() in MISSING or bool(_CLOCK.fullmatch(cell.strip()))
