"""The groups of cases that are graded, in the order of the table."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from evals import crash_texts, faults, fine, preferences, shapes, texts
from evals.case import Case
from evals.draws import draw_faults, draw_fine_runs
from evals.formats import OTHERS, STATE
from evals.labelled import INDEX, read_folder
from evals.layers import COVERED
from evals.rewritten import read_stories
from evals.story import Story, write_cases
from evals.variants import thin, vary
from evals.writers import CONSOLES, Writer, write_state

LOGS = Path(__file__).parents[1] / "logs"
RECORDED, RECORDED_4, DIGITS = LOGS / "recorded", LOGS / "recorded_4", LOGS / "digits"
REAL_LOGS = Path(os.environ.get("FTCHAT_REAL_LOGS", Path(__file__).parents[3] / "shared" / "logs" / "dev"))
"""Labelled logs that are not part of the project; the group is left out where they are not at hand."""
FAULTS: tuple[Story, ...] = (*faults.FAULTS, *preferences.FAULTS)
FINE: tuple[Story, ...] = fine.FINE
REAL, REWRITTEN = "real", "real_rewritten"
PRIVATE = frozenset({REAL, REWRITTEN})
"""Groups of logs that are not part of the project: of these there are figures only, no names and no misses."""
COLUMNS = {"loss", "grad_norm", "learning_rate"}
"""What a training row must hold to be written in every format."""
SOME = 4
"""Layers are a matter of reading, so that every fourth story will do."""
STATES: dict[str, Writer] = {STATE: write_state}


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that are counted together.

    Attributes:
        meaning: what its numbers tell, for a reader of the evidence.
        make: gives the cases; none where what they are made of is not at hand.
    """

    name: str
    title: str
    meaning: str
    make: Callable[[], list[Case]]


def cases(stories: Iterable[Story], writers: dict[str, Writer]) -> list[Case]:
    """Every story in every format that can show it."""
    return [case for _, case in write_cases(stories, writers)]


def recorded(ending: str) -> list[Case]:
    """The recorded runs, as console text or as state files."""
    return [case for case in read_folder(RECORDED) if case.name.endswith(ending)]


def real_logs() -> list[Case]:
    """The labelled logs outside the project."""
    return list(read_folder(REAL_LOGS)) if (REAL_LOGS / INDEX).is_file() else []


def rewritten_logs() -> list[Case]:
    """The curves of the labelled logs in other words."""
    stories = list(read_stories(REAL_LOGS)) if (REAL_LOGS / INDEX).is_file() else []
    told = [story for story in stories if all(row.keys() >= COLUMNS for row in story.rows if "loss" in row)]
    return [*cases(told, CONSOLES), *cases([*stories, *map(thin, stories)], STATES)]


GROUPS: tuple[Group, ...] = (
    Group("state", "made-up faults, trainer_state.json", "one fault a run, as the Hugging Face Trainer's state file",
          lambda: cases(FAULTS, STATES)),
    Group("variants", "made-up faults, varied", "the same runs with other scales of the loss, half of the rows, "
          "wider steps and more noise", lambda: cases(vary(FAULTS), STATES)),
    Group("drawn", "drawn faults", "runs of eight faults drawn at random from wide ranges, as state files",
          lambda: cases(draw_faults(), STATES)),
    Group("console", "made-up faults, six trainers", "the same runs as the text or table of "
          f"{', '.join(CONSOLES)}, where that format carries what shows the fault", lambda: cases(FAULTS, CONSOLES)),
    Group("formats", "made-up faults, other formats", f"the same as {', '.join(OTHERS)}",
          lambda: cases(FAULTS, OTHERS)),
    Group("layers", "made-up faults under layers", "some of the runs as text of transformers 4 and 5 in or under "
          f"{', '.join(COVERED)}", lambda: cases(FAULTS[::SOME], COVERED)),
    Group("texts", "made-up crashes and ends", "console text whose fault stands in words: memory, signals, a hang, "
          "a full disk, one bad rank, errors of libraries", lambda: [*texts.FAULTS, *crash_texts.FAULTS]),
    Group("fine", "odd but fine, trainer_state.json", "runs that look odd and are right: a warning is a false alarm",
          lambda: cases(FINE, STATES)),
    Group("fine_variants", "odd but fine, varied", "the same with other scales, fewer rows, wider steps and more noise",
          lambda: cases(vary(FINE), STATES)),
    Group("fine_drawn", "drawn runs that learn", "runs drawn from the same ranges in which nothing is wrong",
          lambda: cases(draw_fine_runs(), STATES)),
    Group("fine_console", "odd but fine, all other formats", "the same in every other format, and six console texts",
          lambda: [*cases(FINE, CONSOLES | OTHERS), *cases(FINE[::SOME], COVERED), *texts.FINE, *crash_texts.FINE]),
    Group("broken", "broken encodings and shapes", "right is: read, or refused in words; no crash and no false alarm",
          lambda: list(shapes.BROKEN)),
    Group("broken_more", "more shapes", "the same; among them lines of 1 MB that tempt a reader into quadratic time",
          lambda: list(shapes.BROKEN_MORE)),
    Group("recorded_state", "recorded runs, trainer_state.json", "real training of a tiny model, one knob broken each",
          lambda: recorded(".json")),
    Group("recorded_console", "recorded runs, console", "the same runs as their console showed them",
          lambda: recorded(".log")),
    Group("recorded_4", "recorded runs, transformers 4", "some of these runs again under transformers 4.57, both ways",
          lambda: list(read_folder(RECORDED_4))),
    Group("digits", "recorded runs, other trainers", "real training on handwritten digits, as Keras, Lightning and "
          "scripts of one's own show it", lambda: list(read_folder(DIGITS))),
    Group(REAL, "labelled real logs", "logs of other people's runs, which are not part of the project",
          real_logs),
    Group(REWRITTEN, "labelled real curves, rewritten", "the curves of those logs as six trainers and as a state "
          "file, whole and with half of the rows", rewritten_logs),
)  # fmt: skip
