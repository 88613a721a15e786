"""What a conversation keeps between turns, and its JSON form, so that another process can go on with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from tools.diagnosis.finding import Diagnosis
from tools.run import Point, Problem, Run, Series, Setting

VERSION = 1
MAX_BYTES = 1_000_000
MAX_EXCHANGES = 20
MAX_ANSWER = 4000
MAX_QUESTION = 2000
MAX_RUNS = 4
MAX_EARLIER = 8
MAX_SETTINGS = 200
MAX_PROBLEMS = 20
MAX_TEXT = 400
POINTS = (200, 60, 16, 4)
"""Points kept of a metric: fewer of them where the whole would be too large."""
TOO_LARGE = "the logs were too large to be kept with the conversation"
UNREADABLE = "the earlier conversation was kept by another version and cannot be read; this one begins anew"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and the text of its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What the numbers of a turn were computed for; last_changed is the setting that was changed last."""

    model: str = ""
    gpu: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    last_changed: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a follow-up needs.

    Attributes:
        judged: the logs of the conversation with what was found in them.
        settings: of the config and of the person's words (their lines' source is "you").
        cards: ids of the cards that the last answer spoke of, best first.
        exchanges: questions and answers, oldest first.
        earlier: model, GPU and settings before each change, oldest first.
        last_changed: the setting that was changed last, by its name.
        notes: what could not be kept or read, in words.
    """

    judged: tuple[tuple[Run, Diagnosis], ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    model: str = ""
    gpu: str = ""
    cards: tuple[str, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    earlier: tuple[Scene, ...] = ()
    last_changed: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is written: the conversation behind the version of its form."""

    version: int
    conversation: Conversation


def conversation_to_json(conversation: Conversation) -> str:
    """Write a conversation as JSON of at most about MAX_BYTES: curves are thinned, long texts are cut."""
    for num_points in POINTS:
        small = shrink(conversation, num_points)
        written = _write(small)
        if len(written) <= MAX_BYTES:
            return written.decode()
    return _write(replace(small, judged=(), notes=(*small.notes, TOO_LARGE))).decode()


def _write(conversation: Conversation) -> bytes:
    """JSON in UTF-8; half of a surrogate pair, which JSON of a log can hold, is written as a question mark."""
    from pydantic_core import PydanticSerializationError, to_json

    kept = _Kept(VERSION, conversation)
    try:
        return to_json(kept, inf_nan_mode="strings")
    except PydanticSerializationError:
        return json.dumps(asdict(kept), ensure_ascii=False).encode("utf-8", "replace")


def conversation_from_json(text: str) -> Conversation:
    """Read a conversation; what another version wrote, or nobody, gives an empty one with a note."""
    from pydantic import TypeAdapter, ValidationError

    try:
        kept = TypeAdapter(_Kept).validate_json(text)
    except ValidationError:
        return Conversation(notes=(UNREADABLE,))
    return kept.conversation if kept.version == VERSION else Conversation(notes=(UNREADABLE,))


def remember(
    conversation: Conversation,
    scene: Scene,
    judged: Sequence[tuple[Run, Diagnosis]],
    cards: Sequence[str],
    exchange: Exchange,
) -> Conversation:
    """The conversation after a turn.

    Args:
        conversation: before it.
        scene: model, GPU and settings of the turn, those of its log left out.
        judged: the logs of the turn; those of the conversation stay where it had none.
        cards: that the turn spoke of; those of the conversation stay where it had none.
        exchange: question and answer.
    """
    before = Scene(conversation.model, conversation.gpu, conversation.settings)
    has_changed = bool(conversation.exchanges) and before != scene
    return Conversation(
        judged=tuple(judged) or conversation.judged,
        settings=scene.settings,
        model=scene.model,
        gpu=scene.gpu,
        cards=tuple(cards) or conversation.cards,
        exchanges=(*conversation.exchanges, exchange)[-MAX_EXCHANGES:],
        earlier=(*conversation.earlier, before)[-MAX_EARLIER:] if has_changed else conversation.earlier,
        last_changed=scene.last_changed or conversation.last_changed,
    )


def shrink(conversation: Conversation, num_points: int) -> Conversation:
    """The same conversation with less in it.

    Args:
        conversation: of any size.
        num_points: to keep of each metric.
    """
    exchanges = conversation.exchanges[-MAX_EXCHANGES:]
    return replace(
        conversation,
        judged=tuple(
            (_shrink_run(run, num_points), _shrink_diagnosis(found)) for run, found in conversation.judged[-MAX_RUNS:]
        ),
        settings=_shrink_settings(conversation.settings),
        exchanges=tuple(Exchange(one.question[:MAX_QUESTION], one.answer[:MAX_ANSWER]) for one in exchanges),
        earlier=tuple(
            replace(scene, settings=_shrink_settings(scene.settings)) for scene in conversation.earlier[-MAX_EARLIER:]
        ),
    )


def _shrink_settings(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    return {name: _shrink_lines(settings[name]) for name in list(settings)[:MAX_SETTINGS]}


def _shrink_lines(setting: Setting) -> Setting:
    value = setting.value[:MAX_TEXT] if isinstance(setting.value, str) else setting.value
    return replace(setting, value=value, line=replace(setting.line, text=setting.line.text[:MAX_TEXT]))


def _shrink_diagnosis(diagnosis: Diagnosis) -> Diagnosis:
    return replace(diagnosis, unexplained=tuple(text[:MAX_TEXT] for text in diagnosis.unexplained[:MAX_PROBLEMS]))


def _shrink_run(run: Run, num_points: int) -> Run:
    names = list(run.series)[:40]
    return replace(
        run,
        series={name: _thin(run.series[name], num_points) for name in names},
        settings=_shrink_settings(run.settings),
        problems=tuple(_shrink_problem(problem) for problem in run.problems[:MAX_PROBLEMS]),
        stages=run.stages[-4:],
        notes=run.notes[:MAX_PROBLEMS],
        segments=run.segments[-MAX_PROBLEMS:],
    )


def _shrink_problem(problem: Problem) -> Problem:
    lines = tuple(replace(line, text=line.text[:MAX_TEXT]) for line in problem.lines[:8])
    return replace(problem, lines=lines, message=problem.message[:2000], stack=problem.stack[:2000])


def _thin(series: Series, num_points: int) -> Series:
    """Evenly chosen points, with the ends, the extremes and the first that is not finite."""
    points = series.points
    if len(points) > num_points:
        wanted = {round(index * (len(points) - 1) / (num_points - 1)) for index in range(num_points)}
        finite = [(point.value, index) for index, point in enumerate(points) if point.value - point.value == 0]
        wanted |= {min(finite)[1], max(finite)[1]} if finite else set()
        odd = next((index for index, point in enumerate(points) if point.value - point.value != 0), None)
        points = tuple(points[index] for index in sorted(wanted | ({odd} if odd is not None else set())))
    return replace(series, points=tuple(_cut_line(point) for point in points))


def _cut_line(point: Point) -> Point:
    return replace(point, line=replace(point.line, text=point.line.text[:MAX_TEXT]))
