"""Prose that arrives in pieces, cut into sentences: not inside numbers, abbreviations, code or list marks."""

import re

from assistant.word_sets import word_set

MAX_PENDING = 2000

_ABBREVIATIONS = word_set("e.g i.e etc vs approx cf fig no ca resp incl max min al dr mr ms eq sec tab vol")
_END = re.compile(
    r"[.!?]+[\"')\]]{0,2}(?:\s{0,3}\[[^\[\]\n]{1,80}\][.!?]?){0,8}(?=\s)|\n(?=\s{0,8}(?:[-*•+]\s|\d{1,2}[.)]\s|\n|#))"
)
_STARTS = re.compile(r"\s{0,20}[A-Z0-9`\"'(*•+#<-]")
_BULLET = re.compile(r"^\s{0,20}(?:(?:[-*•+]|\d{1,2}[.)]|#{1,6})\s{1,4}){1,3}")
_LAST_WORD = re.compile(r"([A-Za-z.]{1,20})\.$")
_LIST_MARK = re.compile(r"(?:^|\n)\s{0,8}\d{1,2}\.$")


def take_sentences(pending: str, *, is_over: bool = False) -> tuple[list[str], str]:
    """Take the finished sentences off the front of a text.

    Returns:
        The sentences without list marks and emphasis, and the text that is not finished yet.

    Example:
        >>> take_sentences("The rate is 1e-4. See e.g. step 3 [E1]. And ")
        (['The rate is 1e-4.', 'See e.g. step 3 [E1].'], ' And ')
    """
    sentences: list[str] = []
    start = 0
    for match in _END.finditer(pending):
        if match.end() <= start or not _is_end(pending, start, match, is_over=is_over):
            continue
        sentences.append(clean_sentence(pending[start : match.end()]))
        start = match.end()
    rest = pending[start:]
    if is_over or len(rest) > MAX_PENDING:
        sentences.append(clean_sentence(rest))
        rest = ""
    return [sentence for sentence in sentences if sentence], rest


def _is_end(pending: str, start: int, match: "re.Match[str]", *, is_over: bool) -> bool:
    before = pending[start : match.end()]
    if before.count("`") % 2:
        return False
    if match[0].startswith("\n"):
        return bool(before.strip())
    word = _LAST_WORD.search(pending[start : match.start() + 1])
    if word and word[1].lower() in _ABBREVIATIONS and match[0][0] == ".":
        return False
    if _LIST_MARK.search(pending[max(0, start - 1) : match.start() + 1]):
        return False
    following = pending[match.end() :]
    if not following.strip():
        return is_over
    return not following.lstrip().startswith("[") and bool(_STARTS.match(following))


def clean_sentence(text: str) -> str:
    """A sentence on one line, without list marks and emphasis.

    Example:
        >>> clean_sentence("- **Lower** the rank [E3].")
        'Lower the rank [E3].'
    """
    plain = _BULLET.sub("", text).replace("**", "")
    return " ".join(plain.split())
