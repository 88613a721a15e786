"""What the cards of a turn hold for the checks: passages, conditions, signs and moves."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from assistant.claims import Clause, Passage, read_clauses
from assistant.clauses import split_sentences
from assistant.conditions import Condition, read_conditions
from assistant.move_rules import Rule, make_rule
from assistant.moves import PlannedMove
from assistant.neutral_words import stem
from assistant.quantities import SETTING_OF_KNOB, Phrases
from assistant.tokens import Reading, read_sentence
from knowledge.card import Card, Move

if TYPE_CHECKING:
    from assistant.verifier import Grounds

Sort = Literal["sign", "doubt", "advice"]
_SORTS: dict[str, Sort] = {"When": "doubt", "Check": "doubt", "Then": "advice"}
_WORD = re.compile(r"[a-z][a-z0-9_]*(?:[-/.'][a-z0-9_]+)*")


def read_card_conditions(grounds: "Grounds", readings: Iterable[Reading], phrases: Phrases) -> list[Condition]:
    """The conditions of the evidence, and of the cards' moves and sentences."""
    moves = [move.amount for card in grounds.cards.values() for move in card.moves]
    prose = [section for card in grounds.cards.values() for section in card.sections.values()]
    texts = [sentence for text in (*moves, *prose) for sentence in split_sentences(" ".join(text.split()))]
    return [
        one for read in (*readings, *(read_sentence(text, phrases) for text in texts)) for one in read_conditions(read)
    ]


def read_passages(cards: Mapping[str, Card]) -> list[Passage]:
    """The pieces of the cards whose words a sentence may take together."""
    passages: list[Passage] = []
    for card in cards.values():
        texts: list[tuple[str, Sort]] = [(card.title, "sign"), *((sign, "sign") for sign in card.signs)]
        texts += [(f"{one.cause} {one.check}", "doubt") for one in card.suspects]
        texts += [(f"{move.amount} {move.cost}", "advice") for move in card.moves]
        for heading, section in card.sections.items():
            sort = _SORTS.get(heading.split(" ")[0], "sign")
            texts += [(text, sort) for text in split_sentences(" ".join(section.split()))]
        for text, sort in texts:
            passages.append(Passage(card.id, frozenset(stem(word) for word in _WORD.findall(text.lower())), sort))
    return passages


def read_sign_clauses(grounds: "Grounds", found: frozenset[str], phrases: Phrases) -> list[Clause]:
    """The clauses of the signs of what was found."""
    signs = [sign for name in found if name in grounds.cards for sign in grounds.cards[name].signs]
    return [clause for sign in signs for clause in read_clauses(read_sentence(sign, phrases))]


def read_rules(grounds: "Grounds") -> dict[str, list[Rule]]:
    """The planned moves and those of the cards, by the knob that they turn."""
    settings = {
        item.text.split(" ")[2]: item.value
        for item in grounds.evidence
        if item.kind == "setting" and isinstance(item.value, float)
    }
    rules: dict[str, list[Rule]] = {}

    def add(move: PlannedMove | Move, card: str, *, is_planned: bool) -> None:
        current = settings.get(SETTING_OF_KNOB.get(move.knob, ""))
        value = current if isinstance(current, float) else None
        rules.setdefault(move.knob, []).append(make_rule(move, card, is_planned=is_planned, current=value))

    for move in grounds.moves:
        add(move, move.card, is_planned=True)
    for card in grounds.cards.values():
        for one in card.moves:
            add(one, card.id, is_planned=False)
    return rules
