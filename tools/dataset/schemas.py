"""Which columns and which formats the rows of one set have, and which rows stand apart."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.dataset.columns import Layout, recognise_columns
from tools.dataset.hits import Hit, make_defect
from tools.dataset.report import MAX_PLACES, Defect, Format, Place, quote

MAX_SCHEMAS = 1000
MAX_COLUMNS = 200


@dataclass(slots=True)
class _Schema:
    """Rows with the same columns and the same format."""

    layout: Layout
    columns: tuple[str, ...]
    format: Format
    hit: Hit


class Schemas:
    """Tells each row's layout by its columns, and keeps count of both."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._schemas: dict[tuple[tuple[str, ...], Format], _Schema] = {}

    def layout(self, columns: tuple[str, ...]) -> Layout:
        """Where the parts of a row with these columns stand."""
        layout = self._layouts.get(columns)
        if layout is None:
            layout = recognise_columns(columns)
            if len(self._layouts) < MAX_SCHEMAS:
                self._layouts[columns] = layout
        return layout

    def see(self, columns: tuple[str, ...], layout: Layout, found: Format, place: Place) -> None:
        """Count a row by its columns and by the format that it turned out to have."""
        key = (columns if len(self._schemas) < MAX_SCHEMAS else (), found)
        schema = self._schemas.get(key)
        if schema is None:
            schema = self._schemas.setdefault(key, _Schema(layout, columns, found, Hit()))
        schema.hit.num_rows += 1
        if len(schema.hit.places) < MAX_PLACES:
            schema.hit.places.append(place)

    @property
    def format(self) -> Format:
        """The format of most rows."""
        counts: Counter[Format] = Counter()
        for schema in self._schemas.values():
            counts[schema.format] += schema.hit.num_rows
        return counts.most_common(1)[0][0] if counts else "unknown"

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names in the order in which they were met."""
        names = dict.fromkeys(name for schema in self._schemas.values() for name in schema.columns)
        return tuple(quote(str(name)) for name in list(names)[:MAX_COLUMNS])

    def defects(self, num_rows: int) -> Iterator[Defect]:
        """Rows that lack a column, and rows of another format than most."""
        usual = self.format
        known = {name for schema in self._schemas.values() if schema.format == usual for name in schema.columns}
        lacking, mixed = Hit(), Hit()
        for schema in self._schemas.values():
            if schema.format == usual == "unknown" and schema.layout.has_unknown:
                continue
            if schema.layout.missing:
                _merge(lacking, schema.hit, f"{' and '.join(schema.layout.missing)}, with {_tell(schema.columns)}")
            elif schema.format == usual:
                continue
            elif set(schema.columns) < known:
                _merge(lacking, schema.hit, f"they have only {_tell(schema.columns)}")
            else:
                _merge(mixed, schema.hit, f"{schema.format} with {_tell(schema.columns)}")
        for kind, hit in (("missing_column", lacking), ("mixed_format", mixed)):
            if hit.num_rows:
                hit.places.sort(key=lambda place: (place.file, place.row))
                yield make_defect(kind, hit, num_rows)


def _merge(hit: Hit, other: Hit, detail: str) -> None:
    hit.num_rows += other.num_rows
    hit.places += other.places[: MAX_PLACES - len(hit.places)]
    hit.details[detail] += other.num_rows


def _tell(columns: tuple[str, ...]) -> str:
    shown = ", ".join(quote(str(name), 24) for name in columns[:5])
    return f"{shown}, …" if len(columns) > 5 else shown or "no column"


def as_object(value: Any) -> Mapping[str, Any] | None:
    """A row as an object: an object as it stands, a text as a text row, a list of turns as a chat; else None.

    Example:
        >>> as_object("a line"), as_object(3)
        ({'text': 'a line'}, None)
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return {"messages": value}
    return None
