"""The choices that a question's words make: method, precision, optimiser, sharding, packing, modules, checkpointing."""

import re
from collections.abc import Iterator
from itertools import pairwise

from assistant.question_facts import MAX_QUESTION, Reading
from tools.lazy_pattern import lazy_pattern

_FULL = (
    r"full(?:[\s_-]?parameters?|[\s_-]?weights?)?[\s_-](?:fine[\s_-]?tun\w{0,4}|sft|tun(?:e|ing)|training|ft)\b"
    r"|full[\s_-]?parameters?\b|\bfft\b|all (?:the )?weights are trained"
)
_METHODS = lazy_pattern(
    rf"(?P<qlora>\bq-?lora\b)|(?P<dora>\bdora\b)|(?P<lora>(?:\b|use_)(?:rs)?loras?\b)|(?P<full>\b(?:{_FULL}))",
    re.IGNORECASE,
)
_BITS = lazy_pattern(
    r"(?<![\w.])(?:load_in_)?(?:(?P<four>4[\s_-]?bits?|four[\s-]bit|nf4)|(?P<eight>8[\s_-]?bits?|eight[\s-]bit"
    r"|int8))(?!\w)"
    r"(?!\s?(?:adam|optim|paged|lion))",
    re.IGNORECASE,
)
_PRECISIONS = lazy_pattern(
    r"(?<![\w])(?:(?P<bf16>bf-?16|bfloat16)|(?P<fp16>fp-?16|float16|half precision)|(?P<fp32>fp-?32|float32"
    r"|full precision))(?!\w)",
    re.IGNORECASE,
)
_OPTIMISERS = lazy_pattern(
    r"(?<!\w)(?:(?P<named>(?:paged_)?(?:adamw|adam|lion)_(?:torch_fused|torch_8bit|torch|fused|hf|bnb_8bit|8bit"
    r"|32bit|4bit|apex_fused))"
    r"|(?P<said>(?:paged[\s-])?(?:8[\s-]?bit[\s-])?(?:paged[\s-])?adamw?(?:[\s-]8[\s-]?bit)?)(?=\W|$)"
    r"|(?P<other>adafactor|galore|badam|lomo|muon|sgd)|(?P<lion>lion(?= optimi[sz]er))"
    r"|(?P<eight>8[\s-]?bit(?= optimi[sz]er)))(?!\w)",
    re.IGNORECASE,
)
_SHARDING = lazy_pattern(
    r"(?<!\w)(?:(?P<zero>(?i:zero)[-_]?(?:(?i:stage)[\s_-]?)?(?P<a>[123])|ZeRO[\s-](?:(?i:stage) )?(?P<b>[123])"
    r"|(?i:deepspeed|zero|ds)[\s_-](?:(?i:zero)[\s_-])?(?i:stage)[\s_-]?(?P<c>[123]))|(?P<fsdp>(?i:fsdp)2?))(?!\w"
    r"|\.\d)"
)
_SWITCHES = (
    (
        "gradient_checkpointing",
        r"(?:grad(?:ient)?|activation)[\s_-]checkpointing|(?<=with )checkpointing|(?<=without )checkpointing",
    ),
    ("packing", r"(?:sample |sequence )?packing"),
    ("flash", r"flash[\s_-]?att(?:entio)?n(?:[\s_-]?2)?|fa[23]"),
)
_ON_BEFORE = r"(?:with|using|use|enabled?|turn(?:ed)? on|switch(?:ed)? on|plus|\+|have|enabling)\s(?:the\s)?$"
_OFF_BEFORE = (
    r"(?:without|no|disabled?|turn(?:ed)? off|not using|don'?t use|switch(?:ed)? off|disabling|w/o)\s(?:the\s)?$"
)
_ON_AFTER = r"\s?(?:=|:|is|was|set to)?\s?(?:true|on|enabled|yes)\b"
_OFF_AFTER = r"\s?(?:=|:|is|was|set to)?\s?(?:false|off|disabled|no|none)\b"
_QUESTIONED = r"(?:does|do|would|will|should i|can i|could|is it worth|what if i|how (?:do|can) i)\b[^.?!]{0,40}$"
_NOT = (
    r"(?:instead of|rather than|not|without|no|than|never|vs\.?|versus|over|from|unlike|before)\s(?:using\s"
    r"|with\s|a\s|plain\s)?$"
)
_LATER = r"(?:quanti[sz]\w{1,5}|export\w{0,3}|convert\w{0,3}|merg\w{1,3}|gguf|inference)\b[^.,;]{0,24}$"
_MODULES = lazy_pattern(
    r"(?<![\w.])(?:(?P<all>all[\s_-]linear(?: layers)?)|(?P<names>(?:[qkvo]|gate|up|down|out)_proj|W_pack|c_attn"
    r"|query_key_value)"
    r"|(?P<letters>(?<= )[qkvo](?:\s?[,/]\s?[qkvo]){1,3}(?:_proj)?))(?![\w.])"
)
_MODULE_CONTEXT = (
    r"(?:\bon|target\w*|lora|adapt\w*|modules?|layers|tun(?:e|ing)|r ?=? ?\d+|alpha ?=? ?\d+)\W[^.?!]{0,30}$"
)


def read_choices(question: str) -> Iterator[Reading]:
    """What the words choose; two choices side by side ("LoRA or full") give none."""
    text = question[:MAX_QUESTION]
    yield from _read_method(text)
    yield from _read_precision(text)
    yield from _read_optimiser(text)
    yield from _read_sharding(text)
    yield from _read_switches(text)
    yield from _read_modules(text)


def _read_method(text: str) -> Iterator[Reading]:
    found = _choose(_METHODS, text)
    bits = _choose(_BITS, text, _LATER)
    if bits is not None:
        name = "load_in_4bit" if bits.lastgroup == "four" else "load_in_8bit"
        yield Reading(name, True, bits.start(), bits.end())
    elif found is not None and found.lastgroup == "qlora":
        yield Reading("load_in_4bit", True, found.start(), found.end())
    if found is not None:
        yield Reading("adapter", str(found.lastgroup), found.start(), found.end())


def _read_precision(text: str) -> Iterator[Reading]:
    found = _choose(_PRECISIONS, text, _LATER)
    if found is None:
        return
    if found.lastgroup == "fp32":
        yield Reading("torch_dtype", "float32", found.start(), found.end())
    else:
        yield Reading(str(found.lastgroup), True, found.start(), found.end())


def _read_optimiser(text: str) -> Iterator[Reading]:
    found = _choose(_OPTIMISERS, text)
    if found is None:
        return
    words = found[0].lower().replace("-", " ")
    if found.lastgroup == "said":
        is_8bit, is_paged = "8" in words, "paged" in words
        words = f"{'paged_' if is_paged else ''}adamw{'_8bit' if is_8bit else '' if is_paged else '_torch'}"
    elif found.lastgroup == "eight":
        words = "adamw_8bit"
    yield Reading("optim", words, found.start(), found.end())


def _read_sharding(text: str) -> Iterator[Reading]:
    found = _choose(_SHARDING, text)
    if found is None:
        return
    if found["fsdp"]:
        yield Reading("fsdp", found["fsdp"].lower(), found.start(), found.end())
    else:
        yield Reading("zero_stage", float(found["a"] or found["b"] or found["c"]), found.start(), found.end())


def _read_switches(text: str) -> Iterator[Reading]:
    """A switch counts where the words turn it on or off; where it is only asked about, it does not."""
    for name, pattern in _SWITCHES:
        for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE):
            before, after = text[max(0, match.start() - 50) : match.start()], text[match.end() : match.end() + 20]
            is_off = _meets(_OFF_BEFORE, before) or re.match(_OFF_AFTER, after, re.IGNORECASE)
            is_on = _meets(_ON_BEFORE, before) or re.match(_ON_AFTER, after, re.IGNORECASE)
            is_listed = re.search(r"[,+(]\s?$", before) and re.match(r"\s?[,+)]", after)
            if (_meets(_QUESTIONED, before) and not is_off) or not (is_off or is_on or is_listed):
                continue
            if name != "flash":
                yield Reading(name, not is_off, match.start(), match.end())
            elif not is_off:
                yield Reading("attn_implementation", "flash_attention_2", match.start(), match.end())
            break


def _read_modules(text: str) -> Iterator[Reading]:
    """The modules that LoRA is put on, where they are said to be."""
    matches = list(_MODULES.finditer(text))
    if not matches or not _meets(_MODULE_CONTEXT, text[max(0, matches[0].start() - 60) : matches[0].start()]):
        return
    run = [matches[0]]
    for one, following in pairwise(matches):
        if not re.fullmatch(r"[\s,/&'\"]{0,5}(?:and)?[\s,'\"]{0,4}", text[one.end() : following.start()]):
            break
        run.append(following)
    if run[0]["all"]:
        yield Reading("target_modules", "all-linear", run[0].start(), run[0].end())
        return
    names: dict[str, None] = {}
    for match in run:
        letters = re.findall("[qkvo]", match["letters"].removesuffix("_proj")) if match["letters"] else []
        names |= dict.fromkeys([f"{letter}_proj" for letter in letters] or [match[0]])
    yield Reading("target_modules", ",".join(names), run[0].start(), run[-1].end())


def _choose(pattern: re.Pattern[str], text: str, refused: str = "") -> re.Match[str] | None:
    """The one choice that is made: those after "instead of" or "not" are left out, two different ones give none."""
    found: dict[str, re.Match[str]] = {}
    for match in pattern.finditer(text):
        before = text[max(0, match.start() - 60) : match.start()]
        if not _meets(_NOT, before) and not (refused and _meets(refused, before)):
            key = match.group().lower() if match.lastgroup in ("named", "other") else str(match.lastgroup)
            found.setdefault(key, match)
    return next(iter(found.values())) if len(found) == 1 else None


def _meets(pattern: str, before: str) -> bool:
    return re.search(pattern, before, re.IGNORECASE) is not None
