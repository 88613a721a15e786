"""Small JSON files in the cache: what is damaged counts as empty, and what is written is written whole."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_store(path: Path) -> dict[str, Any]:
    """Read an object; a file that is missing, damaged or of another form gives none, since it can be made again."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def write_store(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object in one move, so that whoever reads meanwhile sees the old file or the new one.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
        scratch.replace(path)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
