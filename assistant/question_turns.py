"""What a question is after: numbers of memory and size, or more about what was said before."""

import re
from typing import Literal

from assistant.question_facts import MAX_QUESTION
from tools.lazy_pattern import lazy_pattern

FollowUp = Literal["", "why", "how", "sure", "more", "lines", "checkpoint", "change", "undo"]
Want = Literal["memory", "parameters", "largest", "which_gpu", "speed"]

MAX_WORDS = 14
"""A follow-up is short: a longer question says what it is about."""

MAX_OTHER_WORDS = 2
"""A question that is hardly more than a setting changes this setting."""

_IT = r"(?:it|this|that|these|those|them)"
_OPENING = lazy_pattern(
    r"^(?:(?:and|but|so|ok(?:ay)?|well|hmm+|then|thanks|thank you|please|sorry|never ?mind|yes|no|right|alright"
    r"|wait|cool|great"
    r"|good)[\s,.!:-]{1,3}){0,4}"
)
_CLOSING = lazy_pattern(
    r"(?:[\s,]{1,2}(?:then|please|though|now|again|exactly|really|here|thanks|in detail|for me"
    r"|to me)){0,3}[\s?!.]{0,6}$"
)
_FOLLOW_UPS: tuple[tuple[FollowUp, str], ...] = (
    (
        "why",
        rf"why(?: is| was| would| does| did| do you (?:say|think)| are you saying| should)?(?: {_IT}| so| not)?"
        rf"(?: (?:be|happen(?:ing)?|occur(?:ring)?|the case|so|be so))?|how come(?: {_IT})?"
        rf"|(?:can|could|would) you explain(?: (?:why|{_IT}|more|further))?|explain(?: (?:why|{_IT}|more"
        rf"|further|yourself))?"
        rf"|what(?: is|'s| was) the (?:reason|cause|mechanism|root cause)(?: (?:of|for|behind) {_IT})?"
        rf"|what (?:causes?|caused|is causing|leads to) {_IT}|what does (?:that|this|it) mean|tell me (?:more"
        rf"|why)|what is the explanation"
        rf"|(?:i )?(?:don'?t|do not) (?:understand|get)(?: {_IT}| why)?|go deeper|elaborate|warum|meaning",
    ),
    (
        "how",
        rf"how|how (?:do|can|should|would|could) (?:i|we|you|one) (?:fix|solve|repair|change|avoid|prevent|do"
        rf"|cure|address|improve|resolve|correct|tackle) {_IT}"
        rf"|how to (?:fix|solve|avoid|prevent|do|change|address|improve|resolve) {_IT}|(?:so )?what (?:should"
        rf"|do|can|could|must|shall) (?:i|we) (?:do|change|try|fix)"
        rf"(?: (?:now|next|about {_IT}|instead|first|to fix {_IT}|against {_IT}))*|what now|what next"
        rf"|next steps?|fix {_IT}|what(?: is|'s) the (?:fix|solution|cure|remedy)"
        rf"|any (?:fix|solution|advice|suggestions?)|how would (?:you|i) go about {_IT}|what do you (?:suggest"
        rf"|recommend|advise)|what first|where do i (?:start|begin)",
    ),
    (
        "sure",
        rf"(?:are|r) (?:you|u) (?:really |absolutely |quite |100% )?(?:sure|certain|confident"
        rf"|positive)(?: (?:about|of) {_IT})?(?: it is {_IT})?|really|seriously"
        rf"|(?:is|are) {_IT} (?:really )?(?:certain|sure|right|true|correct|reliable)|how (?:sure|certain"
        rf"|confident|reliable) (?:are you|is {_IT})"
        rf"|can i (?:trust|rely on|believe) {_IT}|could (?:it|that|this) (?:also )?be (?:something|anything"
        rf"|another thing) else|is there any doubt|do you have proof"
        r"|what did you (?:not )?check|what (?:was|has been|is) (?:not )?checked|could you be wrong"
        r"|what makes you (?:so )?(?:sure|think so)",
    ),
    (
        "more",
        r"(?:what|anything|something|nothing) (?:else|more|other)(?: (?:is|could be|might be|can be"
        r"|should i (?:do|try|know)|is there|can i (?:do|try)|do you see|wrong|to do|could i try|to try))*"
        r"|(?:any|what|which|are there(?: any)?) other (?:issues?|problems?|causes?|faults?|findings?|ideas?"
        r"|moves?|suspects?|reasons?|options?)"
        r"|is (?:there (?:more|anything else)|(?:that|this|it) all)(?: wrong)?|more|go on|continue",
    ),
    (
        "lines",
        rf"(?:show|give|quote|print|list)(?: me)?(?: (?:the|these|those|all))?(?: (?:log|relevant"
        rf"|exact))? (?:lines?|evidence|proof|log lines|excerpt)(?: (?:again|that show {_IT}|in the log"
        rf"|of the log|for {_IT}))?"
        rf"|(?:which|what) lines?(?: (?:of the log )?(?:show|say|prove|tell)s? (?:{_IT}|you {_IT}))?"
        rf"|where (?:in the log(?: do you see {_IT}| does it say {_IT}| is {_IT})?|do you see {_IT}|does (?:it"
        rf"|the log) (?:say|show) {_IT}|is that|did you (?:see"
        rf"|find|read|get) {_IT})(?: in the log| from)?"
        r"|prove it|show me(?: where)?|evidence",
    ),
    (
        "checkpoint",
        r"(?:so )?(?:which|what)(?: of the)? (?:checkpoint|ckpt|step|epoch)s? (?:should i|do i|to|can i"
        r"|would you|is|was|has|i should)"
        r" (?:keep|use|take|pick|choose|load|deploy|restore|best|the best|the lowest \w{1,10}"
        r"|go (?:back )?(?:to|with)|the one to keep)(?: (?:one|checkpoint|loss))?"
        r"|(?:what|where)(?: is|'s) the best (?:checkpoint|step|epoch)|best checkpoint"
        r"|when should i have stopped",
    ),
    (
        "undo",
        r"(?:go|change|switch|put) (?:it |that |them )?back(?: to (?:the )?(?:start|original|before|how it was"
        r"|what it was))?|undo(?: (?:it|that|this))?|revert(?: (?:it|that|this))?"
        r"|as (?:it was )?before|back to (?:the )?(?:start|original|beginning|what it was|how it was)"
        r"|never ?mind(?: that)?|forget (?:that|it)|reset",
    ),
)
_PATTERNS = tuple((kind, lazy_pattern(f"(?:{pattern})", re.IGNORECASE)) for kind, pattern in _FOLLOW_UPS)
_CHANGE = lazy_pattern(
    r"^(?:what (?:if|about|happens|changes)\b|how about\b|how (?:much|many)(?: \w{1,12})? (?:with|at|on|if)\b"
    r"|same\b|the same\b"
    r"|now (?:with|on|at|for|without|use|try)\b|(?:go|switch) back\b|back to\b|instead\b|suppose\b|say\b|let'?s\b"
    r"|then\b"
    r"|(?:if|when) (?:i|we) (?:use|used|set|had|have|take|took|change|changed|raise|lower|go|switch|double|halve)\b"
    r"|(?:would|does|will|could|can|is) (?:it|that|this)\b|(?:try|use|change|switch|set|make|drop) (?:it|that|the"
    r"|to|a|an|rank|batch)\b)",
    re.IGNORECASE,
)
_BARE = lazy_pattern(r"(?P<n>\d{1,7}k?|\d(?:\.\d{1,3})?e-\d)", re.IGNORECASE)
_WANTED: tuple[tuple[Want, str], ...] = (
    (
        "memory",
        r"\b(?:fit|fits|fitting)\b(?! (?:the|a|my) (?:data|curve|training data|noise))|\bv-?ram\b|\boom\b"
        r"|out[\s-]of[\s-]memory|(?:gpu|cuda|video|how much) memory|memory (?:use|usage|need|require|footprint"
        r"|consumption|does|do|for)\w{0,5}"
        r"|how much (?:gpu|ram|resource)|memory (?:error|overflow)|\benough (?:memory|for)\b|how (?:big"
        r"|large) (?:a )?(?:gpu|card)|hardware (?:do|is|would)|overflows? (?:video )?memory",
    ),
    (
        "parameters",
        r"(?:how many|number of|count (?:of|the)?)\s?(?:of )?(?:trainable |trained |total |active |lora )?param"
        r"|trainable (?:%|percentage|params|parameters)|all params|how large is (?:the )?adapter",
    ),
    (
        "largest",
        r"(?:larg|bigg|high|long|maxim?um|max)(?:est|er)?\s(?:possible |feasible )?(?:micro[- ]?)?(?:batch"
        r"|context|seq\w{0,6}|length|rank)(?:[\s-](?:size|length))?[^.?!]{0,40}\b(?:fit|can|could|gpu|card"
        r"|possible|allow|on (?:a|my|an|one)|without)"
        r"|(?:what|which|how (?:big|large|long)(?: a)?) (?:micro[- ]?)?(?:batch|context"
        r"|seq\w{0,6})(?:[\s-](?:size|length))? (?:can|could|fits?|is possible|will fit|would fit)",
    ),
    (
        "which_gpu",
        r"(?:which|what|how many|what kind of|what size) (?:gpus?|cards?|hardware|graphics|a100s?"
        r"|h100s?)\b(?: (?:do|would|should|is|are|can|will|to|configuration|setup|for|of))|gpu (?:configuration"
        r"|requirements?)|(?:recommend|suggest)\w{0,4} (?:a |which |me a )?(?:gpu|card|hardware)",
    ),
    (
        "speed",
        r"tokens?(?:/s| per sec| a second)|how (?:long|fast|slow)|how many hours|too slow|\bit/s\b|s/it\b"
        r"|throughput|speed ?up|hours for|take forever|days to",
    ),
)
_WANTS = tuple((want, lazy_pattern(pattern, re.IGNORECASE)) for want, pattern in _WANTED)


def read_wants(question: str) -> frozenset[Want]:
    """Which numbers a question is after.

    Example:
        >>> sorted(read_wants("will it fit, and how many parameters are trained?"))
        ['memory', 'parameters']
    """
    text = question[:MAX_QUESTION]
    return frozenset(want for want, pattern in _WANTS if pattern.search(text))


def read_follow_up(question: str, num_other_words: int | None = None) -> FollowUp:
    """What a question asks of the answer before it, "" where it has a subject of its own.

    Args:
        question: the words.
        num_other_words: how many of them give no setting, model or GPU; None where none gives one.

    Example:
        >>> [read_follow_up(text) for text in ("and why is that?", "why is it flat?")]
        ['why', '']
        >>> read_follow_up("and with rank 64?", num_other_words=2)
        'change'
    """
    words = question.strip()
    if not words or len(words.split()) > MAX_WORDS:
        return ""
    plain = _strip(words)
    whole = _OPENING.sub("", words.lower().replace("’", "'")).rstrip("?!. ")
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(plain) or pattern.fullmatch(whole):
            return kind
    if _BARE.fullmatch(plain):
        return "change"
    if num_other_words is None:
        return ""
    is_opened = whole != words.lower().replace("’", "'").rstrip("?!. ") or _CHANGE.match(plain) is not None
    return "change" if is_opened or num_other_words <= MAX_OTHER_WORDS else ""


def read_bare_number(question: str) -> str:
    """The number of a question that is nothing else, as in "and 128?"; "" for others."""
    plain = _strip(question.strip())
    return plain if len(plain) < 12 and _BARE.fullmatch(plain) else ""


def _strip(words: str) -> str:
    """The words without what opens and closes a turn of speech."""
    plain = re.sub(r"\s{1,20}", " ", words.replace("’", "'"))
    plain = _OPENING.sub("", plain.lower()) or plain.lower()
    return _CLOSING.sub("", plain)
