"""A chat model behind a server: nothing is sent before redaction, and each failure is one clear line."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import langsmith
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from assistant.redaction import redact, redact_value
from tools.errors import BadInput, NotAvailable

# LangChain classifies what servers answer; a connection that breaks off later comes as the client library's own error.
CLIENT_ERRORS = (
    ("openai", "OpenAIError"),
    ("anthropic", "AnthropicError"),
    ("httpx", "HTTPError"),
    ("httpx2", "HTTPError"),
)
REASONS: Sequence[tuple[type[ModelError], str]] = (
    (ModelAuthenticationError, "refuses the key; set FTCHAT_MODEL_KEY"),
    (ModelPermissionDeniedError, "does not let this key use the model; choose another model or key"),
    (ModelNotFoundError, "knows no such model, or no such address; check the name, and whether the URL ends in /v1"),
    (ModelRateLimitError, "has had too many requests, or the quota is used up; wait a little and ask again"),
    (ContextOverflowError, "cannot read that much; shorten the question or what is attached"),
    (ModelTimeoutError, "did not answer in time; ask again or choose a smaller model"),
    (ModelConnectionError, "cannot be reached; start the server or correct model_url"),
)


class RemoteChat(BaseChatModel):
    """Passes messages on to another chat model, redacted; a call takes what that model takes, and cancelled.

    Attributes:
        inner: the provider's own chat model.
        name: the provider and the model, as the person named them.
        url: of the server, "" for the provider's own.
    """

    inner: BaseChatModel
    url: str = ""

    @property
    def _llm_type(self) -> str:
        return "remote"

    def model_post_init(self, _: Any, /) -> None:
        """Keep prompts and answers from LangSmith."""
        langsmith.configure(enabled=False)

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **options: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the model call tools, in the way of its provider."""
        bound = self.inner.bind_tools(tools, tool_choice=tool_choice, **options)
        return self.bind(**getattr(bound, "kwargs", {}))

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
        if options.pop("grammar", None):
            raise BadInput(f"{self.name} takes no grammar: only a model in this process does")
        cancelled = options.pop("cancelled", None)
        is_finished, has_text = False, False
        for chunk in self._ask(redact_messages(messages), stop, options):
            if cancelled is not None and cancelled.is_set():
                return
            is_finished = is_finished or "finish_reason" in (chunk.generation_info or {})
            has_text = has_text or bool(chunk.text)
            yield chunk
        if self.is_openai and not is_finished:
            raise NotAvailable(
                f"{self.place} broke off in the middle of its answer; ask again"
                if has_text
                else f"{self.place} sent no answer: the prompt may be too long for it, or the URL is not that of an API"
            )

    def _ask(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> Iterator[ChatGenerationChunk]:
        has_begun = False
        failures: tuple[type[Exception], ...] = (ModelError, *list_client_errors())
        try:
            for chunk in self.inner._stream(messages, stop=stop, **self._rename(options)):
                yield chunk
                has_begun = True
        except failures as error:
            raise NotAvailable(self._explain(error, has_begun=has_begun)) from None
        except (AttributeError, TypeError, ValueError) as error:  # what LangChain raises of an answer it cannot read
            raise NotAvailable(f"{self.place} does not answer as OpenAI's API does ({_shorten(error)})") from None

    @property
    def is_openai(self) -> bool:
        """Whether the model speaks OpenAI's API, whose last piece always says why an answer ended."""
        return str(self.name).startswith("openai:")

    @property
    def place(self) -> str:
        """The model and its server, for a person."""
        return f"{self.name} at {self.url}" if self.url else str(self.name)

    def _rename(self, options: dict[str, Any]) -> dict[str, Any]:
        """Say max_tokens in the old way too: LangChain sends OpenAI's new name alone, which other servers ignore."""
        if self.is_openai and self.url and "max_tokens" in options:
            return {**options, "extra_body": {"max_tokens": options["max_tokens"], **options.get("extra_body", {})}}
        return options

    def _explain(self, error: Exception, *, has_begun: bool) -> str:
        if has_begun:
            return f"{self.place} broke off in the middle of its answer ({_shorten(error)}); ask again"
        said = next((reason for kind, reason in REASONS if isinstance(error, kind)), None)
        if said is None:
            return f"{self.place} failed ({_shorten(error)}); look at the server, or choose another model"
        return (
            f"{self.place} {said}"
            if isinstance(error, ModelConnectionError)
            else f"{self.place} {said} ({_shorten(error)})"
        )


def redact_messages(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Copies of messages without secrets, in texts as in the arguments of calls."""
    return [_redact_message(message) for message in messages]


def _redact_message(message: BaseMessage) -> BaseMessage:
    content = redact(message.content) if isinstance(message.content, str) else redact_value(message.content)
    changes: dict[str, Any] = {"content": content}
    if isinstance(message, AIMessage):
        changes["tool_calls"] = [{**call, "args": redact_value(call["args"])} for call in message.tool_calls]
        changes["invalid_tool_calls"] = [
            {**call, "args": redact(call["args"] or "")} for call in message.invalid_tool_calls
        ]
    return message.model_copy(update=changes)


def list_client_errors() -> tuple[type[Exception], ...]:
    """The roots of the errors of client libraries that are loaded."""
    return tuple(
        getattr(sys.modules[module], name) for module, name in CLIENT_ERRORS if hasattr(sys.modules.get(module), name)
    )


def _shorten(error: Exception) -> str:
    return redact(" ".join(str(error).split()))[:200] or type(error).__name__
