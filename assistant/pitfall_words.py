"""Whether a sentence names, denies or explains away what was found."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assistant.pitfall_names import PITFALLS

_FAULTS = r"(?:fault|problem|issue|error|anomal\w{1,4}|concern|trouble)s?"
_JUDGED = (
    r"(?:fine|normal|ok|okay|good|correct|as expected|perfect|acceptable|reasonable|harmless|sound|finite|"
    r"sufficient|optimal|ideal|adequate|appropriate|within (?:the |its )?(?:usual|normal) range)"
)
_WELL = re.compile(
    rf"\b(?:healthy|all is well|all good|went well|as expected|problem[- ]free|success\w*|"
    rf"good (?:sign|news)|do nothing|"
    rf"(?:ended|finished|completed|ran) (?:normally|correctly|properly|through|successfully)|"
    rf"(?:was|were) (?:(?!not |never )\w{{1,12}} )?(?:loaded|restored|resumed|recovered)|"
    rf"looks? (?:good|fine|normal|okay|ok|right)|(?:is|are|was|were|looks?|stays?|remains?) (?:(?!not |"
    rf"never |no )\w{{1,12}} )?{_JUDGED}|"
    rf"nothing (?:is |was )?(?:\w{{1,10}} )?(?:wrong|bad|unusual|to worry|to fix|to change|needs)|"
    rf"no (?:\w{{1,12}} )?{_FAULTS}|no need to worry|no action|without (?:any )?{_FAULTS}|"
    r"(?:enough|plenty of|sufficient|still|some|free) (?:\w{1,10} ){0,2}(?:memory|vram|data|room|space|capacity)|"
    r"trains? well|generali[sz]es? (?:\w{1,10} )?(?:well|better|fine|nicely)|as (?:it|they) should|"
    r"works? (?:well|fine)|converge[sd] (?:well|nicely|properly)|comes? back down|"
    r"(?:safely|can be|could be) ignored?|ignore (?:this|it|the)|is stable|fits (?:easily|comfortably|without|well))\b"
)
_ILL = re.compile(r"\b(?:faults?|problem|something is wrong|culprit|broken|failed|failure)\b")
_DENY = re.compile(
    r"\b(?:not|no|never|isn't|aren't|wasn't|doesn't|don't|didn't|won't|cannot|can't|without|nor|neither|hardly|nothing|"
    r"absence|free of|lack of|none|rather than|instead of|unlikely|ruled out|rules out)\b"
)
_AGAINST = re.compile(
    r"\b(?:against|prevents?|preventing|avoid|avoids|avoiding|stops?|stopping|reduces?|fights?|counter|curb|cure|cures|"
    r"detects?|whether|if|until|before|limits?|handles?)\s(?:\w{1,12}\s){0,3}$"
)
_HEDGE = re.compile(
    r"\b(?:may|might|could|can|often|usually|possible|possibly|perhaps|suspects?|check|checks|whether|if|typically|"
    r"common\w*|sometimes|likely|when|would|unless|cannot|rule out)\b"
)
_ABSTAIN = re.compile(
    r"\b(?:log|evidence|facts|data|this|it|i|we|numbers|cards|curve|information)\s(?:alone\s)?(?:does not|"
    r"do not|doesn't|"
    r"don't|cannot|can't|did not|didn't)\s(?:show|say|tell|hold|contain|reveal|know|judge|decide|answer|prove|settle|"
    r"include|let)\b|\bcannot be (?:seen|judged|told|known|answered|decided)\b|"
    r"\b(?:impossible|no way|too early|not possible) to (?:say|tell|know|judge|see)\b|"
    r"\b(?:cannot|can't) (?:say|tell|know)\b|"
    r"\b(?:is|are) (?:not known|unknown|not in the evidence|not shown|not recorded)\b|"
    r"\bno evidence (?:says|for|on|of|about)\b"
)
_DENIED = re.compile(
    r"\s{0,2}(?:(?:is|was|are|were) (?:not|never|hardly|unlikely|absent|ruled out|excluded|out of the question)|"
    r"isn't|wasn't|"
    r"(?:does|did) not (?:happen|occur|play|matter)|doesn't|didn't|can be (?:ruled out|excluded))\b"
)
_CLAUSE = re.compile(r"[,;:]|\bbut\b|\band\b|\bwhile\b|\bbecause\b|\bsince\b")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of pitfalls: ids of findings, ids of the question's cards, facts and advice in small letters."""

    found: Collection[str]
    asked: Collection[str]
    facts: str
    advice: str = ""


def is_abstaining(text: str) -> bool:
    """Whether a sentence says that something is not known."""
    return bool(_ABSTAIN.search(text))


def is_hedged(text: str) -> bool:
    """Whether a sentence speaks of what may be, or of what to check."""
    return bool(_HEDGE.search(text))


def list_pitfall_words(text: str) -> frozenset[str]:
    """The words of a sentence that name pitfalls or say how it stands, which are judged here."""
    spans = [match[0] for _, pattern in PITFALLS for match in pattern.finditer(text)]
    spans += [match[0] for match in _WELL.finditer(text)]
    return frozenset(word for span in spans for word in span.split())


def find_pitfall_fault(text: str, known: Known) -> str | None:
    """Tell which pitfall is named without ground, or denied though it was found; the text is in small letters."""
    affirmed: list[tuple[tuple[str, ...], str]] = []
    denied: list[tuple[tuple[str, ...], str]] = []
    for clause in _CLAUSE.split(text):
        for ids, pattern in PITFALLS:
            for match in pattern.finditer(clause):
                before = clause[: match.start()]
                if not _AGAINST.search(before):
                    is_denied = (len(_DENY.findall(before)) + bool(_DENIED.match(clause, match.end()))) % 2 == 1
                    (denied if is_denied else affirmed).append((ids, match[0]))
    return _judge_denied(text, affirmed, denied, known) or _judge_affirmed(text, affirmed, known)


def _judge_denied(
    text: str,
    affirmed: Sequence[tuple[tuple[str, ...], str]],
    denied: Sequence[tuple[tuple[str, ...], str]],
    known: Known,
) -> str | None:
    has_found = any(set(ids) & set(known.found) for ids, _ in affirmed)
    for ids, word in denied:
        if set(ids) & set(known.found) or word in known.facts:
            return f"denies '{word}', which was found"
        if not has_found and not is_abstaining(text) and not is_hedged(text):
            return f"denies '{word}', which nothing rules out"
    return None


def _judge_affirmed(text: str, affirmed: Sequence[tuple[tuple[str, ...], str]], known: Known) -> str | None:
    for ids, word in affirmed:
        if set(ids) & set(known.found) or word in known.facts or set(ids) & set(known.asked):
            continue
        if is_hedged(text) and (word in known.advice or known.asked):
            continue
        if not is_abstaining(text):
            return f"names '{word}', which was not found"
    return None


def find_health_fault(text: str, *, is_faulty: bool, is_clean: bool) -> str | None:
    """Tell where a sentence says that all is well beside a finding, or the other way round."""
    for match in _WELL.finditer(text):
        before = text[max(0, match.start() - 25) : match.start()]
        if _DENY.search(before) or is_abstaining(text) or _is_condition(before):
            continue
        if is_faulty or not is_clean:
            return f"says '{match[0]}', and no check bears that out"
    if is_clean and not is_faulty and not is_abstaining(text):
        for match in _ILL.finditer(text):
            before = text[max(0, match.start() - 40) : match.start()]
            if not _DENY.search(before) and not _AGAINST.search(before) and not is_hedged(text):
                return f"says '{match[0]}', and nothing was found"
    return None


def _is_condition(before: str) -> bool:
    return bool(re.search(r"\b(?:if|whether|until|when)\b", before))
