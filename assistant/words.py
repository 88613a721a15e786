"""The language model's part of an answer: a few sentences, each verified before anybody sees it."""

import re
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import blake2b
from typing import Any, Protocol

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.excerpts import estimate_tokens
from assistant.prompts import Layout, Mode, build_grammar, build_prompt
from assistant.sentence_stream import take_sentences
from assistant.verifier import Grounds, find_fault

MAX_TOKENS: Mapping[Mode, int] = {"compose": 200, "narrate": 400}

_SENTENCE = re.compile(r"^(.*?\[E\d+\][.!?])(?:\s|$)", re.DOTALL)
_MESSAGES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "human": HumanMessage, "ai": AIMessage}


class Exchanged(Protocol):
    """An earlier question of the conversation and its answer."""

    @property
    def question(self) -> str:
        """What was asked."""

    @property
    def answer(self) -> str:
        """What was answered."""


class Writer:
    """Lets a chat model write from the evidence, and checks every sentence.

    Attributes:
        name: of the model, as a person knows it.
        mode: compose: whole clauses of the evidence, under a grammar; narrate: free prose.
    """

    def __init__(
        self,
        model: BaseChatModel,
        name: str,
        mode: Mode = "compose",
        context_tokens: int = 4096,
        count_tokens: Callable[[str], int] = estimate_tokens,
    ) -> None:
        self._model, self._context_tokens, self._count_tokens = model, context_tokens, count_tokens
        self._secret = secrets.token_bytes(16)
        self.name = name
        self.mode: Mode = mode

    def messages(self, question: str, grounds: Grounds, history: Sequence[Exchanged] = ()) -> list[tuple[str, str]]:
        """What ``write`` sends, as (role, text)."""
        earlier = [(exchange.question, exchange.answer) for exchange in history]
        first = earlier[0][0] if earlier else question
        mark = blake2b(first.encode(errors="replace"), key=self._secret, digest_size=5).hexdigest()
        budget = self._context_tokens - MAX_TOKENS[self.mode]
        return build_prompt(question, grounds.evidence, earlier, Layout(self.mode, mark, budget, self._count_tokens))

    def write(
        self, question: str, grounds: Grounds, history: Sequence[Exchanged] = ()
    ) -> Generator[tuple[str, str | None]]:
        """Give each sentence as it is finished, with the fault for which it must be struck or None."""
        messages = [_MESSAGES[role](text) for role, text in self.messages(question, grounds, history)]
        seen = set[str]()
        sentences = self._compose(messages, grounds) if self.mode == "compose" else self._narrate(messages)
        with closing(sentences):
            for sentence, is_whole in sentences:
                fault = self._judge(sentence, grounds, seen) if is_whole else "was not finished"
                yield sentence, fault

    def _compose(self, messages: Sequence[BaseMessage], grounds: Grounds) -> Generator[tuple[str, bool]]:
        pending = ""
        for text in self._stream(messages, grammar=build_grammar(grounds.evidence)):
            pending += text
            while match := _SENTENCE.match(pending):
                yield match[1].strip(), True
                pending = pending[match.end() :]
        if pending.strip():
            yield pending.strip(), False

    def _narrate(self, messages: Sequence[BaseMessage]) -> Generator[tuple[str, bool]]:
        pending = ""
        for text in self._stream(messages):
            sentences, pending = take_sentences(pending + text)
            yield from ((sentence, True) for sentence in sentences)
        sentences, _ = take_sentences(pending, is_over=True)
        for number, sentence in enumerate(sentences, start=1):
            yield sentence, number < len(sentences) or sentence.rstrip("\"')").endswith((".", "!", "?", "]"))

    def _stream(self, messages: Sequence[BaseMessage], **options: Any) -> Iterator[str]:
        for chunk in self._model.stream(list(messages), max_tokens=MAX_TOKENS[self.mode], **options):
            yield chunk.text

    def _judge(self, sentence: str, grounds: Grounds, seen: set[str]) -> str | None:
        if sentence in seen:
            return "repeats itself"
        seen.add(sentence)
        return find_fault(sentence, grounds, is_strict=self.mode == "compose")
