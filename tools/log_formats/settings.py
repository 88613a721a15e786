"""Settings as trainers print them in one line: banners, dictionaries, command lines, tables, PEFT's count."""

import re
from collections.abc import Iterator

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.hardware import read_hardware
from tools.log_formats.setting_names import CONFIG_NAMES, KINDS, KNOWN_ENDS, WEAK_NAMES
from tools.log_formats.setting_values import canonical_setting, read_named, read_number, read_value
from tools.log_formats.statements import MARKERS as STATEMENT_MARKERS
from tools.log_formats.statements import read_statements
from tools.run import Line, Setting

__all__ = ["CONFIG_NAMES", "MARKERS", "is_metric_row", "name_pairs", "read_settings", "read_value"]

MARKERS: tuple[bytes, ...] = (
    *(b"=", b": ", b'":', b" --", b" ..", b"print]", b"onfig", b"iB / ", b".0 O"),
    *STATEMENT_MARKERS,
)
"""A line without any of these names no setting."""

MIN_STRONG = 2
"""So many settings in a line make a dump of settings of it, in which short names such as ``lr`` are settings too."""
METRIC_STRONG = 4
"""A row of metrics holds fewer names of settings than this: the learning rate, the batch size, the loss scale."""
MAX_TOKENS = 600
MAX_TABLE_VALUE = 400

_BANNER = {
    "num examples": "num_examples",
    "train dataset size": "num_examples",
    "train samples": "num_examples",
    "training samples": "num_examples",
    "training examples": "num_examples",
    "training set size": "num_examples",
    "vocab size": "vocab_size",
    "vocabulary size": "vocab_size",
    "vocab_size": "vocab_size",
    "num epochs": "num_train_epochs",
    "instantaneous batch size per device": "per_device_train_batch_size",
    "batch size per device": "per_device_train_batch_size",
    "gradient accumulation steps": "gradient_accumulation_steps",
    "total train batch size (w. parallel, distributed & accumulation)": "total_train_batch_size",
    "total optimization steps": "total_steps",
    "total steps": "total_steps",
    "number of trainable parameters": "trainable_parameters",
    "trainable parameters": "trainable_parameters",
    "trainable params": "trainable_parameters",
    "all params": "all_parameters",
    "world size": "world_size",
    "num processes": "world_size",
    "num gpus": "num_gpus",
    "number of gpus": "num_gpus",
    "data parallel gpus": "num_gpus",
}
_BANNER_ENDS = tuple(sorted(_BANNER, key=len, reverse=True))
_BANNER_BYTES = 70
_COUNT = lazy_pattern(r"[=:]\s{0,4}(\d[\d,]{0,25}+(?:\.\d{1,20}+)?)(?![\w%]|\.\d)")
_TOTAL_BATCH = lazy_pattern(r"Total batch size \([\dx ]{5,40}\) = (\d{1,9})")
_OF_ALL = lazy_pattern(r"rainable parameters = [\d,]{1,25}(?: of |/)([\d,]{1,25})")
_MLX_COUNT = lazy_pattern(r"Trainable parameters: [\d.]{1,10}% \(([\d.]{1,12})M/([\d.]{1,12})M\)")

_KEY = lazy_pattern(r"(?<![\w./$-])([A-Za-z_][\w.-]{0,60}+)['\"]?\s{0,8}[=:]\s{0,8}")
_BOUNDARY = (
    r"(?=\s{0,40}(?:$|[,;)\]}|#\\>])|\s{1,40}['\"(+-]{0,3}[A-Za-z_][\w.-]{0,60}['\"]?\s{0,3}[=:]|\s{1,40}--?[A-Za-z])"
)
_LITERAL = lazy_pattern(
    r"('[^']{0,300}'|\"[^\"]{0,300}\"|[\[(][^\[\](){}]{0,1500}[\])]|\{['\"][^:{}\[\]]{0,1500}\}|"
    rf"<\w{{1,40}}\.\w{{1,40}}: '?[\w.-]{{0,40}}'?>|[\w.+/~@-]{{1,200}}){_BOUNDARY}"
)
_ENABLED = lazy_pattern(
    r"['\"]?\b(bf16|bfloat16|fp16)\b['\"]?\W{1,40}enabled['\"]?\s{0,4}[:=]\s{0,4}['\"]?(true|false)", re.I
)
_OPTIMISER_RATE = lazy_pattern(
    r"optim\w{0,10}['\"]?\s{0,2}[=:]\s{0,2}(?:\w{1,30}\(|\{)[^{}()]{0,80}?\blr['\"]?\s{0,2}[=:]\s{0,2}"
    r"(\d(?:\.\d{1,20})?(?:e-?\d{1,2})?)(?=\s{0,4}[,)}])"
)
_TABLE = lazy_pattern(r"(?<!\S)([a-z]\w{1,60}) (?:\.{2,60} | )(?=\S)")
_TABLE_END = lazy_pattern(r"\.{0,40}(?:updated|default)$")
_METRIC_WORDS = ("loss", "epoch", "step", "iter", "grad", "reward", "perplexity")
_METRIC = lazy_pattern(
    r"(?:(?<![a-z_])(?:epoch|(?:global_|current_)?step|iter(?:ation)?|grad[_ ]norm|reward|perplexity)|loss)"
    r"['\"]?\s{0,4}[=:]?\s{0,12}['\"]?[-+]?(?:\d|nan|inf)"
)
_COMMAND = lazy_pattern(
    r"(?:^|\s|/)(?:\w[\w.-]*\.py|torchrun|accelerate|deepspeed|llamafactory-cli|swift|tune|litgpt|axolotl|xtuner|mlx_lm\.\w+)\b"
)


def read_settings(text: str, line_number: int) -> Iterator[Setting]:
    """Read every setting that one line names by itself.

    Example:
        >>> [(s.name, s.value) for s in read_settings("  Num examples = 52,002", 3)]
        [('num_examples', 52002.0)]
        >>> [(s.name, s.value) for s in read_settings("train.py --learning_rate 2e-4 --bf16 True", 1)]
        [('learning_rate', 0.0002), ('bf16', True)]
    """
    line = Line(line_number, text)
    pairs = _read_pairs(text)
    if pairs and is_metric_row(text) and sum(name in CONFIG_NAMES for name, _ in pairs) < METRIC_STRONG:
        return
    yield from read_hardware(text, line)
    yield from _read_banner(text, line)
    yield from name_pairs(pairs, line)
    yield from read_statements(text, line)
    if "optim" in text and (rate := _OPTIMISER_RATE.search(text)) and not is_metric_row(text):
        yield Setting("learning_rate", float(rate[1]), line)
    if "--" in text:
        yield from _read_flags(text, line)
    if "enabled" in text:
        for name, raw in _ENABLED.findall(text):
            yield Setting(CONFIG_NAMES[name.replace("bfloat16", "bf16").lower()], raw.lower() == "true", line)


def is_metric_row(text: str) -> bool:
    """Whether a line tells how training went, so that its learning rate is no setting."""
    lowered = text.lower()
    return any(word in lowered for word in _METRIC_WORDS) and bool(_METRIC.search(lowered))


def name_pairs(pairs: list[tuple[str, str]], line: Line, *, is_among_settings: bool = False) -> Iterator[Setting]:
    """Give the settings among names and raw values that stand together."""
    strong = sum(canonical_setting(name, is_among_settings=False) is not None for name, _ in pairs)
    among = is_among_settings or strong >= MIN_STRONG
    for path, raw in pairs:
        name = canonical_setting(path, is_among_settings=among)
        for named in read_named(name, raw) if name else ():
            yield Setting(named.name, named.value, line)


def _read_pairs(text: str) -> list[tuple[str, str]]:
    """Known names with a literal value, as ``name=value``, ``name: value`` or ``name ....... value``."""
    if (" .." in text or "print]" in text) and (table := _TABLE.search(text)):
        name = "num_hidden_layers" if table[1] == "num_layers" else table[1]
        raw = _TABLE_END.sub("", text[table.end() :].rstrip()[-MAX_TABLE_VALUE:])
        return [(WEAK_NAMES.get(name) or name, raw)]
    keys = [key for key in _KEY.finditer(text) if key[1].rpartition(".")[2].replace("-", "_") in KNOWN_ENDS]
    return [(key[1], literal[1]) for key in keys if (literal := _LITERAL.match(text, key.end()))]


def _read_banner(text: str, line: Line) -> Iterator[Setting]:
    for count in _COUNT.finditer(text):
        before = text[max(0, count.start() - _BANNER_BYTES) : count.start()].rstrip().lower()
        name = _banner_name(before) if before.endswith(_BANNER_ENDS) else None
        number = read_number(count[1].replace(",", ""))
        if name and number is not None:
            yield Setting(name, number, line)
    if "otal batch size (" in text and (total := _TOTAL_BATCH.search(text)):
        yield Setting("total_train_batch_size", float(total[1]), line)
    if "rainable parameters" not in text:
        return
    if everything := _OF_ALL.search(text):
        yield Setting("all_parameters", float(everything[1].replace(",", "")), line)
    if (millions := _MLX_COUNT.search(text)) and millions[1].count(".") < 2 and millions[2].count(".") < 2:
        yield Setting("trainable_parameters", round(float(millions[1]) * 1e6), line)
        yield Setting("all_parameters", round(float(millions[2]) * 1e6), line)


def _banner_name(before: str) -> str | None:
    """The setting whose banner name a text ends with; "non-trainable parameters" is another name."""
    end = next(end for end in _BANNER_ENDS if before.endswith(end))
    start = before[: -len(end)]
    is_other = start[-1:].isalnum() or start.endswith(("_", "-", "padded "))
    return None if is_other else _BANNER[end]


def _read_flags(text: str, line: Line) -> Iterator[Setting]:
    """The flags of a command line; a flag without a value is true, several values make a list."""
    tokens = [token.strip("'\",[]") for token in text.split(maxsplit=MAX_TOKENS)[:MAX_TOKENS]]
    starts = [index for index, token in enumerate(tokens) if token.startswith("--") and len(token) > 2]
    if not starts or not (starts[0] == 0 or len(starts) > 1 or _COMMAND.search(text)):
        return
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        flag, _, joined = tokens[start][2:].partition("=")
        name = canonical_setting(flag, is_among_settings=True)
        values = [joined] if joined else [token for token in tokens[start + 1 : end] if token not in ("\\", "")]
        if name:
            for named in read_named(name, _flag_value(name, values)):
                yield Setting(named.name, named.value, line)


def _flag_value(name: str, values: list[str]) -> str:
    if KINDS[name] == "list":
        return ",".join(values)
    if KINDS[name] == "truth" and not (values and (values[0].startswith("$") or read_named(name, values[0]))):
        return "true"
    return values[0] if values else "true"
