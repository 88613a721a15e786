"""The language model's part of an answer: a few sentences, each verified before anybody sees it."""

import re
from collections.abc import Iterator, Mapping, Sequence

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.evidence import Evidence
from assistant.moves import PlannedMove
from assistant.prompts import build_grammar, build_prompt
from assistant.verifier import find_fault
from knowledge.card import Knob

MAX_TOKENS = 200

_SENTENCE = re.compile(r"^(.*?\[E\d+\][.!?])(?:\s|$)", re.DOTALL)
_MESSAGES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "human": HumanMessage, "ai": AIMessage}


class Writer:
    """Lets a chat model write from the evidence, and checks every sentence."""

    def __init__(self, model: BaseChatModel, name: str, knobs: Mapping[str, Knob]) -> None:
        self._model, self._knobs = model, knobs
        self.name = name

    def write(
        self, question: str, evidence: Sequence[Evidence], moves: Sequence[PlannedMove]
    ) -> Iterator[tuple[str, str | None]]:
        """Give each sentence as it is finished, with the fault for which it must be struck or None."""
        messages = [_MESSAGES[role](text) for role, text in build_prompt(question, evidence)]
        pending, seen = "", set[str]()
        for chunk in self._model.stream(messages, grammar=build_grammar(evidence), max_tokens=MAX_TOKENS):
            pending += chunk.text
            while match := _SENTENCE.match(pending):
                sentence, pending = match[1].strip(), pending[match.end() :]
                yield sentence, self._judge(sentence, evidence, moves, seen)
        if pending.strip():
            yield pending.strip(), "was not finished"

    def _judge(
        self, sentence: str, evidence: Sequence[Evidence], moves: Sequence[PlannedMove], seen: set[str]
    ) -> str | None:
        if sentence in seen:
            return "repeats itself"
        seen.add(sentence)
        return find_fault(sentence, evidence, moves, self._knobs)
