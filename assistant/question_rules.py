"""How words give a number to a setting, as data: the words, the bounds, and what around them gives another meaning."""

import re
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern

# A count: "2048", "8k", "110,000", "36.000"; it does not end in the middle of a word, a decimal or a percentage.
_COUNT = r"\d{1,3}(?:[,.]\d{3}){1,3}(?![\d.,]\d)|\d{1,9}"
_UNIT = r"(?:\s?[kK](?![\w/]))?"
_END = r"(?![\w%]|[.,]\d|\s?(?:-|–|\.\.|/)\s?\d|\s?[x×*]\s?\d)"
_RATE = r"\d{1,3}(?:\.\d{1,10})?[eE]-\d{1,2}|0?\.\d{1,12}|\d{1,2}\s?[x*]\s?10\^?-\d{1,2}"
_START = r"(?<![\w.,$#/-])"
_GLUE = (
    r"[\s=:~(\"'`]{0,4}(?:(?:is|was|are|of|at|to|from|set to|only|just|about|around|up to|=|:"
    r"|==)[\s=:~]{1,3}){0,3}"
)
_WORD = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"


@dataclass(frozen=True, slots=True)
class Rule:
    """How words name a number.

    Attributes:
        pattern: with a group ``n``, and ``m`` where a second number replaces the first ("from 8 to 64").
        before, after: what must not stand right before and after the words.
        least, most: bounds of a value that is meant.
        unless: what anywhere in the question gives the words another meaning.
        is_single: two different values tell none.
    """

    name: str
    pattern: re.Pattern[str]
    least: float
    most: float
    before: str = ""
    after: str = ""
    unless: str = ""
    is_single: bool = False


def _after(words: str, number: str = f"(?:{_COUNT}){_UNIT}", end: str = _END) -> re.Pattern[str]:
    """The number stands behind the words: ``rank 64``, ``rank = 64``, ``rank from 16 to 64``."""
    change = rf"(?:\s?(?:to|->|→|=>|down to|up to)\s?(?P<m>{number}){end})?"
    return lazy_pattern(rf"(?<![\w.-])(?:{words}){_GLUE}(?P<n>{number}){end}{change}", re.IGNORECASE)


def _before(words: str, number: str = f"(?:{_COUNT}){_UNIT}") -> re.Pattern[str]:
    """The number stands before the words: ``3 epochs``, ``8k context``."""
    return lazy_pattern(rf"{_START}(?P<n>{number})[\s-]{{0,2}}(?:{words})(?![\w-])", re.IGNORECASE)


_EVALUATION = (
    r"(?:eval(?:uation)?|val(?:id(?:ation)?)?|test(?:ing)?|dev|held[- ]?out)[\s_-]{1,2}(?:set\s|split\s"
    r"|on\s|of\s|the\s)*"
)
_SPOKEN = rf"(?:{_COUNT}){_UNIT}|{_WORD}"
_ROWS = (
    r"rows|examples?|samples|pairs|instructions|conversations|dialog(?:ue)?s|records|documents|docs|data ?points"
    r"|sentences|entries|triplets|(?:q&a|qa|question/answer|question-answer)s?|question/answers|questions|images"
    r"|prompts"
)
_LENGTH = (
    r"(?:max[\s_-]?)?(?:seq(?:uence)?|context)[\s_-]?(?:len(?:gth)?|size|window)?s?|max[\s_-]len(?:gth)?"
    r"|cut[\s_-]?off(?:[\s_-]len(?:gth)?)?|block[\s_-]size|model_max_length|token (?:limit|length)"
)
_NO_BATCH = r"\s?(?:tokens|of (?:\d|epoch|the)|/|ms|s\b|seconds|min|k\b|errors?)"
_MICRO = r"(?:micro[\s_-]?|mini[\s_-]?|per[\s_-](?:device|gpu)[\s_-](?:train[\s_-])?)"
_BATCH = r"(?:micro[\s_-]?|mini[\s_-]?|train(?:ing)?[\s_-]|per[\s_-](?:device|gpu)[\s_-](?:train[\s_-])?)?"

RULES = (
    Rule(
        "total_train_batch_size",
        _after(r"(?:eff(?:ective|\.)?|global|total|overall)[\s_-]?(?:train[\s_-])?(?:batch(?:[\s_-]?size)?|bs)"),
        1,
        1 << 20,
        after=r"\s?tokens",
    ),
    Rule(
        "per_device_eval_batch_size",
        _after(r"(?:per[\s_-]device[\s_-])?eval(?:uation)?[\s_-]batch(?:[\s_-]?size)?"),
        1,
        4096,
    ),
    Rule(
        "per_device_train_batch_size",
        _after(
            rf"{_BATCH}(?:batch(?:[\s_-]?size)?|bs) per (?:device|gpu)|{_MICRO}(?:batch(?:[\s_-]?size)?|bs)|mbs|micro"
        ),
        1,
        4096,
        after=_NO_BATCH,
    ),
    Rule(
        "per_device_train_batch_size",
        _after(r"(?:batch[\s_-]?size|bs)"),
        1,
        4096,
        before=r"(?:eff(?:ective|\.)?|global|total|overall|eval(?:uation)?)[\s_-]$",
        after=_NO_BATCH,
    ),
    Rule(
        "per_device_train_batch_size",
        _after(r"(?:train(?:ing)?[\s_-])?batch"),
        1,
        4096,
        before=(
            r"(?:(?:eff(?:ective|\.)?|global|total|overall|eval(?:uation)?|in|on|every|first|last|bad|this)[\s_-]"
            r"|(?:crash|fail|die|stop|error|hang|stuck|nan|spike|jump)\w{0,4}\s(?:\w{1,8}\s)?at\s)$"
        ),
        after=_NO_BATCH,
    ),
    Rule(
        "per_device_train_batch_size",
        _before(r"(?:sequences? )?(?:per (?:device|gpu|card)|micro-?batch(?:es)?)(?! accum)"),
        1,
        4096,
    ),
    Rule(
        "gradient_accumulation_steps",
        _after(
            r"(?:grad(?:ient)?s?[\s_.-]{0,2})?acc(?:um(?:ulation|ulate|\.)?)(?:[\s_-](?:steps|iters))?"
            r"|g\.?a\.?(?:s)?(?=[\s=:]{1,2}\d)"
        ),
        1,
        65536,
        after=r"\s?(?:GB|GiB|MB|hours)",
    ),
    Rule(
        "gradient_accumulation_steps",
        _before(r"(?:steps of )?(?:grad(?:ient)? )?acc(?:um(?:ulation)?)(?: steps)?|accumulation"),
        1,
        65536,
        before=r"(?:micro|batch|bs)[\s=]$",
    ),
    Rule(
        "max_length",
        _after(_LENGTH),
        16,
        1 << 21,
        before=r"(?:new[\s_]|completion[\s_]|prompt[\s_]|generation[\s_])$",
        after=r"\s?(?:examples|samples|rows|steps|GB|parallel)",
    ),
    Rule("max_length", _before(rf"(?:tokens? )?(?:of )?(?:{_LENGTH})", f"(?:{_COUNT}){_UNIT}"), 16, 1 << 21),
    Rule(
        "max_length",
        lazy_pattern(
            r"(?:(?:at|with|to|x|×|length|up to|use|using|about|full|of|on)\s{0,2}~?|[x×~]\s?)"
            rf"(?P<n>(?:{_COUNT}){_UNIT})[\s-]?tok(?:en)?s?(?![\w/]| per| a second| of (?:data|text)|s? in the)",
            re.IGNORECASE,
        ),
        128,
        1 << 21,
        before=(
            r"\d\s$|(?:generat\w{1,4}|output\w?|answers?|completions?|total|dataset|corpus|trained|vocab\w*|batch"
            r"|add\w*|new|responses?)\s(?:of\s)?$"
        ),
    ),
    Rule(
        "lora_r",
        _after(r"(?:lora[\s_-]?)?rank|lora_r|(?:lora\s)?r(?=\s?=)|lora r|dim(?:ension)?(?= ?\d{1,3} lora)"),
        1,
        4096,
        before=(
            r"(?:(?:local|global|node|world|on|from|by|each|all|every|of)[\s_-]|\["
            r"|(?:hang|stuck|stop|error|crash|fail|timeout|die)\w{0,4}\s(?:at|on)\s)$"
        ),
        after=(
            r"\s?[:\]]|\s(?:die|dead|hang|hung|time|fail|crash|exit|wait|stuck|stop|process|report|says"
            r"|is (?:stuck|wait|dead))"
        ),
        unless=r"\brank\s?0\b|\bnccl\b|collective|all ranks",
        is_single=True,
    ),
    Rule("lora_r", lazy_pattern(r"(?<![\w.-])r\s?(?P<n>[1-9]\d{0,3})(?![\w.%-]|\s?x)"), 1, 2048),
    Rule(
        "lora_alpha",
        _after(r"(?:lora[\s_-]?)?alpha|α"),
        1,
        8192,
        before=r"(?:neftune[\s_](?:noise[\s_])?|mixup[\s_]|noise[\s_]|smoothing[\s_])$",
    ),
    Rule(
        "learning_rate",
        _after(
            r"(?:peak |max |initial |base )?(?:learning[\s_-]?rate|lr)", f"(?:{_RATE})", r"(?![\w%]|\.\.|\s?-\s?\d)"
        ),
        1e-9,
        1,
    ),
    Rule("learning_rate", _before(r"(?:for the )?(?:learning[\s_-]?rate|lr)", f"(?:{_RATE})"), 1e-9, 1),
    Rule(
        "learning_rate",
        lazy_pattern(
            r"(?:at|with|use|using|try|tried|constant|to|from|and|or|,)\s(?P<n>\d(?:\.\d{1,4})?e-0?[3-7])(?![\w.])"
            r"(?:\s?(?:to|->|→|=>)\s?(?P<m>\d(?:\.\d{1,4})?e-0?[3-7])(?![\w.]))?",
            re.IGNORECASE,
        ),
        1e-9,
        0.1,
        before=(
            r"\b(?:decay|eps\w*|loss|norm|kl|tol\w*|differ\w*|noise|momentum|beta\w*|std"
            r"|error|learning rates|lrs|between)\W{1,3}(?:[\w.-]{1,8}\s){0,3}$"
        ),
        is_single=True,
    ),
    Rule(
        "num_train_epochs",
        _after(r"num[\s_](?:train[\s_])?epochs|n?_?epochs?(?= ?(?:=|:|set to))"),
        1,
        10000,
        after=r"(?:\.\d|,? of \d|/\d)",
    ),
    Rule(
        "num_train_epochs",
        _before(r"(?:full |training )?epochs?", _SPOKEN),
        1,
        10000,
        before=(
            r"(?:first|last|next|every|each|per|than|additional|another|step|steps|of|in the|instead of|to|-)\s?$"
            r"|\d\s?(?:hours?|minutes|mins?|days?|h)\s(?:for|per|an?)\s$"
        ),
        after=r"\s?(?:per\b|more\b|ago\b|in\b|of \d|\d|earlier|later)",
    ),
    Rule(
        "num_examples",
        lazy_pattern(
            rf"{_START}(?P<n>\d{{1,3}}\.\d{{1,2}}\s?[kKmM]|(?:{_COUNT})(?:\s?[kKmM](?![\w/]))?)\s(?:(?!(?:and|or"
            rf"|steps?|epochs?|gpus?|of|per|in|to|more"
            r"|less|eval|val|valid|validation|test|dev|tokens?)\b)"
            rf"[A-Za-z-]{{2,16}}\s){{0,2}}(?:{_ROWS})(?![\w/]| per"
            rf"| a second)",
            re.IGNORECASE,
        ),
        2,
        1e9,
        before=(
            rf"(?:{_EVALUATION}|every\s|each\s|batch(?:es)? of\s|top\s|last\s|first\s|to\s|than\s|-\s?|after\s"
            rf"|only my\s|per\s|step\s)$"
        ),
        after=r"\s?(?:(?:in|for|as) (?:the )?(?:eval|val|test)|/|in (?:a|the|each) (?:batch|pack))",
    ),
    Rule("num_examples", _after(r"(?:data ?set|training set) (?:of|with|has|size|is)"), 2, 1e9),
    Rule("weight_decay", _after(r"weight[\s_-]decay", f"(?:{_RATE}|0)", r"(?![\w%])"), 0, 1),
    Rule("lora_dropout", _after(r"(?:lora[\s_-]?)?drop[\s_-]?out", r"0?\.\d{1,4}|0", r"(?![\w%.])"), 0, 0.99),
    Rule("warmup_steps", _after(r"warm[\s_-]?up(?:[\s_-]steps)?", f"(?:{_COUNT})"), 0, 1e7, after=r"\s?%"),
    Rule("warmup_ratio", _after(r"warm[\s_-]?up(?:[\s_-]ratio)?", r"0?\.\d{1,4}", r"(?![\w%])"), 0, 1),
)
