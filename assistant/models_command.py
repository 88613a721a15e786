"""``ftchat models``: which language models there are, fetch one, measure one, choose one."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.json_lines import print_json
from assistant.settings import NO_MODEL, Settings, load_settings
from tools.errors import BadInput

SCHEMA = "ftchat.models/1"
SERVED_TOKENS = 2048
"""Of a reply of a server of OpenAI's kind: room for thoughts, and an end for a small model that finds none itself."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command, its actions and their flags."""
    models = commands.add_parser("models", help="list, pull, probe or choose the language model that answers")
    actions = models.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="recommended models and those that are here")
    pull = actions.add_parser("pull", help="fetch a model from the hub; a broken download is gone on with")
    pull.add_argument("name", metavar="NAME", help="a name of the list, or org/repo/file.gguf of the hub")
    probe = actions.add_parser("probe", help="measure what a model may be trusted with (minutes)")
    probe.add_argument("name", nargs="?", metavar="MODEL", help="as for use; the model that answers now")
    use = actions.add_parser("use", help="let a model answer from now on, in your own ftchat.toml")
    use.add_argument("name", metavar="MODEL", help='a name of the list, a GGUF file, "embedded", "none", openai:NAME')
    for parser in (probe, use):
        parser.add_argument("--url", metavar="URL", help="server of an openai:NAME model")
    for parser in (listed, pull, probe, use):
        parser.add_argument("--json", action="store_true", help="JSON on stdout")
        parser.add_argument("--cache", metavar="DIR", help="folder of pulled models and scores (FTCHAT_CACHE)")


def run(options: argparse.Namespace) -> int:
    """Do one action; gives the exit code."""
    settings = load_settings({"cache": options.cache})
    {"list": _list, "pull": _pull, "probe": _probe, "use": _use}[options.action](options, settings)
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> None:
    from assistant.model_listing import find_problem, list_models
    from assistant.model_memory import measure_free_memory
    from assistant.models_view import describe_model, render_models

    models, free, problem = list_models(settings), measure_free_memory(), find_problem(settings)
    _show(
        options,
        {
            "action": "list",
            "in_use": settings.model,
            "problem": problem,
            "free_memory_bytes": free,
            "models": [describe_model(model) for model in models],
        },
        [*render_models(models, free), *([f"No model answers: {problem}"] if problem else [])],
    )


def _pull(options: argparse.Namespace, settings: Settings) -> None:
    from assistant.model_pull import pull_model, read_wanted

    pulled = pull_model(read_wanted(options.name), Path(settings.cache), _say)
    text = f"{pulled.path} is here and whole" if pulled.fetched_bytes else f"{pulled.path} was here already, and whole"
    _show(
        options,
        {
            "action": "pull",
            "model": options.name,
            "path": str(pulled.path),
            "sha256": pulled.sha256,
            "size_bytes": pulled.size_bytes,
            "fetched_bytes": pulled.fetched_bytes,
        },
        [text, f"Next: ftchat models probe {options.name}, ftchat models use {options.name}"],
    )


def _probe(options: argparse.Namespace, settings: Settings) -> None:
    from assistant.chat_models import open_chat_model
    from assistant.models_view import describe_score, render_score
    from assistant.probe import remote_key, run_probe, save_score
    from assistant.vram_progress import show_progress

    chosen = _settings_of(options, settings)
    if chosen.model == NO_MODEL:
        raise BadInput("no model answers now; name one: ftchat models probe embedded")
    opened = open_chat_model(chosen)
    key = opened.file_hash or remote_key(chosen.model, chosen.model_url)
    with show_progress(sys.stderr) as draw:
        progress = _Progress(draw)
        limit = SERVED_TOKENS if chosen.model.startswith("openai:") else None
        score, graded = run_probe(opened.model, opened.name, progress.tell, limit)
    save_score(Path(settings.cache), key, score)
    wrong = [each.case.id for each in graded if each.grade != "right"]
    _show(
        options,
        {"action": "probe", "model": opened.name, "key": key, **describe_score(score), "wrong": wrong},
        render_score(score),
    )


class _Progress:
    """A bar on a terminal; elsewhere a line where a group begins."""

    def __init__(self, draw: Any) -> None:
        self._draw, self._last = draw, ""

    def tell(self, share: float, group: str) -> None:
        self._draw(share, group)
        if group != self._last and not sys.stderr.isatty():
            _say(f"probe: {group}, {share:.0%} done")
        self._last = group


def _use(options: argparse.Namespace, settings: Settings) -> None:
    from assistant.model_choice import find_override, personal_file, write_choice
    from assistant.models_view import describe_result, describe_score

    chosen = _settings_of(options, settings)
    model, score = _resolve(options, chosen)
    path = personal_file()
    write_choice(path, model, options.url or "")
    override = find_override(load_settings({"cache": options.cache}).model, model)
    lines = [f"{model} answers from now on ({path})"]
    if override:
        lines.append(f"but {override} comes first here; unset it to use {model}")
    if model != NO_MODEL:
        lines.append(f"its probe: {describe_result(score)}")
        if score is None:
            lines.append(f"until it is measured it answers in the mode compose; next: ftchat models probe {model}")
    _show(
        options,
        {
            "action": "use",
            "model": model,
            "model_url": options.url,
            "config": str(path),
            "overridden_by": override or None,
            "mode": None if model == NO_MODEL else "narrate" if score and score.may_narrate else "compose",
            "probe": describe_score(score) if score else None,
        },
        lines,
    )


def _resolve(options: argparse.Namespace, chosen: Settings) -> tuple[str, Any]:
    """How the choice is written down, and its score; a model that cannot be found is refused."""
    from assistant.chat_models import is_provider_model, open_chat_model
    from assistant.model_catalogue import find_catalogue_model, parse_hub_file
    from assistant.model_listing import find_file_score
    from assistant.models import EMBEDDED_CHOICE, find_model
    from assistant.probe_score import load_score, remote_key

    cache_folder, name = Path(chosen.cache), options.name
    if name == NO_MODEL:
        return NO_MODEL, None
    if is_provider_model(name):
        open_chat_model(chosen)
        return name, load_score(cache_folder, remote_key(name, chosen.model_url))
    if options.url:
        raise BadInput(f"--url goes with a model behind a server, as openai:NAME; {name!r} runs here")
    found = find_model(name, cache_folder)
    is_name = name == EMBEDDED_CHOICE or find_catalogue_model(name) or parse_hub_file(name)
    written = name if is_name and not Path(name).exists() else str(found.path.absolute())
    return written, find_file_score(found.path, cache_folder)


def _settings_of(options: argparse.Namespace, settings: Settings) -> Settings:
    """The settings with the model that was named; the server of another model is not its own."""
    if options.name is None:
        return replace(settings, model_url=options.url or settings.model_url)
    return replace(settings, model=options.name, model_url=options.url or "")


def _show(options: argparse.Namespace, value: dict[str, Any], lines: list[str]) -> None:
    if options.json:
        print_json({"schema": SCHEMA, **value})
    else:
        print("\n".join(lines))


def _say(text: str) -> None:
    """Say on stderr what happens, so that stdout holds the result alone."""
    print(f"ftchat: {text}", file=sys.stderr, flush=True)
