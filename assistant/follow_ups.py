"""Answers to follow-ups, composed from the diagnosis and the card of the conversation: no model, no new claim."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from assistant.best_checkpoint import tell_checkpoint
from assistant.draft import Draft, Section, group_gaps, tell_curves, tell_gap, tell_line
from assistant.questions_back import ask_back
from tools.diagnosis.finding import Confidence, Finding
from tools.run import Line

if TYPE_CHECKING:
    from knowledge.card import Card

MAX_SUSPECTS = 6
MAX_LINES = 12
MAX_GAPS = 6
MAX_RELATED = 6
Entry = tuple[str, tuple[str, ...]]
_MEANINGS: Mapping[Confidence, str] = {
    "certain": "certain, because the lines say it themselves",
    "likely": "likely: the numbers speak for it, and another cause stays possible",
    "possible": "possible: a sign of it, and no proof",
}
_SETTING_KNOBS = {
    "learning_rate": "learning_rate",
    "num_train_epochs": "epochs",
    "lora_r": "lora_rank",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "dropout",
    "weight_decay": "weight_decay",
    "per_device_train_batch_size": "micro_batch",
    "gradient_accumulation_steps": "gradient_accumulation",
    "total_train_batch_size": "effective_batch",
    "max_length": "sequence_length",
    "num_examples": "data_amount",
    "max_grad_norm": "max_grad_norm",
}


def compose_follow_up(draft: Draft) -> list[Section]:
    """The sections of a follow-up, in place of those of a first answer; a change's numbers stand under THE MODEL.

    Args:
        draft: of the conversation's logs and cards, with the plan of the turn.
    """
    kind = draft.plan.follow_up if draft.plan is not None else ""
    composer = _COMPOSERS.get(kind)
    return [section for section in composer(draft) if section.entries] if composer else []


def _subject(draft: Draft) -> "tuple[Finding | None, Card | None]":
    """What the conversation is about: its worst finding, or the card that its question named."""
    worst = next(iter(draft.faults or draft.findings), None)
    if worst is not None and worst.id in draft.cards and (draft.faults or not draft.asked):
        return worst, draft.cards[worst.id]
    return None, next(iter(draft.asked), None)


def _why(draft: Draft) -> Iterator[Section]:
    finding, card = _subject(draft)
    if card is None:
        yield Section("WHY", (_nothing_to_explain(draft),))
        return
    under = (finding.summary,) if finding else ()
    mechanism = card.sections.get("Why it happens", "")
    yield Section(f"WHY [{card.id}]", ((card.title, under), *_paragraphs(mechanism)))
    suspects = tuple(
        (f"{number}. {suspect.cause[0].upper()}{suspect.cause[1:]}", (f"Check: {suspect.check}.",))
        for number, suspect in enumerate(card.suspects[:MAX_SUSPECTS], start=1)
    )
    yield Section("SUSPECTS, IN ORDER, AND WHAT TELLS THEM APART", suspects)
    yield Section("WHEN IT IS NOT THIS", _paragraphs(card.sections.get("When it is not this", "")))


def _how(draft: Draft) -> Iterator[Section]:
    _, card = _subject(draft)
    if not draft.moves:
        yield Section("WHAT TO DO", (_nothing_to_explain(draft),))
        return
    if card is not None:
        yield Section("CHECK THIS FIRST", _paragraphs(card.sections.get("Check this first", "")))
    moves = tuple(
        (f"{number}. {move.text} [{move.card}]", (f"Cost: {move.cost}.",))
        for number, move in enumerate(draft.moves, start=1)
    )
    yield Section("WHAT TO DO, IN ORDER", moves)


def _sure(draft: Draft) -> Iterator[Section]:
    entries: list[Entry] = []
    for finding in draft.findings:
        title = draft.cards[finding.id].title if finding.id in draft.cards else finding.id
        lines = tuple(tell_line(line) for line in finding.evidence[:4])
        entries.append((f"{title} [{finding.id}] is {_MEANINGS[finding.confidence]}.", (finding.summary, *lines)))
    if not draft.findings:
        entries.append(_nothing_to_explain(draft))
    yield Section("HOW SURE THIS IS", tuple(entries))
    worst, card = _subject(draft)
    if worst is not None and card is not None:
        yield Section("WHAT WOULD SPEAK AGAINST IT", _paragraphs(card.sections.get("When it is not this", "")))
    yield from (_checked(draft), _gaps(draft))


def _more(draft: Draft) -> Iterator[Section]:
    finding, card = _subject(draft)
    others = tuple(
        (f"{_title(one, draft)} ({one.severity}, {one.confidence}) [{one.id}]", (one.summary,))
        for one in draft.findings
        if one is not finding
    )
    yield Section("WHAT ELSE WAS FOUND", others or (("Nothing else was found in what was handed over.", ()),))
    yield from (_checked(draft), _gaps(draft))
    related = card.related[:MAX_RELATED] if card is not None else ()
    near = f"{', '.join(related)}; 'ftchat cards show NAME' tells what each is."
    yield Section("NEAR TO IT", ((near, ()),) if related else ())


def _quote(draft: Draft) -> Iterator[Section]:
    entries: list[Entry] = []
    for run, diagnosis in draft.judged:
        for finding in diagnosis.findings:
            lines: tuple[Line, ...] = finding.evidence[:MAX_LINES]
            entries.append((f"{run.name}: {_title(finding, draft)} [{finding.id}]", tuple(map(tell_line, lines))))
    if not entries:
        entries.append(_nothing_to_explain(draft))
    yield Section("LINES THAT SHOW IT", tuple(entries))


def _checkpoint(draft: Draft) -> Iterator[Section]:
    entries = tuple(tell_checkpoint(run) for run, _ in draft.judged)
    cited = f" [{draft.faults[0].id}]" if draft.faults else ""
    yield Section(
        f"WHICH CHECKPOINT{cited}", entries or (("No log was read that could tell; attach the training log.", ()),)
    )


def _change(draft: Draft) -> Iterator[Section]:
    plan = draft.plan
    if plan is None:
        return
    changes = list(zip(plan.names_changed, plan.changed, strict=True))
    entries: list[Entry] = [(f"{text}.", tuple(_judge_change(name, text, draft))) for name, text in changes]
    if changes and plan.model and not plan.calls:
        entries.append(("Neither the trained parameters nor the memory change with it.", ()))
    if not changes:
        entries.append(("Nothing changes: it is computed with this already.", ()))
    if not plan.model:
        entries.append(("Kept for the questions that follow; name the model, and its memory is computed with it.", ()))
    yield Section("WHAT CHANGES", tuple(entries))


def _judge_change(name: str, text: str, draft: Draft) -> Iterator[str]:
    """Whether the change goes the way that the answer's moves go."""
    knob = _SETTING_KNOBS.get(name)
    move = next((move for move in draft.moves if move.knob == knob), None)
    direction = _direction(text)
    if move is None or not direction or move.direction not in ("raise", "lower"):
        return
    if move.direction == direction:
        yield f"That is the way to go: {move.text} [{move.card}]."
    else:
        yield f"That is the wrong way against what was found: {move.text} [{move.card}]."


def _direction(text: str) -> str:
    """ "raise" or "lower" of a change between two numbers, "" of any other."""
    before, _, after = text.rpartition(" -> ")
    try:
        old, new = float(before.rpartition(" ")[2]), float(after)
    except ValueError:
        return ""
    return "raise" if new > old else "lower" if new < old else ""


def _checked(draft: Draft) -> Section:
    entries = []
    for run, diagnosis in draft.judged:
        found = {finding.id for finding in diagnosis.findings}
        sound = [rule for rule in diagnosis.checked if rule not in found]
        if sound:
            entries.append((f"{run.name}: {', '.join(sound)}.", ()))
    return Section("CHECKED, AND NOTHING FOUND", tuple(entries))


def _gaps(draft: Draft) -> Section:
    entries: list[Entry] = []
    for _, diagnosis in draft.judged:
        entries += [(tell_gap(gap, rules), ()) for gap, rules in list(group_gaps(diagnosis).items())[:MAX_GAPS]]
    return Section("NOT CHECKED", tuple(entries))


def _nothing_to_explain(draft: Draft) -> Entry:
    if not draft.judged:
        return ("No log was read and no card speaks to it, so there is nothing to say more of.", ask_back(draft))
    curves = tuple(f"{run.name}: {text}." for run, _ in draft.judged if (text := tell_curves(run)))
    return ("No fault was found in what was handed over, as far as it can show.", curves)


def _title(finding: Finding, draft: Draft) -> str:
    return draft.cards[finding.id].title if finding.id in draft.cards else finding.id


def _paragraphs(text: str) -> tuple[Entry, ...]:
    return tuple((" ".join(part.split()), ()) for part in text.split("\n\n") if part.strip())


_COMPOSERS: Mapping[str, Callable[[Draft], Iterator[Section]]] = {
    "why": _why,
    "how": _how,
    "sure": _sure,
    "more": _more,
    "lines": _quote,
    "checkpoint": _checkpoint,
    "change": _change,
    "undo": _change,
}
