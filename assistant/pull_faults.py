"""What can go wrong between the hub and a disk, each in one line with the next step."""

import errno
from pathlib import Path

from tools.errors import BadInput, FtchatError, NotAvailable
from tools.units import format_bytes

AWAY = "check the network or HF_ENDPOINT; a file that you have can be used with 'ftchat models use PATH'"

UNAUTHORISED = 401


def explain_refusal(name: str, error: Exception) -> FtchatError:
    """Say why the hub did not tell about a file."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    repository, _, file = name.partition("/")[2].partition("/")
    repository = f"{name.partition('/')[0]}/{repository}"
    if isinstance(error, OfflineModeIsEnabled):
        return NotAvailable(f"{name}: the hub is switched off by HF_HUB_OFFLINE; unset it and try again")
    if isinstance(error, GatedRepoError):
        return NotAvailable(
            f"{name}: gated; accept the licence on the page of {repository} at huggingface.co, run 'hf auth login', "
            "and pull again"
        )
    if isinstance(error, EntryNotFoundError):
        return BadInput(f"{name}: {repository} has no file {file}; look at the files on its page for the right name")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, RepositoryNotFoundError) or status == UNAUTHORISED:
        return BadInput(
            f"{name}: no repository {repository} on the hub, or it is private; check the spelling, or 'hf auth login'"
        )
    if isinstance(error, HfHubHTTPError):
        return NotAvailable(f"{name}: the hub answered {status}; try again later")
    return NotAvailable(f"{name}: the hub cannot be reached ({type(error).__name__}); {AWAY}")


def explain_break(name: str, error: Exception, part: Path) -> FtchatError:
    """Say why a download ended early, and how much of it is kept."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return explain_refusal(name, error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotAvailable(f"{name}: the disk of {part.parent} is full; make room and pull again, it goes on")
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return NotAvailable(
            f"{error.filename}: cannot be written ({error.strerror}); set FTCHAT_CACHE to a folder of yours"
        )
    held = part.stat().st_size if part.is_file() else 0
    return NotAvailable(f"{name}: the connection broke after {format_bytes(held)}; pull again, it goes on from there")
