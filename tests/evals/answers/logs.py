"""Makes the log of a case: a made-up run in a trainer's words, a recorded one, or a text; with more around it."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from evals import crash_texts, texts
from evals.formats import OTHERS, STATE
from evals.groups import FAULTS, FINE
from evals.layers import COVERED
from evals.story import Story
from evals.writers import CONSOLES, Writer, write_state

ROOT = Path(__file__).parents[3]
WRITERS: dict[str, Writer] = {**CONSOLES, **OTHERS, **COVERED, STATE: write_state}
FILLER = "[rank0] heartbeat {number}: queue empty, nothing to report for this interval"


def make_log(recipe: Mapping[str, Any]) -> tuple[str, bytes]:
    """Make a log.

    Args:
        recipe: `story` and `as` (a name in evals.faults or evals.fine, and a writer's), or `crash` (a name in texts
            or crash_texts), or `file` (below the project), or `text`; then `before` and `after` (text around it),
            `insert` (text in its middle), `filler` (so many lines of no meaning on both sides), `name` (of the file).

    Returns:
        The file's name and its bytes.
    """
    name, data = _make_core(recipe)
    lines = data.split(b"\n")
    middle = len(lines) // 2
    if insert := recipe.get("insert"):
        lines[middle:middle] = str(insert).encode().split(b"\n")
    filler = [FILLER.format(number=number).encode() for number in range(int(recipe.get("filler", 0)))]
    before = [str(recipe["before"]).encode()] if "before" in recipe else []
    after = [str(recipe["after"]).encode()] if "after" in recipe else []
    return str(recipe.get("name", name)), b"\n".join([*filler, *before, *lines, *after, *filler]) + b"\n"


def _make_core(recipe: Mapping[str, Any]) -> tuple[str, bytes]:
    if "text" in recipe:
        return "train.log", str(recipe["text"]).encode()
    if "crash" in recipe:
        return "train.log", _crashes()[str(recipe["crash"])]
    if "file" in recipe:
        path = ROOT / str(recipe["file"])
        return path.name, path.read_bytes()
    story = _stories()[str(recipe["story"])]
    writer = str(recipe.get("as", "transformers 5"))
    return ("trainer_state.json" if writer == STATE else "train.log"), WRITERS[writer](story.rows, story.settings)


@cache
def _stories() -> dict[str, Story]:
    return {story.name: story for story in (*FAULTS, *FINE)}


@cache
def _crashes() -> dict[str, bytes]:
    """The console texts of crashes, by the name of their case."""
    made = (*texts.FAULTS, *texts.FINE, *crash_texts.FAULTS, *crash_texts.FINE)
    return {case.name: case.read.args[0] for case in made if isinstance(case.read, partial)}
