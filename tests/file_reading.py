"""Files read by one format alone, with what it passes on as console text."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from run_factory import SlowReader

from tools.facts import Fact, collect_facts
from tools.log_formats import FILE_FORMATS
from tools.log_formats.hf_state import HF_STATE
from tools.log_formats.record import FileFormat
from tools.run import Point, Run
from tools.run_builder import RunBuilder

WHOLE_FILE_FORMATS = tuple(one for one in FILE_FORMATS if one is not HF_STATE)
"""HF_STATE has tests of its own, and takes any JSON with a loss that no other format took."""
REAL_LOGS = Path(__file__).parents[2] / "shared" / "logs" / "dev"


@dataclass(frozen=True, slots=True)
class Reading:
    """A run, and the lines that went through the reader of console text."""

    run: Run
    texts: list[tuple[int, bytes]]

    def pairs(self, name: str = "loss") -> list[tuple[int | None, float]]:
        """Step and value of every point of a series."""
        return [(point.step, point.value) for point in self.run.points(name)]

    def points(self, name: str = "loss") -> tuple[Point, ...]:
        """The points of a series."""
        return self.run.points(name)

    @property
    def settings(self) -> Mapping[str, object]:
        """The values of the settings."""
        return {name: setting.value for name, setting in self.run.settings.items()}


def read_file(file_format: FileFormat, data: bytes | str, name: str = "log", piece_bytes: int = 0) -> Reading:
    """Read a file with one format, in small pieces where a size for them is given."""
    raw = data.encode() if isinstance(data, str) else data
    builder, texts = RunBuilder(name, format=file_format.name), []

    def take(number: int, text: bytes, quoted: bytes | None = None) -> None:
        texts.append((number, text))

    builder.feed_text = take
    file_format.read(SlowReader(raw, piece_bytes) if piece_bytes else io.BytesIO(raw), builder)
    return Reading(builder.build(), texts)


def real_entries(*formats: str) -> list[dict[str, Any]]:
    """The real logs of some formats with what is known of them, none where they are not at hand."""
    index = REAL_LOGS / "index.jsonl"
    lines = index.read_text(encoding="utf-8").splitlines() if index.is_file() else []
    return [entry for line in lines if (entry := json.loads(line))["format"] in formats]


def real_facts(file_format: FileFormat, entry: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts of a real log, as one format reads it."""
    return collect_facts(read_file(file_format, (REAL_LOGS / entry["file"]).read_bytes(), entry["file"]).run)
