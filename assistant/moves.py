"""What to do, in order: the cards' moves, sharpened by what the run shows and freed from contradictions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from knowledge.card import Card, Knob, Move
from tools.diagnosis.causes import CURED_APART
from tools.diagnosis.finding import Finding, Settled
from tools.run import Run

MAX_MOVES = 6
MAX_MOVES_OF_A_NOTE = 1


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """One move of the answer.

    Attributes:
        card: the card that it comes from.
        text: the move as a person reads it.
    """

    card: str
    knob: str
    direction: str
    amount: str
    cost: str
    text: str


def plan_moves(
    findings: Sequence[Finding],
    asked: Sequence[str],
    cards: Mapping[str, Card],
    knobs: Mapping[str, Knob],
    runs: Sequence[Run],
) -> tuple[PlannedMove, ...]:
    """Order the moves of a turn.

    A move whose direction the run itself measured comes first and overrules every card that says otherwise; a knob is
    named once; what the settings show to be so already is left out; a note gives its first move only.

    Args:
        findings: worst first.
        asked: ids of cards that the question named in words, after the findings.
        cards: the cards of both; knobs: their vocabulary.
        runs: what was read, for the settings.
    """
    settled = _settled(findings)
    done = {key for run in runs for key in _already_so(run)}
    planned: dict[str, PlannedMove] = {}
    for finding in findings:
        for knob, rule in finding.settles.items():
            move = _card_move(cards.get(finding.id), knob)
            if move and rule.amount and move.direction == rule.direction:
                planned.setdefault(knob, _plan(finding.id, move, knobs, rule.amount))
    for card_id, limit in _sources(findings, asked):
        taken = 0
        for move in cards[card_id].moves if card_id in cards else ():
            if _contradicts(move, settled) or (move.knob, move.direction) in done or taken >= limit:
                continue
            taken += 1
            planned.setdefault(move.knob, _plan(card_id, move, knobs))
    return tuple(planned.values())[:MAX_MOVES]


def _settled(findings: Iterable[Finding]) -> dict[str, Settled]:
    settled: dict[str, Settled] = {}
    for finding in findings:
        for knob, rule in finding.settles.items():
            settled.setdefault(knob, rule)
            if rule.amount and rule.direction == settled[knob].direction:
                settled[knob] = rule
    return settled


def _sources(findings: Sequence[Finding], asked: Sequence[str]) -> list[tuple[str, int]]:
    """Cards in order, each with how many of its moves it may give."""
    limits: list[tuple[str, int]] = []
    for finding in findings:
        limits += [(name, 1) for name in finding.consequences if name in CURED_APART]
        limits.append((finding.id, MAX_MOVES_OF_A_NOTE if finding.severity == "note" else MAX_MOVES))
    return limits + [(card, MAX_MOVES) for card in asked]


def _card_move(card: Card | None, knob: str) -> Move | None:
    return next((move for move in card.moves if move.knob == knob), None) if card else None


def _contradicts(move: Move, settled: Mapping[str, Settled]) -> bool:
    rule = settled.get(move.knob)
    return rule is not None and move.direction in ("raise", "lower") and move.direction != rule.direction


def _plan(card: str, move: Move, knobs: Mapping[str, Knob], measured: str = "") -> PlannedMove:
    amount = measured or move.amount
    joint = " " if amount.split(" ")[0] in ("by", "to", "of", "from", "until", "in", "with", "at", "towards") else ": "
    text = f"{move.direction} {knobs[move.knob].label}{joint}{amount}"
    return PlannedMove(card, move.knob, move.direction, amount, move.cost, text)


def _already_so(run: Run) -> Iterable[tuple[str, str]]:
    """The moves that the run's own settings show to be made already."""
    values = {name: setting.value for name, setting in run.settings.items()}
    if values.get("gradient_checkpointing") is True:
        yield ("gradient_checkpointing", "enable")
    if values.get("bf16") is True:
        yield ("precision", "set")
    if values.get("per_device_train_batch_size") == 1:
        yield from (("micro_batch", "set"), ("micro_batch", "lower"))
    if values.get("max_grad_norm") == 1:
        yield ("max_grad_norm", "set")
    if values.get("packing") is True:
        yield ("packing", "enable")
    if values.get("load_in_4bit") is True:
        yield ("quantization", "enable")
