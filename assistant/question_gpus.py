"""The GPU that a question names, its memory where only that is told, and how many of them there are."""

import re
from dataclasses import dataclass
from itertools import islice

from assistant.question_facts import MAX_QUESTION, Reading, to_number
from tools.errors import BadInput
from tools.gpus import Gpu, find_gpu
from tools.lazy_pattern import lazy_pattern

MOST_DIFFERENCE = 0.15
"""Share by which a size in words may differ from the driver's: 45G of an A6000 that has ECC on is still that card."""

MAX_NAMES = 50
"""Names looked up in one question: a pasted list must not take seconds."""

_LETTERS = (
    r"[AHB][1238]00s?|H20s?|GB200s?|GH200s?|V100s?|P100s?|P40s?|L40S|L40s?|A10Gs?|A(?:2000|4000|4500|5000|5500"
    r"|6000)s?|MI\d{3}Xs?"
    r"|MI\d{3}s?|GB10|DGX Spark|Gaudi ?[23]|Titan RTX|RX ?7900 ?XTX"
)
_SHORT = r"T4s?|L4s?|L20s?|A2|A10s?|A16s?|A30s?|A40s?|M60s?"
_DIGITS = r"(?:10[678]0|16[56]0|20[678]0|30[56789]0|40[6789]0|50[6789]0)"
_CARD = (
    rf"(?:(?:rtx|gtx|geforce|quadro)[\s_-]{{0,2}}){{1,2}}(?:pro\s)?(?:a?\d{{4}}|titan)"
    rf"|(?<![\d.,$#:=/_-]){_DIGITS}"
)
_KIND = r"(?:[\s-]?(?:ti|super|laptop|mobile|ada|blackwell)\b){0,2}"
_SIZE = (
    r"(?:[\s-]{0,2}(?:SXM[245]?|PCIe|NVL))?(?:[\s/,-]{0,2}(?:\(|with |of )?\s?(?P<size>\d{2,3}|8)\s?(?:GiB|GB"
    r"|G)s?\b)?"
)
_NAME = lazy_pattern(
    rf"(?:(?<![\w./\\-])|(?<=\d[x×*]))(?:nvidia\s|tesla\s)?(?P<name>(?:{_LETTERS})|(?P<short>{_SHORT})"
    rf"|(?P<card>{_CARD})s?{_KIND})(?![\w%]|\.\d){_SIZE}",
    re.IGNORECASE,
)
_CONTEXT = (
    r"(?:\b(?:an?|my|one|single|the|on|per|each|two|three|four|eight|dual|with|to|use|using|have|and|or|than"
    r"|from|got|of|for)|\d\s?[x×]?|[x×(,])\s?$"
)
_NO_CARD = (
    r"(?:steps?|len(?:gth)?|tokens?|loss|lines?|rows?|port|checkpoints?|ckpt|iter\w{0,7}|epoch|seed|seq"
    r"|max\w{0,8}|perplexity|ppl|layers?|page|issue|from)\W{0,3}(?:\w{1,8}\W){0,2}$"
)
_NO_CARD_AFTER = (
    r"\s?(?:steps?|tokens?|rows?|examples?|samples?|iter\w{0,7}|lines?|MiB|MB|GB\b|pairs|images|words|hours|px|tok)"
)
_MEMORY = lazy_pattern(r"(?<![\w.,])(?P<size>\d{1,3})\s?-?(?:GiB|GB|G)(?![\w/])", re.IGNORECASE)
_CARD_AFTER = r"[\s-]{0,2}(?:(?:of )?(?:nvidia )?(?:gpu|card|vram|video|graphics)s?\b|gpu memory)"
_CARD_BEFORE = (
    r"(?:gpu|card|vram|graphics)s?\s(?:\w{1,8}\s)?(?:with|of|has|is|only|=|:)\s(?:only |just )?$"
    r"|\bvram[:=]?\s?$|only have (?:a )?$"
)
_USED = (
    r"(?:takes?|us(?:es?|ing|ed)|needs?|requires?|fills?|allocat\w{1,4}|eats?|peaks? at|goes to|went to"
    r"|reach\w{0,3}|consum\w{1,4}|free|saves?|over|above|about|at)\s(?:up )?(?:all )?(?:about |around |the |to )?$"
)
_APPLE = lazy_pattern(r"(?<![\w-])M[1-5](?:[\s-](?:pro|max|ultra))?(?!\w)(?:\s?\d{2,3} ?GB)?", re.IGNORECASE)
_APPLE_CONTEXT = lazy_pattern(
    r"\b(?:mac(?:book|os| ?mini| studio)?|apple|mlx|mps)\b|M[1-5] (?:pro|max|ultra)", re.IGNORECASE
)
_TPU = lazy_pattern(r"(?<![\w-])TPU(?:[\s-]?v\d\w?(?:-\d{1,4})?)?(?!\w)")

_COUNTS = "one|two|three|four|five|six|seven|eight|nine|ten|both|dual|single|a pair of"
_HOW_MANY = (
    r"(?<![\w.,-])(?P<n>\d{1,4}(?!\d|\s?-?gi?b?\b)|one|two|three|four|five|six|seven|eight|nine|ten|both"
    r"|dual|single|a pair of)"
)
_BEFORE_NAME = lazy_pattern(
    rf"{_HOW_MANY}\s?(?:[x×*]\s?)?(?:of (?:the |those |my |these )?)?(?:nvidia |tesla |rtx |geforce "
    rf"|\d{{2,3}} ?GB? )?$",
    re.IGNORECASE,
)
_AFTER_NAME = lazy_pattern(r"\s?[x×*]\s?(?P<n>\d{1,3})(?![\w.])", re.IGNORECASE)
_OF_GPUS = lazy_pattern(
    rf"{_HOW_MANY}\s?(?:[x×]\s?)?(?:of (?:the |my )?)?(?:\w{{2,8}} )?(?:\d{{2,3}}\s?-?GB? )?(?:gpus|cards"
    rf"|gpu(?= (?:node|machine|server|setup|run))|gpu\b)(?! memory| ram| hours)",
    re.IGNORECASE,
)
_OF_THEM = lazy_pattern(rf"{_HOW_MANY} of (?:them|those|these|it|the same)\b", re.IGNORECASE)
_FLAGGED = lazy_pattern(
    r"(?:nproc[_-]per[_-]node|num[_ -]gpus?|num[_-]processes"
    r"|world[_ -]size)[\s=:]{1,3}(?P<n>\d{1,4})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class GpuName:
    """A GPU as a question names it.

    Attributes:
        name: the catalogue's name, or a size such as "24GiB" where only the memory is told; "" where it is not known.
        words: as the question has them.
    """

    name: str
    words: str
    start: int
    end: int


def read_gpu(question: str) -> GpuName | None:
    """The first GPU that a question names, else the memory of a card.

    Example:
        >>> read_gpu("on 2x 3090").name, read_gpu("a 24 GB card").name, read_gpu("at step 4090")
        ('RTX 3090', '24GiB', None)
    """
    text = question[:MAX_QUESTION]
    for match in islice(_NAME.finditer(text), MAX_NAMES):
        if (found := _resolve(text, match)) is not None:
            return found
    return _read_memory(text) or _read_other(text)


def _resolve(text: str, match: re.Match[str]) -> GpuName | None:
    before, after = text[max(0, match.start() - 40) : match.start()], text[match.end("name") : match.end() + 20]
    is_bare = match["card"] is not None and match["name"][0].isdigit()
    if is_bare and (re.search(_NO_CARD, before, re.IGNORECASE) or re.match(_NO_CARD_AFTER, after, re.IGNORECASE)):
        return None
    has_context = (
        re.search(_CONTEXT, before, re.IGNORECASE)
        or match["size"]
        or re.match(r"\s?(?:gpu|card|ti\b|'s)", after, re.IGNORECASE)
    )
    is_first = not before.strip() and not match["short"]
    if (is_bare or (match["short"] and match["short"][0].islower())) and not (has_context or is_first):
        return None
    name = match["name"]
    names = [f"{name[:-1]} super"] if re.fullmatch(r"20[678]0s", name) else []
    names += [name, *([name[:-1]] if name[-1] in "sS" else [])]
    for candidate in names:
        for size in ([f" {match['size']}GB"] if match["size"] else []) + [""]:
            try:
                gpu = find_gpu(candidate + size)
            except BadInput:
                continue
            return GpuName(_check_size(gpu, match["size"]), match[0], match.start(), match.end())
    return GpuName("", match[0], match.start(), match.end())


def _check_size(gpu: Gpu, size: str | None) -> str:
    """The GPU's name, or the size that was told where it is another than the catalogue's."""
    is_other = size is not None and abs(int(size) * (1 << 30) / gpu.total_bytes - 1) > MOST_DIFFERENCE
    return f"{size}GiB" if is_other else gpu.name


def _read_memory(text: str) -> GpuName | None:
    for match in islice(_MEMORY.finditer(text), MAX_NAMES):
        before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 24]
        is_card = re.match(_CARD_AFTER, after, re.IGNORECASE) or re.search(_CARD_BEFORE, before, re.IGNORECASE)
        if is_card and not re.search(_USED, before, re.IGNORECASE) and int(match["size"]) >= 4:
            return GpuName(f"{match['size']}GiB", match[0], match.start(), match.end())
    return None


def _read_other(text: str) -> GpuName | None:
    """Hardware whose memory is not estimated: it is kept, so that nobody is asked for it."""
    found = _TPU.search(text) or (_APPLE.search(text) if _APPLE_CONTEXT.search(text) else None)
    return GpuName("", found[0], found.start(), found.end()) if found else None


def read_gpu_count(question: str, gpu: GpuName | None) -> Reading | None:
    """How many GPUs the words tell.

    Example:
        >>> read_gpu_count("on 2x 3090", read_gpu("on 2x 3090")).value, read_gpu_count("8 GPUs", None).value
        (2.0, 8.0)
    """
    text = question[:MAX_QUESTION]
    found = _FLAGGED.search(text) or _OF_THEM.search(text)
    if gpu is not None and found is None:
        head = text[max(0, gpu.start - 40) : gpu.start]
        near = _BEFORE_NAME.search(head)
        if near is not None:
            start = gpu.start - len(head) + near.start()
            return _count(near["n"], start, gpu.start)
        found = _AFTER_NAME.match(text, gpu.end)
    found = found or _OF_GPUS.search(text)
    return _count(found["n"], found.start(), found.end()) if found else None


def _count(words: str, start: int, end: int) -> Reading | None:
    spoken = {"both": 2.0, "dual": 2.0, "a pair of": 2.0, "single": 1.0}
    value = spoken.get(words.lower()) or to_number(words)
    return Reading("num_gpus", value, start, end) if 1 <= value <= 4096 else None
