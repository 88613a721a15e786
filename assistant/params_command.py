"""``ftchat params``: how many parameters a model has, and how many of them are trained."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.json_lines import print_json, read_batch
from tools.adaptation import METHODS, Adaptation, Method, parse_targets
from tools.errors import BadInput, FtchatError
from tools.model_config import load_model_shape
from tools.model_shape import ModelShape
from tools.parameters import ParameterCount, count_parameters, resize_vocabulary

SCHEMA = "ftchat.params/1"
_ALIASES = {"qlora": "lora"}
_NAMES = ("targets", "modules_to_save", "exclude", "parameters", "feedforward")
_KEYS = ("model", "method", "rank", "layers", "vocab_size", "experts", "bias", "virtual_tokens", *_NAMES)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A count with what it was asked for."""

    shape: ModelShape
    adaptation: Adaptation
    count: ParameterCount


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    parser = commands.add_parser("params", help="count parameters exactly: total, trainable, active")
    parser.add_argument("model", nargs="?", metavar="MODEL", help='hub id, folder, config.json, GGUF or "llama 3.1 8b"')
    parser.add_argument("--method", metavar="M", help=f"{', '.join(METHODS)} or qlora (lora where a rank is given)")
    parser.add_argument("--rank", metavar="R", help="LoRA's rank (8)")
    parser.add_argument("--targets", metavar="T", help="names with commas, a regex, or all-linear (PEFT's default)")
    parser.add_argument("--exclude", metavar="T", help="names left alone although they are targets")
    parser.add_argument("--parameters", metavar="P", help="parameters that take LoRA, as experts.down_proj")
    parser.add_argument("--experts", action="store_true", help="LoRA on the stacked experts too")
    parser.add_argument("--feedforward", metavar="T", help="targets whose input IA3 scales")
    parser.add_argument("--modules-to-save", metavar="M", help="modules trained whole, as embed_tokens,lm_head")
    parser.add_argument("--layers", metavar="L", help="layers that are adapted, as 0,1 or 22-23 (all)")
    parser.add_argument("--bias", choices=("none", "all", "lora_only"), help="biases that are trained too (none)")
    parser.add_argument("--virtual-tokens", metavar="N", help="for prompt and prefix (20)")
    parser.add_argument("--vocab-size", metavar="V", help="rows of the token embedding after resizing")
    parser.add_argument("--batch", metavar="F", help="JSON Lines, one model an object with these flags as keys")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, one object a line where there are several")


def run(options: argparse.Namespace) -> int:
    """Count and print; gives the exit code."""
    if options.batch:
        return _run_batch(options.batch)
    if not options.model:
        raise BadInput("a model is missing; try: ftchat params 'llama 3.1 8b' --rank 16 --targets all-linear")
    answer = _answer({key: getattr(options, key) for key in _KEYS})
    if options.json:
        print_json({"schema": SCHEMA, **describe(answer.shape, answer.adaptation, answer.count)})
    else:
        from assistant.params_text import write_count

        print("\n".join(write_count(answer.shape, answer.adaptation, answer.count)))
    return 0


def _run_batch(name: str) -> int:
    for item in read_batch(name):
        if isinstance(item, FtchatError):
            print_json({"schema": SCHEMA, "error": str(item)})
            continue
        identity = {"id": item["id"]} if "id" in item else {}
        try:
            answer = _answer({key: value for key, value in item.items() if key != "id"})
        except FtchatError as error:
            print_json({"schema": SCHEMA, **identity, "model": item.get("model"), "error": str(error)})
            continue
        print_json({"schema": SCHEMA, **identity, **describe(answer.shape, answer.adaptation, answer.count)})
    return 0


def _answer(flags: Mapping[str, Any]) -> _Answer:
    unknown = [key for key in flags if key not in _KEYS]
    if unknown:
        raise BadInput(f"unknown key {unknown[0]!r}; allowed: {', '.join(_KEYS)}")
    given = {key: value for key, value in flags.items() if value is not None and value is not False and value != ""}
    if not isinstance(given.get("model"), str):
        raise BadInput(f"model must be a text such as 'llama 3.1 8b', got {given.get('model')!r}")
    adaptation = read_adaptation(given)
    shape = load_model_shape(given["model"])
    if "vocab_size" in given:
        shape = resize_vocabulary(shape, read_number("vocab_size", given["vocab_size"]))
    return _Answer(shape, adaptation, count_parameters(shape, adaptation))


def read_adaptation(given: Mapping[str, Any]) -> Adaptation:
    """Read what is trained from flags; a rank or targets alone mean LoRA.

    Raises:
        BadInput: a value is not allowed, or goes with another method.
    """
    is_adapter = any(key in given for key in ("rank", "experts", "layers", *_NAMES))
    method = str(given.get("method") or ("lora" if is_adapter else "full")).lower()
    if method == "full" and is_adapter:
        named = next(key for key in given if key in ("rank", "experts", "layers", *_NAMES))
        raise BadInput(f"{named} goes with an adapter; give method lora, or leave {named} out")
    targets = given.get("targets")
    return Adaptation(
        method=_read_method(method),
        rank=read_number("rank", given.get("rank", 8)),
        targets=None if targets is None else read_targets(targets),
        excluded=read_names("exclude", given.get("exclude")),
        parameters=read_names("parameters", given.get("parameters")),
        feedforward=read_names("feedforward", given["feedforward"]) if "feedforward" in given else None,
        saved=read_names("modules_to_save", given.get("modules_to_save")),
        layers=read_layers(given["layers"]) if "layers" in given else None,
        has_experts=bool(given.get("experts")),
        bias=given.get("bias", "none"),
        num_virtual_tokens=read_number("virtual_tokens", given.get("virtual_tokens", 20)),
    )


def _read_method(name: str) -> Method:
    for method in METHODS:
        if _ALIASES.get(name, name) == method:
            return method
    raise BadInput(f"method must be one of {', '.join((*METHODS, *_ALIASES))}, got {name!r}")


def read_number(name: str, value: object) -> int:
    """Read a whole number from a flag or from JSON.

    Example:
        >>> read_number("rank", "16")
        16
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(str(value))
    except ValueError:
        raise BadInput(f"{name} must be a whole number, got {value!r}") from None


def read_targets(value: object) -> str | tuple[str, ...]:
    """Read targets from a text or a list of names."""
    return parse_targets(value) if isinstance(value, str) else read_names("targets", value)


def read_names(name: str, value: object) -> tuple[str, ...]:
    """Read names from a text with commas or a list of texts.

    Example:
        >>> read_names("modules_to_save", "embed_tokens,lm_head")
        ('embed_tokens', 'lm_head')
    """
    if value is None:
        return ()
    parts = value.replace("+", ",").replace(" ", ",").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise BadInput(f"{name} must be names with commas or a list of names, got {value!r:.60}")
    return tuple(dict.fromkeys(part for part in parts if part))


def read_layers(value: object) -> tuple[int, ...]:
    """Read layers from a number, a list or a text such as ``0,1`` or ``22-23``.

    Example:
        >>> read_layers("0,22-23"), read_layers([6, 7])
        ((0, 22, 23), (6, 7))
    """
    numbers: list[int] = []
    for part in value if isinstance(value, list | tuple) else str(value).split(","):
        first, _, last = str(part).strip().partition("-")
        start, stop = read_number("layers", first), read_number("layers", last or first)
        if not 0 <= start <= stop < 10_000:
            raise BadInput(f"layers must be numbers from 0 or ranges such as 22-23, got {value!r:.60}")
        numbers += range(start, stop + 1)
    return tuple(dict.fromkeys(numbers))


def describe(shape: ModelShape, adaptation: Adaptation, count: ParameterCount) -> dict[str, Any]:
    """The answer as JSON holds it."""
    return {
        "model": shape.name,
        "source": shape.source,
        "total": count.total,
        "trainable": count.trainable,
        "active": count.active,
        "embedding": count.embedding,
        "base_total": count.base_total,
        "packed_total": count.packed_total,
        "how": count.how,
        "method": adaptation.method,
        "parts": dict(count.parts),
        "adapted": [
            {"name": item.name, "places": item.num_places, "values": item.num_values} for item in count.additions
        ],
    }
