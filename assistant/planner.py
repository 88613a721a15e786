"""What a turn computes without asking a language model: the question's facts, merged with all that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assistant.changes import name_all, tell_changes
from assistant.conversation import Conversation, Scene
from assistant.measures import MEMORY_SETTINGS, plan_flags
from assistant.question import YOU, Asked, read_question
from assistant.question_facts import to_number
from assistant.question_models import look_up
from assistant.question_turns import FollowUp, Want
from tools.diagnosis.finding import Diagnosis
from tools.run import Line, Run, Setting

__all__ = ["Asked", "Given", "Plan", "plan", "read_question"]

COUNT, ESTIMATE, COMPARE = "count_parameters", "estimate_vram", "compare_settings"
MEMORY_FINDINGS = frozenset(
    ("out_of_memory_gpu", "out_of_memory_eval", "memory_fragmentation", "hardware_limits", "lora_misconfiguration")
)
"""Findings that the model's parameters and memory say more about."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was handed over beside the question.

    Attributes:
        model, gpu: named by flags, "" where they were not.
        settings: of the training config.
        has_logs: whether logs were attached in this turn.
    """

    model: str = ""
    gpu: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    has_logs: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn is about and which tools it calls.

    Attributes:
        settings: all that are known: flag, words, conversation, config, log, the first of them that tells.
        scene: what the conversation keeps of it: model, GPU and the settings that are not a log's.
        follow_up: "" where the question has a subject of its own.
        calls: names of the tools that are called without asking the model.
        flags, flags_before: what they are called with, and what the turn before was computed with.
        changed: what this turn changed, in words: "rank 16 -> 64".
        names_changed: the settings behind it.
        wants: the numbers that the question is after.
        is_brief: the question is not about memory, so the numbers get one line.
    """

    model: str = ""
    gpu: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    scene: Scene = field(default_factory=Scene)
    follow_up: FollowUp = ""
    calls: tuple[str, ...] = ()
    flags: Mapping[str, Any] = field(default_factory=dict)
    flags_before: Mapping[str, Any] | None = None
    changed: tuple[str, ...] = ()
    names_changed: tuple[str, ...] = ()
    wants: frozenset[Want] = frozenset()
    is_brief: bool = False


def plan(given: Given, asked: Asked, conversation: Conversation, judged: Sequence[tuple[Run, Diagnosis]] = ()) -> Plan:
    """Merge what is known, and choose the tools that it makes possible.

    Args:
        given: flags and config of this turn.
        asked: what its question tells.
        conversation: what was before.
        judged: the logs of this turn, or those of the conversation where this turn has none.
    """
    is_new = given.has_logs or not conversation.exchanges
    follow_up: FollowUp = "" if is_new and asked.follow_up != "checkpoint" else asked.follow_up
    before = Scene() if is_new else Scene(conversation.model, conversation.gpu, conversation.settings)
    logged = {name: setting for run, _ in judged for name, setting in run.settings.items()}
    known = {**logged, **_merge(given.settings, before.settings)}
    scene = _change_scene(given, asked, conversation, before, follow_up)
    settings = {**logged, **scene.settings}
    scene = replace(scene, model=scene.model or look_up_setting(settings) or conversation.model)
    before = replace(before, model=before.model or look_up_setting(known))
    names, changed = ((), ()) if is_new else _compare(before, scene, known, settings, judged)
    calls = _choose_calls(given, asked, follow_up, names, judged) if scene.model else ()
    numbers = [name for name in names if isinstance(scene.settings.get(name, _NOTHING).value, float)]
    return Plan(
        model=scene.model,
        gpu=scene.gpu,
        settings=settings,
        scene=replace(scene, last_changed=numbers[-1] if numbers else ""),
        follow_up=follow_up,
        calls=calls,
        flags=plan_flags(scene.model, scene.gpu, settings) | _wish(asked.wants, scene.gpu) if calls else {},
        flags_before=plan_flags(before.model or scene.model, before.gpu, known) if COMPARE in calls else None,
        changed=changed,
        names_changed=names,
        wants=asked.wants,
        is_brief=not (_is_about_numbers(asked, judged) or given.model or follow_up == "change"),
    )


_NOTHING = Setting("", "", Line(0, ""))


def _change_scene(given: Given, asked: Asked, conversation: Conversation, before: Scene, follow_up: FollowUp) -> Scene:
    """What this turn is computed for: flags before words, and in a follow-up words before flags."""
    if follow_up == "undo" and not asked.settings and conversation.earlier:
        earlier = conversation.earlier[-1]
        return replace(earlier, settings=_merge(given.settings, earlier.settings))
    target = _say(before, asked, conversation.last_changed, follow_up)
    model, gpu = (asked.model, asked.gpu) if follow_up else ("", "")
    return Scene(
        model or given.model or target.model,
        gpu or given.gpu or target.gpu or conversation.gpu,
        _merge(given.settings, target.settings),
    )


def _compare(
    before: Scene,
    after: Scene,
    known: Mapping[str, Setting],
    settings: Mapping[str, Setting],
    judged: Sequence[tuple[Run, Diagnosis]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of what differs between two turns, and how."""
    seen = _observe(judged)
    old = name_all(before.model or after.model, before.gpu or "", {**seen, **known})
    return tell_changes(old, name_all(after.model, after.gpu, {**seen, **settings}))


def look_up_setting(settings: Mapping[str, Setting]) -> str:
    """The model that a config or log names, where the catalogue knows it: a path in it is never opened."""
    named = settings.get("model_name_or_path")
    return look_up(str(named.value)[:200]) if named else ""


def _merge(config: Mapping[str, Setting], kept: Mapping[str, Setting]) -> dict[str, Setting]:
    """Words before the config of this turn, and that before the config of an earlier one."""
    words = {name: setting for name, setting in kept.items() if setting.line.source == YOU}
    return {**kept, **config, **words}


def _say(before: Scene, asked: Asked, last_changed: str, follow_up: FollowUp) -> Scene:
    """The scene before with what the words give; a method that is named replaces the one before with its base."""
    words = dict(asked.settings)
    if follow_up == "change" and asked.bare_number and not words and last_changed:
        words[last_changed] = Setting(last_changed, to_number(asked.bare_number), Line(0, asked.question.strip(), YOU))
    method = words.get("adapter")
    if method is not None and (follow_up == "change" or method.value == "full"):
        for name in ("load_in_4bit", "load_in_8bit"):
            words.setdefault(name, replace(method, name=name, value=False))
    return Scene(asked.model or before.model, asked.gpu or before.gpu, {**before.settings, **words})


def _choose_calls(
    given: Given, asked: Asked, follow_up: FollowUp, changed: Sequence[str], judged: Sequence[tuple[Run, Diagnosis]]
) -> tuple[str, ...]:
    """The tools of a turn whose model is known; numbers that nothing asks for are not computed."""
    if follow_up in ("change", "undo") and MEMORY_SETTINGS & set(changed):
        return (COUNT, ESTIMATE, COMPARE)
    is_named = not follow_up and bool(given.model or asked.model or asked.gpu)
    is_asked = asked.wants or is_named or (not follow_up and _is_about_numbers(asked, judged))
    return (COUNT, ESTIMATE) if is_asked else ()


def _is_about_numbers(asked: Asked, judged: Sequence[tuple[Run, Diagnosis]]) -> bool:
    found = {finding.id for _, diagnosis in judged for finding in diagnosis.findings}
    return bool(asked.wants or found & MEMORY_FINDINGS)


def _wish(wants: frozenset[Want], gpu: str) -> dict[str, Any]:
    """Flags for what the question is after, beyond the estimate itself."""
    wish: dict[str, Any] = {"fit": True} if gpu and wants & {"memory", "largest"} else {}
    return wish | ({"which_gpu": True} if "which_gpu" in wants else {})


def _observe(judged: Sequence[tuple[Run, Diagnosis]]) -> dict[str, Setting]:
    """The epochs that a log went through, where it does not tell how many were wanted."""
    last = next((point for run, _ in judged for point in reversed(run.points("loss")) if point.epoch), None)
    if last is None or last.epoch is None or last.epoch < 1:
        return {}
    return {"num_train_epochs": Setting("num_train_epochs", round(last.epoch, 1), last.line)}
