"""Objects of a JSON file as records and settings, each value with its line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import MAX_QUOTED_BYTES, decode
from tools.log_formats.record import Record, canonical_name, kind_of
from tools.log_formats.settings import CONFIG_NAMES, read_value
from tools.run import Line, Setting

Locate = Callable[[int], tuple[int, bytes]]
"""The first line's number and the text of an object, by its place among those that were loaded together."""

_KEY = lazy_pattern(rb'"([^"\\]+)"\s*:')
_TOP_LEVEL = lazy_pattern(
    rb'"(%s)"[ \t]{0,8}:[ \t]{0,8}("[^"\n]{0,400}"|[^\s,{}\[\]"]{1,400})' % "|".join(CONFIG_NAMES).encode()
)


def make_record(
    names: Sequence[str], rows: Sequence[Sequence[float]], places: Sequence[int], locate: Locate, index: int
) -> Record:
    """The record of one of several rows."""
    number, text = locate(places[index])
    values = dict(zip(names, map(float, rows[index]), strict=True))
    first, _, rest = text.partition(b"\n")
    lines = LinesOfKeys(text, number) if rest else {}
    return Record(kind_of(tuple(names)), values, Line(number, decode(first, MAX_QUOTED_BYTES)), lines)


class LinesOfKeys(Mapping[str, Line]):
    """The lines of the values of an object with a key on each line; they are looked for when one is asked for."""

    def __init__(self, text: bytes, number: int) -> None:
        self._text, self._number = text, number
        self._found: dict[str, Line] | None = None

    def _find(self) -> dict[str, Line]:
        if self._found is None:
            self._found = {}
            for number, raw in enumerate(self._text.split(b"\n"), self._number):
                match = _KEY.search(raw)
                if match:
                    key, line = decode(match[1]), Line(number, decode(raw.rstrip(b"\r"), MAX_QUOTED_BYTES))
                    self._found[key] = line
                    self._found.setdefault(canonical_name(key), line)
        return self._found

    def __getitem__(self, name: str) -> Line:
        return self._find()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._find())

    def __len__(self) -> int:
        return len(self._find())


def read_gap_settings(gap: bytes, line_number: int) -> Iterator[Setting]:
    """Settings between the objects of a file, as at the top level of trainer_state.json."""
    for match in _TOP_LEVEL.finditer(gap):
        start = gap.rfind(b"\n", 0, match.start()) + 1
        end = gap.find(b"\n", match.end())
        text = decode(gap[start : end if end >= 0 else len(gap)], MAX_QUOTED_BYTES)
        number = line_number + gap.count(b"\n", 0, match.start())
        value = read_value(decode(match[2]))
        if value is not None:
            yield Setting(CONFIG_NAMES[match[1].decode()], value, Line(number, text))


def settings_of(loaded: Mapping[str, Any], line: Line) -> Iterator[Setting]:
    """Settings in an object that is no row, such as a configuration that stands before the rows."""
    for key, value in loaded.items():
        if isinstance(value, dict):
            yield from settings_of(value, line)
        elif key in CONFIG_NAMES and isinstance(value, bool | int | float | str):
            read = value if isinstance(value, bool) else read_value(str(value))
            if read is not None:
                yield Setting(CONFIG_NAMES[key], read, line)
