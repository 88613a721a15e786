"""A model's config from the Hugging Face hub: cache first, then the network; nothing but config.json is fetched."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.errors import BadInput, FtchatError, NotAvailable
from tools.model_files import MAX_CONFIG_BYTES, read_config_file

_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_CHOICES = "or give a path, or a catalogue name such as 'llama 3.1 8b'"


def is_hub_id(name: str) -> bool:
    """Whether the name can be a hub id, owner and model.

    Example:
        >>> is_hub_id("Qwen/Qwen3-0.6B"), is_hub_id("llama 3.1 8b")
        (True, False)
    """
    return _HUB_ID.fullmatch(name) is not None


def is_cached(hub_id: str) -> bool:
    """Whether the hub's cache on this machine has a folder for the model; asks no library."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return (cache / f"models--{hub_id.replace('/', '--')}").is_dir()


def read_from_hub(hub_id: str) -> Mapping[str, Any]:
    """Read a model's config from the hub's cache or, where it is not there, over the network with the token there is.

    Raises:
        BadInput: the model is not on the hub, is gated, or has no config.json.
        NotAvailable: the hub cannot be reached.
    """
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(hub_id, "config.json")
    if isinstance(cached, str):
        return read_config_file(Path(cached))
    return read_config_file(Path(_download(hub_id)))


def _download(hub_id: str) -> str:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        size = get_hf_file_metadata(hf_hub_url(hub_id, "config.json"), timeout=10).size or 0
        if size > MAX_CONFIG_BYTES:
            raise BadInput(f"{hub_id}: config.json has {size} bytes; at most {MAX_CONFIG_BYTES} are read")
        return hf_hub_download(hub_id, "config.json", etag_timeout=10)
    except (OfflineModeIsEnabled, LocalEntryNotFoundError):
        raise NotAvailable(
            f"{hub_id}: not in the hub's cache, and the hub is switched off or away; {_CHOICES}"
        ) from None
    except HfHubHTTPError as error:
        raise _explain_refusal(hub_id, error) from None
    except transport_errors():
        raise NotAvailable(f"{hub_id}: not in the catalogue, and the hub cannot be reached; {_CHOICES}") from None


def transport_errors() -> tuple[type[Exception], ...]:
    """What the HTTP library that the hub's library uses raises when nobody answers."""
    libraries = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return (OSError, *(library.TransportError for library in libraries if library is not None))


def _explain_refusal(hub_id: str, error: Exception) -> FtchatError:
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return BadInput(
            f"{hub_id}: gated; accept its licence on its page at huggingface.co and run 'hf auth login', {_CHOICES}"
        )
    if isinstance(error, EntryNotFoundError):
        return BadInput(f"{hub_id}: has no config.json, so it is not a transformers model; {_CHOICES}")
    if isinstance(error, RepositoryNotFoundError):
        return BadInput(f"{hub_id}: not on the hub, or private; check the spelling and 'hf auth login', {_CHOICES}")
    return NotAvailable(f"{hub_id}: the hub answered with an error ({type(error).__name__}); try again, {_CHOICES}")
