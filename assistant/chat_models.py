"""The chat model that a person chose: one in this process, or one that a server or a hosted service runs."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assistant.model_catalogue import PREFIX
from assistant.settings import Settings
from tools.errors import BadInput, NotAvailable

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

KEY_VARIABLE = "FTCHAT_MODEL_KEY"
PLACEHOLDER_KEY = "none"
REMOTE_CONTEXT_TOKENS = 4096  # what servers give a model unless told otherwise; a longer prompt, some cut silently
CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0  # between two pieces of an answer; a long prompt on a processor takes a minute

_PROVIDER_MODEL = re.compile(r"(?P<provider>[a-z][a-z0-9_]{1,40}):(?P<name>\S.{0,200})")


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A chat model that is ready to be asked.

    Attributes:
        model: LangChain's chat model.
        name: what to call it when talking to a person.
        file_hash: sha256 of the GGUF file, None for a remote model.
        is_remote: what it reads leaves this process, redacted.
        context_tokens: room for prompt and answer together, as far as it is known.
    """

    model: "BaseChatModel"
    name: str
    file_hash: str | None
    is_remote: bool
    context_tokens: int


def is_provider_model(choice: str) -> bool:
    """Tell whether a choice names a provider's model, as "openai:NAME" does.

    Example:
        >>> [is_provider_model(choice) for choice in ("openai:gpt-5", "hf:org/repo/file.gguf", "C:/file.gguf")]
        [True, False, False]
    """
    return bool(_PROVIDER_MODEL.fullmatch(choice)) and not choice.startswith(PREFIX) and not Path(choice).exists()


def open_chat_model(settings: Settings, environment: Mapping[str, str] | None = None) -> OpenModel:
    """Open the model that a person chose; a local one is loaded, a remote one is not asked yet.

    Raises:
        BadInput: a provider or an URL that is not known.
        NotAvailable: the file is missing or damaged, or the provider's package is not installed.
    """
    if is_provider_model(settings.model):
        return _open_remote(settings, os.environ if environment is None else environment)
    if settings.model_url:
        raise BadInput(
            f"model_url is set to {settings.model_url}, but {settings.model!r} runs in this process; "
            "name the server's model as openai:NAME, or leave the URL out"
        )
    return _open_local(settings)


def _open_local(settings: Settings) -> OpenModel:
    from assistant.llm import LlamaChat
    from assistant.model_hash import hash_model
    from assistant.models import find_model

    cache_folder = Path(settings.cache)
    found = find_model(settings.model, cache_folder)
    model = LlamaChat(model_path=found.path)
    context_tokens = min(model.context_tokens, model.load().trained_tokens)
    return OpenModel(model, found.name, hash_model(found.path, cache_folder), False, context_tokens)


def _open_remote(settings: Settings, environment: Mapping[str, str]) -> OpenModel:
    from langchain.chat_models import init_chat_model

    from assistant.remote_chat import RemoteChat

    provider, _, name = settings.model.partition(":")
    options = {**_make_client_options(provider), **_address(settings.model_url, environment)}
    try:
        inner = init_chat_model(name, model_provider=provider, **options)
    except ImportError as error:
        package = f"langchain-{provider.replace('_', '-')}"
        raise NotAvailable(f"{provider} needs a package ({_first_line(error)}); run 'pip install {package}'") from None
    except ValueError as error:
        raise BadInput(f"model {settings.model!r} cannot be opened ({_first_line(error)})") from None
    except _client_errors(provider) as error:
        raise NotAvailable(
            f"model {settings.model!r} cannot be opened ({_first_line(error)}); set {KEY_VARIABLE}"
        ) from None
    model = RemoteChat(inner=inner, name=settings.model, url=settings.model_url)
    known = None if settings.model_url else (inner.profile or {}).get("max_input_tokens")
    return OpenModel(model, settings.model, None, True, known or REMOTE_CONTEXT_TOKENS)


def _make_client_options(provider: str) -> dict[str, Any]:
    """How long to wait: OpenAI's client tells connecting from reading, others take one number."""
    if provider != "openai":
        return {"timeout": READ_SECONDS, "max_retries": 1}
    try:
        import openai
    except ImportError:
        return {}
    return {"timeout": openai.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), "max_retries": 1}


def _client_errors(provider: str) -> tuple[type[Exception], ...]:
    """What a provider's client raises where it finds no key."""
    if provider != "openai":
        return ()
    import openai

    return (openai.OpenAIError,)


def _address(url: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Where the server is and the key for it: a server on this machine never sees a hosted service's key."""
    key = environment.get(KEY_VARIABLE, "")
    if not url:
        return {"api_key": key} if key else {}
    host = urlsplit(url).hostname if url.startswith(("http://", "https://")) else None
    if not host:
        raise BadInput(f"model_url must be as http://127.0.0.1:8080/v1, got {url!r}")
    if not key and _is_loopback(host):
        key = PLACEHOLDER_KEY
    address = {"base_url": url, "temperature": 0, "stream_usage": True}
    return {**address, "api_key": key} if key else address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
