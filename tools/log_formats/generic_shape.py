"""Where the place and the metrics of a line of unknown make stand.

Precision comes before recall. Prose, code, settings and argument lists name losses as well, so a line counts only where
its numbers stand right behind their names, where it tells a step or an epoch (or is nothing but a loss), and where
little else stands on it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.generic_names import is_loss, is_metric_of_now, is_plain_loss, is_side, name_metric
from tools.log_formats.pairs import NUMBER

COORDINATES = frozenset({"step", "epoch", "total_steps"})

MAX_FOREIGN_WORDS = 8

_VALUE = rf"(?:tensor\(|(?:np|numpy)\.\w{{1,12}}\(|\[|\()?({NUMBER})"
_END = r"(?=[\s,;|)\]}%/<>\[]|$|\.{1,3}(?:\s|$)|(?:m?s|sec|min|h|[KMG]i?B?|BPC|BPB|x)\b|±)"
_HINT = lazy_pattern(
    r"(?:oss(?:es)?|OSS|[Cc]e|CE|[Nn]ll|NLL|[Xx]ent|XENT|ntropy|[Pp]pl|PPL|erplexity|bpc|BPC|bpb|eward|[Cc]ost)\b"
    r"(?:[^\S\n]?\([\w ]{1,20}\))?\s{0,3}(?:[:=]|is|(?:at|after|for|in) [^\n:=]{1,30}:?|(?:train|valid|validation):?)?"
    r"\s{0,8}"
    r"(?:tensor\(|np\.|\[|\()?(?:[-+]?[.\d]|-?nan|-?inf|NaN)"
)
_CODE = lazy_pattern(
    r"[{}\\$`]|\);|\bf[\"']|\w\(\w{1,40}=|\b(?:def|import|return|lambda|print|self|assert|elif)\b|==|\+=|->|--\w|://"
    r"|\bdtype=|\w\[['\"]|\.[23456]f\b|\bIn \[\d"
)
_PROSE = lazy_pattern(
    r"\b(?:[Ss]av(?:e|ed|es|ing)|[Ii]mprov\w{0,6}|[Bb]est|[Ll]owest|[Mm]inimum|[Ee]arly|[Ss]topp\w{0,4}|"
    r"[Ll]oad\w{0,4}|[Rr]estor\w{0,4}"
    r"|[Rr]esum\w{0,4}|[Ee]xpect\w{0,4}|should|would|because|than|[Ww]arn\w{0,4}|WARN\w{0,4}|[Ee]rror|ERROR|[Tt]arget"
    r"|[Tt]hreshold|[Ii]nitial|[Rr]eached|[Tt]he|was|were|[Ii]f|[Ww]hen)\b"
)
_PAIR = lazy_pattern(
    rf"(?<![\w.$\"'/\\-])([A-Za-z][\w/@]{{0,40}}(?:[ -][A-Za-z][\w/@]{{0,20}}){{0,3}}(?: ?\(\w{{1,12}}\))?)"
    rf"(?: {{0,3}}[:=] {{0,8}}|\t{{1,2}}| {{1,3}})\**{_VALUE}{_END}"
)
_STEP = lazy_pattern(
    r"\b(?:(?:[Gg]lobal|[Tt]rain(?:ing)?)_)?"
    r"(?:[Ss]teps?|STEP|[Ii]ter(?:ation)?s?|ITER|[Ii]t|[Uu]pdates?|(?:[Mm]ini-?)?[Bb]atch(?:es)?|[Ee]pisode|"
    r"num_updates)"
    r"\s?[:=#\[(|]{0,2}\s{0,8}(\d{1,12})(?![.\w])\s?(?:(?:/|of)\s{0,6}(\d{1,12}))?"
)
_EPOCH = lazy_pattern(
    r"\b(?:[Ee]poch|EPOCH|[Ee]p)(?:s(?=[^\d\n]{1,4}\d{1,9} ?/))?\s?[:=#\[(|]{0,2}\s{0,6}(\d{1,9}(?:\.\d{1,9})?)(?!\w)"
    r"\s?"
    r"(?:(?:/|of)\s{0,6}(\d{1,9}))?"
)
_COUNTED = lazy_pattern(r"(?<![\w./])(\d{1,12}) ?/ {0,8}(\d{1,12}) (?:batches|steps|iterations|iters|updates)\b")
_FRACTION = lazy_pattern(r"[\[(] {0,8}(\d{1,12}) ?/ {0,8}(\d{1,12}) {0,3}(?:\( ?[\d.]{1,6} ?%\) {0,2})?[\])]")
_LEADING_FRACTION = lazy_pattern(
    r"(?:^|[\]\s])[\[(]?(\d{1,12}) ?/ {0,8}(\d{1,12})[\])]?[:,|]? (?:[-|] )?(?=(?:[A-Za-z]{2,12}[ _])?[Ll]oss\b)"
)
_EVAL_WORD = lazy_pattern(
    r"(?<![\w./-])(?:Val|Valid|Validation|Validating|Eval|Evaluation|Evaluating|Test|Testing|Dev|VAL|VALID|EVAL|TEST|"
    r"DEV"
    r"|eval|val|valid|validation|dev|test)(?= ?[\]:|>-]| [A-Z\[(]| epoch| step| iter)"
)
_SECTION = lazy_pattern(
    r"(?<![\w./-])([Tt]rain(?:ing)?|TRAIN|[Vv]al(?:id(?:ation)?)?|VAL|[Ee]val(?:uation)?|EVAL|[Dd]ev|[Tt]est|TEST)"
    r"(?: set)? ?"
    r"[:|>\]-]{1,2} {0,3}(?=[A-Za-z])"
)
_AT_PLACE = lazy_pattern(
    rf"(?<![\w.-])((?:[A-Za-z]{{2,12}} ){{0,2}}[Ll]oss)(?: \([^()\n]{{1,30}}\))? (?:at|after|for|in) "
    rf"(?:([Ss]tep|[Ee]poch|[Ii]ter|[Ii]teration|[Bb]atch) #?(\d{{1,12}})(?:/\d{{1,12}})?|(\d{{1,12}}) (?:steps|"
    rf"iterations|batches))"
    rf"(?: is|:| =| -|,)? {{1,3}}{_VALUE}{_END}"
)
_BARE = lazy_pattern(
    rf"(?:^|[\]>|)]:? ?| - |^\d{{1,4}}: |INFO[: -]{{1,3}}|^ {{1,4}}(?=[A-Z][a-z]{{2,12}} ))\**"
    rf"((?:[A-Za-z]{{2,12}}[ _]){{0,3}}[Ll]oss)\**(?: ?[:=] ?|\t)\**{_VALUE}[^\n\w]{{0,3}}"
    r"(?:\s{0,4}$|, (?:device|grad_fn|dtype)=|\[)"
)
_WORD = lazy_pattern(r"[A-Za-z]{3,}")
_PLACES = frozenset(
    [
        "step",
        "steps",
        "iter",
        "iters",
        "iteration",
        "iterations",
        "it",
        "epoch",
        "epochs",
        "ep",
        "batch",
        "batches",
        "update",
        "updates",
        "global_step",
        "num_updates",
        "train_step",
        "training_step",
        "episode",
    ]
)
_TELLING = frozenset({"loss", "eval_loss", "perplexity", "eval_perplexity", "reward"})


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the numbers of a line begin: name -> position, of the place in the run and of the metrics."""

    place: dict[str, int]
    metrics: dict[str, int]


def find_shape(text: str) -> Shape | None:
    """Find the place and the metrics of a line, None where it is no row of a training run.

    Example:
        >>> find_shape("step 10: loss 2.5")
        Shape(place={'step': 5}, metrics={'loss': 14})
        >>> find_shape("Saving model at epoch 3 with loss 0.51") is None
        True
    """
    if not _HINT.search(text) or _CODE.search(text):
        return None
    place, spans = _find_place(text)
    pairs = [match for match in _PAIR.finditer(text) if not _is_place(match[1])]
    if place:
        first = min(spans)[0]
        pairs = [match for match in pairs if match.start() >= first or is_loss(match[1])]
        metrics = _find_metrics(text, pairs, first, spans)
        return Shape(place, metrics) if metrics else _find_at_place(text)
    bare = _BARE.search(text)
    if bare:
        is_measured = is_metric_of_now(bare[1]) and not bare[2].isdigit()
        return Shape({}, {name_metric(bare[1], False): bare.start(2)}) if is_measured else None
    first_loss = next((index for index, match in enumerate(pairs) if is_loss(match[1])), len(pairs))
    pairs = pairs[first_loss:]
    metrics = _find_metrics(text, pairs, pairs[0].start(), ()) if len(pairs) > 1 else {}
    return Shape({}, metrics) if metrics else None


def _is_place(name: str) -> bool:
    return name.rpartition(" ")[2].lower() in _PLACES


def _find_place(text: str) -> tuple[dict[str, int], list[tuple[int, int]]]:
    """Find where step, epoch and their totals stand, and the spans they take."""
    place: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    epoch = _EPOCH.search(text)
    step = _STEP.search(text) or _COUNTED.search(text)
    if epoch:
        place["epoch"] = epoch.start(1)
        spans.append(epoch.span())
        step = step or _FRACTION.search(text, epoch.end() - 1)
    else:
        step = step or _LEADING_FRACTION.search(text)
    if step:
        place["step"] = step.start(1)
        spans.append(step.span())
        if step[2]:
            place["total_steps"] = step.start(2)
            if epoch and epoch[2]:
                place["num_epochs"] = epoch.start(2)
    return place, spans


def _find_metrics(
    text: str, pairs: Sequence[re.Match[str]], start: int, spans: Sequence[tuple[int, int]]
) -> dict[str, int]:
    """Find the metrics; what follows ``Val:`` or stands behind ``Validation Epoch`` is of an evaluation."""
    pairs = [match for match in pairs if is_metric_of_now(match[1]) and (not is_side(match[1]) or _follows_loss(match))]
    if not pairs or _PROSE.search(text, 0, pairs[0].start()):
        return {}
    if _count_foreign_words(text, start, [*(match.span() for match in pairs), *spans]) > MAX_FOREIGN_WORDS:
        return {}
    is_eval = bool(_EVAL_WORD.search(text, 0, pairs[0].start() + 1))
    sections = [(match.start(), match[1].lower()[:2] != "tr") for match in _SECTION.finditer(text)]
    metrics: dict[str, int] = {}
    for match in sorted(pairs, key=lambda pair: not is_plain_loss(pair[1])):
        section = [section_is_eval for position, section_is_eval in sections if position <= match.start()]
        name = name_metric(match[1], section[-1] if section else is_eval)
        if name not in COORDINATES:
            metrics.setdefault(name, match.start(2))
    return {} if _TELLING.isdisjoint(metrics) else metrics


def _follows_loss(match: re.Match[str]) -> bool:
    """Whether the word for a loss stands before a pair."""
    return "loss" in match.string[: match.start()].lower()


def _count_foreign_words(text: str, start: int, taken: Sequence[tuple[int, int]]) -> int:
    """Count the words from a position on that belong to none of the spans."""
    return sum(not any(begin <= word.start() < end for begin, end in taken) for word in _WORD.finditer(text, start))


def _find_at_place(text: str) -> Shape | None:
    """Find ``Loss after epoch 3: 0.5`` and the like."""
    match = _AT_PLACE.search(text)
    if not match or _PROSE.search(text, 0, match.start()):
        return None
    place = "epoch" if match[2] and match[2].lower() == "epoch" else "step"
    return Shape({place: match.start(3 if match[3] else 4)}, {name_metric(match[1], False): match.start(5)})
