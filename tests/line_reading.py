"""How the tests of line formats ask all readers, as the parser does."""

from collections.abc import Mapping

from tools.log_formats import LINE_FORMATS


def same(found: Mapping[str, float] | None, wanted: Mapping[str, float]) -> bool:
    """Equal, with nan equal to itself."""
    return found is not None and {k: repr(v) for k, v in found.items()} == {k: repr(v) for k, v in wanted.items()}


def ask_in_order(lines: list[str]) -> tuple[str, dict[str, float]] | None:
    """Hand lines to all readers as the parser does; gives who read the last row, and the row."""
    readers = [(one, one.new_reader() if one.new_reader else one.read) for one in LINE_FORMATS]
    last = None
    for line in lines:
        for log_format, read in readers:
            if any(marker in line.encode() for marker in log_format.markers) and (values := read(line)) is not None:
                last = (log_format.name, values)
                break
    return last


def read_all(lines: str) -> list[dict[str, float]]:
    """The rows that the parser would get from some lines."""
    readers = [(one, one.new_reader() if one.new_reader else one.read) for one in LINE_FORMATS]
    rows = []
    for line in lines.splitlines():
        for log_format, read in readers:
            if any(marker in line.encode() for marker in log_format.markers) and (values := read(line)) is not None:
                rows.append(values)
                break
    return rows
