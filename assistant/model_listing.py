"""What there is to say of each language model: the catalogue's, those that were pulled, and the one in use."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.model_catalogue import CatalogueModel, HubFile, list_pulled, load_catalogue, pulled_path
from assistant.model_hash import recall_hash
from assistant.model_memory import estimate_memory, measure_free_memory
from assistant.models import EMBEDDED_CHOICE, find_model
from assistant.probe_score import ProbeScore, load_score, remote_key
from assistant.settings import NO_MODEL, Settings
from tools.errors import FtchatError, NotAvailable
from tools.model_config import load_model_shape


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model.

    Attributes:
        name: what a person types for it.
        title: what it is called.
        source: repository on the hub, path of the file, or URL of the server.
        parameters: number of weights; None where not known.
        size_bytes: length of the file; None where not known, and for a model behind a server.
        licence: of the weights, "" where not known.
        context_tokens: longest context that it was trained for; None where not known.
        memory_bytes: what it needs here, None for a model behind a server or where not known.
        fits: whether that is free now; None where not known.
        is_present: it can be used without a pull.
        in_use: it answers now.
        score: of the probe, None where it was not measured.
    """

    name: str
    title: str
    source: str
    parameters: int | None
    size_bytes: int | None
    licence: str
    context_tokens: int | None
    memory_bytes: int | None
    fits: bool | None
    is_present: bool
    in_use: bool
    score: ProbeScore | None


def list_models(settings: Settings) -> list[ListedModel]:
    """The catalogue's models, the smallest first, then others that are here."""
    cache_folder = Path(settings.cache)
    used = _find_used(settings, cache_folder)
    free = measure_free_memory()
    rows = [_list_recommended(model, cache_folder, used, free) for model in load_catalogue()]
    known = {pulled_path(HubFile(model.repository, model.file), cache_folder) for model in load_catalogue()}
    own = [path for path in list_pulled(cache_folder) if path not in known]
    if used and not any(row.in_use for row in rows) and used not in own:
        own.append(used)
    rows += [_list_file(path, cache_folder, used, free) for path in own]
    return [*rows, *_list_remote(settings, cache_folder)]


def find_problem(settings: Settings) -> str | None:
    """Say why the model of the settings cannot answer; None where it can, and where none is wanted."""
    from assistant.chat_models import is_provider_model

    if settings.model == NO_MODEL or is_provider_model(settings.model):
        return None
    try:
        find_model(settings.model, Path(settings.cache))
    except NotAvailable as fault:
        return str(fault)
    return None


def find_file_score(path: Path, cache_folder: Path) -> ProbeScore | None:
    """A file's score; a file whose hash was never computed was never measured either."""
    digest = recall_hash(path, cache_folder)
    return load_score(cache_folder, digest) if digest else None


def _find_used(settings: Settings, cache_folder: Path) -> Path | None:
    """The file that answers now; None for a model behind a server, for none, and for one that is not there."""
    try:
        return find_model(settings.model, cache_folder).path
    except NotAvailable:
        return None


def _list_recommended(model: CatalogueModel, cache_folder: Path, used: Path | None, free: int | None) -> ListedModel:
    path = pulled_path(HubFile(model.repository, model.file), cache_folder) if model.repository else None
    try:
        found: Path | None = path or find_model(EMBEDDED_CHOICE, cache_folder).path
    except NotAvailable:
        found = None
    is_present = found is not None and found.is_file()
    memory = None
    if model.size_bytes is not None:
        memory = estimate_memory(model.size_bytes, load_model_shape(model.base))
    return ListedModel(
        name=model.name,
        title=model.title,
        source=model.repository or "comes with ftchat",
        parameters=model.parameters,
        size_bytes=model.size_bytes,
        licence=model.licence,
        context_tokens=model.context_tokens,
        memory_bytes=memory,
        fits=_fits(memory, free),
        is_present=is_present,
        in_use=is_present and found == used,
        score=find_file_score(found, cache_folder) if found and is_present else None,
    )


def _list_file(path: Path, cache_folder: Path, used: Path | None, free: int | None) -> ListedModel:
    size = path.stat().st_size
    memory = context = None
    try:
        shape = load_model_shape(str(path))
        memory, context = estimate_memory(size, shape), shape.max_positions or None
    except FtchatError:
        pass
    folder = cache_folder / "models"
    name = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    return ListedModel(
        name=name,
        title=path.stem,
        source=str(path),
        parameters=None,
        size_bytes=size,
        licence="",
        context_tokens=context,
        memory_bytes=memory,
        fits=_fits(memory, free),
        is_present=True,
        in_use=path == used,
        score=find_file_score(path, cache_folder),
    )


def _list_remote(settings: Settings, cache_folder: Path) -> Iterator[ListedModel]:
    from assistant.chat_models import is_provider_model

    if settings.model == NO_MODEL or not is_provider_model(settings.model):
        return
    yield ListedModel(
        name=settings.model,
        title=settings.model,
        source=settings.model_url or "the provider's own server",
        parameters=None,
        size_bytes=None,
        licence="",
        context_tokens=None,
        memory_bytes=None,
        fits=None,
        is_present=True,
        in_use=True,
        score=load_score(cache_folder, remote_key(settings.model, settings.model_url)),
    )


def _fits(memory: int | None, free: int | None) -> bool | None:
    return None if memory is None or free is None else memory <= free
