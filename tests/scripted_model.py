"""A chat model that says what it is told to say, a word at a time, and calls the tools that it is told to call."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

Call = tuple[str, str]
"""A tool's name, and its arguments as JSON."""
Reply = str | Sequence[Call]
Script = Callable[[Sequence[BaseMessage]], Reply]


class ScriptedModel(BaseChatModel):
    """Answers each time with what ``script`` makes of the messages.

    Attributes:
        seen: the messages of each answer; num_words: words given so far; is_open: whether an answer is being given.
        seconds_a_word: how long it thinks.
    """

    script: Script
    seconds_a_word: float = 0.0
    seen: list[list[BaseMessage]] = []  # noqa: RUF012  pydantic copies it for each model
    offered: list[str] = []  # noqa: RUF012
    num_words: int = 0
    is_open: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        self.offered[:] = [tool.name for tool in tools]
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        pieces = list(self._stream(messages))
        whole = pieces[0]
        for piece in pieces[1:]:
            whole += piece
        return ChatResult(generations=[ChatGeneration(message=whole.message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        *_: Any,
        **__: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.seen.append(list(messages))
        reply = self.script(messages)
        self.is_open = True
        try:
            if isinstance(reply, str):
                for word in reply.split(" "):
                    time.sleep(self.seconds_a_word)
                    self.num_words += 1
                    yield ChatGenerationChunk(message=AIMessageChunk(content=word + " "))
                return
            calls = [
                tool_call_chunk(name=name, args=arguments, id=f"call{len(self.seen)}_{place}", index=place)
                for place, (name, arguments) in enumerate(reply)
            ]
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=calls))
        finally:
            self.is_open = False


def in_turn(*replies: Reply) -> Script:
    """Give one reply after the other, and the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
