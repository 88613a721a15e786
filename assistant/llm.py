"""The local language model as a LangChain chat model: it streams, calls tools, and stops when asked to."""

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import langsmith
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import (
    BaseChatModel,
    agenerate_from_stream,
    generate_from_stream,
)
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from assistant.chat_template import CallStyle, find_call_style, render_prompt
from assistant.llama_engine import Cancellation, Engine, Piece, count_shared, load_engine, write
from assistant.tool_grammar import ToolGrammar, compile_tools
from tools.errors import BadInput

__all__ = ["Cancellation", "Engine", "LlamaChat"]

OPTIONS = ("grammar", "tools", "tool_choice", "cancelled", "max_tokens", "temperature", "seed")


class LlamaChat(BaseChatModel):
    """A chat model that runs a GGUF file with llama.cpp; a call takes stop and the options named in OPTIONS.

    One answer is written at a time: a call waits until the stream before it has ended or was closed. To make one turns
    LangSmith's tracing off for the process, whatever the environment says: what it reads stays on this machine.

    Attributes:
        model_path: the GGUF file, whose own chat template is used.
        context_tokens: room for prompt and answer together.
        max_tokens: longest answer.
        temperature: 0 takes the likeliest token at each step; above it, tokens are drawn.
        seed: of the draw.
        num_threads: of the processor; None for all that this process may use.
        cancelled: stops the answers of this model from another thread; a copy of the model shares what is loaded, so
            that each turn can have its own: `model.model_copy(update={"cancelled": Cancellation()})`.
    """

    model_path: Path
    context_tokens: int = 4096
    max_tokens: int = 160
    temperature: float = 0.0
    seed: int = 0
    num_threads: int | None = None
    cancelled: Cancellation | None = None
    _engine: Engine | None = PrivateAttr(default=None)
    _loading: Any = PrivateAttr(default_factory=threading.Lock)
    _answering: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "llama_cpp"

    def model_post_init(self, _: Any, /) -> None:
        """Keep prompts and answers from LangSmith."""
        langsmith.configure(enabled=False)

    def load(self) -> Engine:
        """Load the model if that was not done yet; a thread may do it before the first question comes.

        Raises:
            NotAvailable: llama-cpp-python is not installed, or the file cannot be loaded.
        """
        with self._loading:
            if self._engine is None:
                self._engine = load_engine(self.model_path, self.context_tokens, self.num_threads)
            return self._engine

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **options: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the model call tools: a grammar allows a call with valid arguments, or text.

        Args:
            tools: functions, tools, pydantic classes, or mappings in the form of OpenAI's API.
            tool_choice: "auto" (as None), "any", "none", or the name of the tool that must be called.
            options: of a call, kept for every one.

        Raises:
            BadInput: a grammar is given too, the choice is not known, or a schema cannot be turned into a grammar.
        """
        _refuse_both(options.get("grammar"), tools)
        told = [convert_to_openai_tool(tool) for tool in tools]
        if told:
            compile_tools(told, tool_choice, CallStyle())
        return self.bind(tools=told, tool_choice=tool_choice, **options)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **options: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Let the model answer with one value of a schema: a pydantic class, a TypedDict or a JSON schema with a title.

        Args:
            schema: of the value.
            include_raw: give a mapping of raw, parsed and parsing_error instead of the value.
            options: LangChain's method and strict, which change nothing here.

        Raises:
            OutputParserException: when run, and include_raw is false: the answer was cut off.
        """
        answer = super().with_structured_output(schema, include_raw=True, **options)
        return answer | partial(_unwrap, include_raw=include_raw)

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **options))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,  # noqa: ARG002  LangChain passes it
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        wishes = self._read_options(options)
        tools, choice, cancelled = (wishes.pop(name) for name in ("tools", "tool_choice", "cancelled"))
        engine = self.load()
        style = _find_style(engine, messages, tools)
        prompt = render_prompt(engine, messages, tools or (), style)
        _check_fit(len(prompt), wishes["max_tokens"], min(self.context_tokens, engine.trained_tokens))
        grammar = compile_tools(tools, choice, style) if tools else None
        if grammar:
            wishes["grammar"] = grammar.text
        with self._answering:
            shared = count_shared(engine, prompt)
            with closing(write(engine, prompt, cancelled or Cancellation(), {"stop": stop or [], **wishes})) as pieces:
                reason = yield from _make_chunks(pieces, grammar)
            # The token drawn last is never read back, whether it is the end mark or the one that reached the limit.
            answer_tokens = max(0, engine.llama.n_tokens - len(prompt) + 1)
        usage = _count_usage(len(prompt), answer_tokens, shared)
        last = AIMessageChunk(content="", usage_metadata=usage, chunk_position="last")
        ending = {"model_name": self.model_path.stem, "finish_reason": reason}
        yield ChatGenerationChunk(message=last, generation_info=ending)

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **options))

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        """One thread writes the answer; where the task ends early the thread stops, even if the task is kept."""
        cancelled = options.pop("cancelled", None) or self.cancelled or Cancellation()
        loop, chunks = asyncio.get_running_loop(), asyncio.Queue[ChatGenerationChunk | None]()

        def write_all() -> None:
            try:
                for chunk in self._stream(messages, stop, run_manager, cancelled=cancelled, **options):
                    loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            finally:
                loop.call_soon_threadsafe(chunks.put_nowait, None)

        writing = loop.run_in_executor(None, write_all)
        try:
            while (chunk := await chunks.get()) is not None:
                yield chunk
            await writing
        finally:
            if not writing.done() or writing.cancelled():
                cancelled.set()

    def _read_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        if unknown := sorted(options.keys() - set(OPTIONS)):
            raise TypeError(f"a call takes {', '.join(OPTIONS)} and stop, got {unknown[0]}")
        given = {name: value for name, value in options.items() if value is not None}
        wishes = {**{name: getattr(self, name, None) for name in OPTIONS}, **given}
        _refuse_both(wishes["grammar"], wishes["tools"])
        return wishes


def _make_chunks(pieces: Iterator[Piece], grammar: ToolGrammar | None) -> Generator[ChatGenerationChunk, None, str]:
    """Give text as it comes and a call in one piece; returns why the answer ended."""
    held, is_call, reason = "", None if grammar else False, "stop"
    for piece in pieces:
        held += piece.text
        reason = piece.finish_reason or reason
        if grammar and is_call is None and held.strip():
            is_call = grammar.begins_call(held)
        if held and is_call is False:
            yield ChatGenerationChunk(message=AIMessageChunk(content=held))
            held = ""
    if grammar and is_call:
        call = grammar.read_call(held, reason)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[call]))
        return "tool_calls" if reason == "stop" else reason
    if held:
        yield ChatGenerationChunk(message=AIMessageChunk(content=held))
    return reason


def _unwrap(answer: dict[str, Any], *, include_raw: bool) -> Any:
    """Say so where a structured answer holds no value, as LangChain's parsers do not."""
    if answer["parsed"] is None and answer["parsing_error"] is None:
        failed = answer["raw"].invalid_tool_calls
        answer["parsing_error"] = OutputParserException(
            f"the model's answer {failed[0]['args'] if failed else 'is empty'}"
        )
    if include_raw:
        return answer
    if answer["parsing_error"]:
        raise answer["parsing_error"]
    return answer["parsed"]


def _count_usage(prompt_tokens: int, answer_tokens: int, shared_tokens: int) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=prompt_tokens,
        output_tokens=answer_tokens,
        total_tokens=prompt_tokens + answer_tokens,
        input_token_details=InputTokenDetails(cache_read=shared_tokens),
    )


def _find_style(engine: Engine, messages: Sequence[BaseMessage], tools: Sequence[Any] | None) -> CallStyle:
    """The model's way to write calls, where any are in play."""
    has_calls = any(message.type == "tool" or getattr(message, "tool_calls", None) for message in messages)
    return find_call_style(engine) if tools or has_calls else CallStyle()


def _refuse_both(grammar: str | None, tools: Sequence[Any] | None) -> None:
    if grammar and tools:
        raise BadInput("a call takes a grammar or tools, not both: the tools are compiled into a grammar of their own")


def _check_fit(prompt_tokens: int, answer_tokens: int, context_tokens: int) -> None:
    if answer_tokens < 1:
        raise BadInput(f"max_tokens must be at least 1, got {answer_tokens}")
    if prompt_tokens + answer_tokens > context_tokens:
        raise BadInput(
            f"the prompt is too long: {prompt_tokens} tokens, and {answer_tokens} for the answer, must fit in "
            f"{context_tokens}; shorten the question or what is attached, or choose a model with a longer context"
        )
