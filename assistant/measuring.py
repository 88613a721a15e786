"""The tools that a turn calls without asking a model: what the plan's model and settings come to."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from assistant.compose import Section
from assistant.events import Event
from assistant.measures import HEADING, Measure, measure_plan, say_why_not
from assistant.turn_record import TurnRecord
from tools.errors import FtchatError

if TYPE_CHECKING:
    from assistant.planner import Plan


def measure_model(plan: "Plan", record: TurnRecord) -> Generator[Event, None, list[Measure]]:
    """Make the calls of a plan; the first that fails is a note, and ends them."""
    measures: list[Measure] = []
    for call in measure_plan(plan):
        try:
            found = call()
        except FtchatError as error:
            yield from record.note(say_why_not(error))
            break
        begun, opened = record.start(found.name, found.arguments)
        yield begun
        yield opened.finish(found.result)
        measures.append(found)
    return measures


def measured_section(measures: Sequence[Measure]) -> Section:
    """The measures as a person reads them."""
    return Section(HEADING, tuple((text, ()) for one in measures for text, _ in one.texts))
