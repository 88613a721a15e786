"""Traces what an answer shows: numbers to what was handed over or computed, citations to their ends."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from assistant.answer import Answer
from evals.answers.run import Answered
from knowledge.card import Card

DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"
NUMBER = re.compile(rf"(?<![\w.]){DIGITS}")
CITATION = re.compile(r"\[([a-z]\w*|[EL]\d+)(?:, your team's card)?\]")
SUGGESTIONS = re.compile(r"near\s+names:[^.]*(?:\.\d[^.]*)*|as in '[^']*'")
"""Names that the program suggests: of models, GPUs and ways to ask, whose digits are no claim."""
LINE = re.compile(r"^\s+(?:\S+ )?L(\d+)  (.*)$", re.MULTILINE)
CUT_LINE = re.compile(r"^\s+(?:\S+ )?L\d+  .*…$", re.MULTILINE)
"""A quoted line that was cut, perhaps in the middle of a number; that it stands in the log is checked as a citation."""
ORDINAL = re.compile(r"^\s+\d+\. ", re.MULTILINE)


def find_unsupported_numbers(answered: Answered, answer: Answer, cards: Mapping[str, Card]) -> Iterator[str]:
    """Give the numbers of the answer that stand neither in what was handed over, nor in evidence, nor on its cards."""
    known = _numbers(_grounds(answered, answer, cards))
    shown = ORDINAL.sub(" ", CUT_LINE.sub(" ", answer.text))
    for number in dict.fromkeys(NUMBER.findall(shown)):
        if _value(number) not in known:
            yield number


def _grounds(answered: Answered, answer: Answer, cards: Mapping[str, Card]) -> str:
    """Everything that a number may come from."""
    told = [answered.given.question, answered.given.config, answered.given.data, answered.given.model]
    told += [
        json.dumps([asdict(item) for item in answer.evidence]),
        json.dumps([asdict(tool) for tool in answer.tools]),
    ]
    told += [json.dumps(asdict(finding), default=str) for _, finding in answer.findings]
    told += [json.dumps(asdict(move)) for move in answer.moves]
    told += [json.dumps(asdict(cards[name]), default=str, ensure_ascii=False) for name in answer.cards if name in cards]
    told += [_as_text(answered.log), *answer.questions, *SUGGESTIONS.findall(answer.text)]
    return "\n".join(told)


def _numbers(text: str) -> set[float]:
    return {_value(number) for number in re.findall(DIGITS, text)}


def _value(number: str) -> float:
    return float(f"{float(number.replace(',', '')):.6g}")


def find_bad_citations(answered: Answered, answer: Answer, cards: Mapping[str, Card]) -> tuple[tuple[str, ...], int]:
    """Give the citations that lead nowhere and the quoted lines that the log does not hold, and how many there are."""
    ends = {*cards, *(finding.id for _, finding in answer.findings), *(item.id for item in answer.evidence), "log"}
    ends |= {tool.name for tool in answer.tools}
    log = _as_text(answered.log)
    lines = log.split("\n")
    quoted = LINE.findall(answer.text)
    cited = [name for name in CITATION.findall(LINE.sub(" ", answer.text)) if f"[{name}]" not in log]
    bad = [name for name in cited if name not in ends and not _is_line(name, lines)]
    bad += [f"L{number}" for number, text in quoted if not _stands(lines, int(number), text)]
    return tuple(bad), len(cited) + len(quoted)


def _as_text(log: bytes) -> str:
    """The log's text, in the encoding that its first bytes tell."""
    return log.decode("utf-16" if log[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", errors="replace")


def _is_line(name: str, lines: list[str]) -> bool:
    return bool(re.fullmatch(r"L\d+", name)) and 1 <= int(name[1:]) <= len(lines)


def _stands(lines: list[str], number: int, shown: str) -> bool:
    """Whether a quoted line, its end cut and its control characters escaped, stands at its number."""
    if not 1 <= number <= len(lines):
        return False
    visible = re.sub(
        r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]",
        lambda one: ascii(one[0])[1:-1],
        lines[number - 1],
    )
    return shown.removesuffix("…").strip() in visible
