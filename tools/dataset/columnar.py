"""Rows of Parquet and Arrow files, through pyarrow where it is installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.dataset.rows import Row
from tools.errors import BadInput

BATCH_ROWS = 256


def read_parquet(path: Path, name: str) -> Iterator[Row]:
    """Read the rows of a Parquet file, a batch at a time.

    Raises:
        BadInput: pyarrow is not installed, or it cannot read the file.
    """
    library = _load("pyarrow.parquet", name)
    with _refusing(name):
        table = library.ParquetFile(path)
        yield from _number(table.iter_batches(batch_size=BATCH_ROWS))


def read_arrow(path: Path, name: str) -> Iterator[Row]:
    """Read the rows of an Arrow file, as the datasets library saves them: a stream, or a file with an index.

    Raises:
        BadInput: pyarrow is not installed, or it cannot read the file.
    """
    library = _load("pyarrow", name)
    with _refusing(name), library.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            reader = library.ipc.open_file(source)
            yield from _number(reader.get_batch(place) for place in range(reader.num_record_batches))
        else:
            source.seek(0)
            yield from _number(library.ipc.open_stream(source))


def _number(batches: Any) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            for value in batch.slice(start, BATCH_ROWS).to_pylist():
                number += 1
                yield Row(number, value)


def _load(module: str, name: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise BadInput(
            f"{name}: reading it needs the package pyarrow; run 'pip install pyarrow', or pass the rows as JSON Lines"
        ) from None


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn what pyarrow says of a file that it cannot read into one line for a person."""
    refused = (import_module("pyarrow").ArrowException, OSError, ValueError)
    try:
        yield
    except refused as error:
        reason = str(error).partition("\n")[0][:160]
        raise BadInput(f"{name}: cannot be read as Parquet or Arrow ({reason}); write the file again") from None
