"""What of a log a language model may read: its head, its tail and the lines about what is wrong, within a budget."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.kept_logs import KeptLog, PathLog
from assistant.log_lines import clip_line, count_log_lines, is_bar, read_lines
from assistant.render import make_visible
from assistant.stacks import MAX_SPAN_LINES, find_stacks, join_spans
from tools.diagnosis.finding import Diagnosis
from tools.log_formats.frames import decode, strip_ansi
from tools.run import Line, Problem, Run

NUM_ENDS = 5
NUM_LONG_ENDS = 20
NUM_BESIDE = 3
READ_BESIDE = 60
MAX_FINDINGS = 4
MAX_LINES_OF_ONE = 4
MAX_PROBLEMS = 3
MAX_FILES = 3
GAP_TOKENS = 10
HEAD_TOKENS = 60

_TOKENS = re.compile(r"[^\W\d_]{1,4}|\d|[^\w\s]|_")


def estimate_tokens(text: str) -> int:
    """About how many tokens a text takes: a digit or a sign one each, words a token for four letters.

    Example:
        >>> estimate_tokens("loss 2.5")
        4
    """
    return len(_TOKENS.findall(text))


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of one log, in order.

    Attributes:
        name: of the input; source: of the file in a run folder, "" elsewhere.
        lines: the lines shown; line.text is shortened, and quotes what a finding quotes.
        num_lines: of the whole log; 0 where it is not known.
    """

    name: str
    source: str
    lines: tuple[Line, ...]
    num_lines: int

    @property
    def text(self) -> str:
        """The lines behind their numbers; what was left out between them is said."""
        shown, last = [f"{self.name} {self.source}".strip() + ":"], 0
        for line in self.lines:
            shown += _tell_gap(line.number - last - 1)
            shown.append(f"L{line.number}  {line.text}")
            last = line.number
        return "\n".join([*shown, *_tell_gap(self.num_lines - last)])


@dataclass(frozen=True, slots=True)
class _Subject:
    """One file: the log itself, or ``source`` in a run folder."""

    run: Run
    diagnosis: Diagnosis
    source: str


def _tell_gap(num_lines: int) -> list[str]:
    return [f"... {num_lines:,} line{'s' * (num_lines > 1)} left out ..."] if num_lines > 0 else []


def cut_excerpts(
    judged: Sequence[tuple[Run, Diagnosis]],
    kept: Mapping[str, KeptLog | None],
    max_tokens: int,
    count_tokens: Callable[[str], int] = estimate_tokens,
) -> tuple[Excerpt, ...]:
    """Cut the excerpts of a turn's logs, each with an even share of the budget.

    Args:
        judged: each log with what is wrong with it.
        kept: by the log's name, how to read it again; None for a run folder. Of a log that is missing here only the
            lines that findings quote are shown.
        max_tokens: of all excerpts together, as ``count_tokens`` counts them.
    """
    subjects = [_Subject(run, found, source) for run, found in judged for source in _list_sources(run, found)]
    share = max_tokens // max(1, len(subjects))
    cut = [_cut(subject, _find_log(subject, kept), share, count_tokens) for subject in subjects]
    return tuple(excerpt for excerpt in cut if excerpt.lines)


def quotable_lines(excerpts: Sequence[Excerpt]) -> dict[int, str]:
    """The lines that may be cited as [L412], by number; where two logs show the same number, neither may."""
    found: dict[int, str] = {}
    twice: set[int] = set()
    for excerpt in excerpts:
        twice |= found.keys() & {line.number for line in excerpt.lines}
        found |= {line.number: line.text for line in excerpt.lines}
    return {number: text for number, text in sorted(found.items()) if number not in twice}


def _find_log(subject: _Subject, kept: Mapping[str, KeptLog | None]) -> KeptLog | None:
    """How to read the file again: one of a run folder by its path, a quoted config not at all."""
    name, source = subject.run.name, subject.source
    log = kept.get(name)
    if log is None and name in kept and source:
        return PathLog(Path(name) / source)
    return None if source else log


def _list_sources(run: Run, diagnosis: Diagnosis) -> list[str]:
    """The files of a run folder that the excerpts are about; [""] for a single file."""
    lines = [line for finding in diagnosis.findings for line in finding.evidence]
    lines += [point.line for series in run.series.values() for point in series.points[:1]]
    lines += [line for problem in run.problems[:MAX_PROBLEMS] for line in problem.lines[:1]]
    return list(dict.fromkeys(line.source for line in lines))[:MAX_FILES] or [""]


def _cut(subject: _Subject, log: KeptLog | None, budget: int, count_tokens: Callable[[str], int]) -> Excerpt:
    run, source = subject.run, subject.source
    quotes, spans = _list_quotes(subject), _list_spans(subject)
    num_lines, num_bytes = count_log_lines(log) if source and log else (run.num_lines, run.num_bytes)
    lines = read_lines(log, num_lines, num_bytes, _list_wanted(quotes, spans, num_lines), quotes) if log else {}
    if not _is_same(quotes, lines):
        lines = {}
    spans = join_spans([*spans, *find_stacks(lines, num_lines)])
    cutter = _Cutter(quotes, lines, spans, count_tokens)
    budget -= HEAD_TOKENS
    for candidate in _list_candidates(quotes, spans, num_lines):
        budget -= cutter.take(candidate, budget)
    return Excerpt(run.name, source, cutter.shown(), num_lines if lines else 0)


def _list_problems(subject: _Subject) -> list[Problem]:
    problems = subject.run.problems[:MAX_PROBLEMS]
    return [one for one in problems if one.lines and one.lines[0].source == subject.source]


def _list_spans(subject: _Subject) -> list[tuple[int, int]]:
    return [(one.first_line, one.last_line) for one in _list_problems(subject)]


def _list_quotes(subject: _Subject) -> dict[int, list[str]]:
    """What findings and problems quote: by line number, the worst finding's first."""
    findings = subject.diagnosis.findings[:MAX_FINDINGS]
    lines = [line for finding in findings for line in finding.evidence[:MAX_LINES_OF_ONE]]
    lines += [problem.lines[-1] for problem in _list_problems(subject)]
    quotes: dict[int, list[str]] = {}
    for line in lines:
        if line.source == subject.source and line.number > 0:
            quotes.setdefault(line.number, []).append(_without_escapes(line.text))
    return quotes


def _without_escapes(text: str) -> str:
    """A quoted text as a line that is read again comes: colours and cursor movements taken out."""
    return decode(strip_ansi(text.encode("utf-8", "replace"))) if "\x1b" in text else text


def _list_wanted(quotes: Iterable[int], spans: Sequence[tuple[int, int]], num_lines: int) -> list[int]:
    """The numbers that may be shown, and so many beside them that the tracebacks they stand in are seen whole."""
    wanted = [*range(1, NUM_LONG_ENDS + READ_BESIDE), *range(num_lines - NUM_LONG_ENDS - READ_BESIDE, num_lines + 1)]
    for number in quotes:
        wanted += range(number - READ_BESIDE, number + READ_BESIDE + 1)
    for first, last in spans:
        wanted += range(first, min(last, first + MAX_SPAN_LINES) + 1)
    return [number for number in wanted if 1 <= number <= num_lines]


def _list_candidates(quotes: Iterable[int], spans: Sequence[tuple[int, int]], num_lines: int) -> list[list[int]]:
    """What to show, the most telling first; each is shown whole or not at all."""
    marks = list(quotes)
    candidates = [[number] for number in marks]
    candidates += [list(range(first, min(last, first + MAX_SPAN_LINES) + 1)) for first, last in spans]
    candidates += [list(range(num_lines - NUM_ENDS + 1, num_lines + 1)), list(range(1, NUM_ENDS + 1))]
    candidates += [list(range(number - NUM_BESIDE, number + NUM_BESIDE + 1)) for number in marks]
    for start in range(NUM_ENDS, NUM_LONG_ENDS, NUM_ENDS):
        candidates.append(list(range(num_lines - start - NUM_ENDS + 1, num_lines - start + 1)))
        candidates.append(list(range(start + 1, start + NUM_ENDS + 1)))
    return candidates


def _is_same(quotes: Mapping[int, Sequence[str]], lines: Mapping[int, str]) -> bool:
    """Whether the lines that were read are those that the findings quote: a format may count rows, not lines."""
    checked = [(texts, lines[number]) for number, texts in quotes.items() if number in lines]
    num_same = sum(any(text.strip()[:100] in line for text in texts) for texts, line in checked)
    return 2 * num_same >= len(checked)


class _Cutter:
    """Takes windows while there is room; a traceback is taken whole, or only the lines of it that are quoted."""

    def __init__(
        self,
        quotes: Mapping[int, Sequence[str]],
        lines: Mapping[int, str],
        spans: Sequence[tuple[int, int]],
        count_tokens: Callable[[str], int],
    ) -> None:
        quoted = {number: " … ".join(map(clip_line, dict.fromkeys(texts))) for number, texts in quotes.items()}
        self._quoted, self._lines = quoted.keys(), {**quoted, **lines}
        self._spans, self._count = spans, count_tokens
        self._taken: dict[int, str] = {}

    def take(self, numbers: Sequence[int], budget: int) -> int:
        """Take a window where it fits; of one that does not, the lines outside of tracebacks; gives what it costs."""
        budget -= GAP_TOKENS
        whole = self._cost(self._widen(numbers))
        if whole and sum(whole.values()) <= budget:
            return self._keep(whole)
        outside = [number for number in numbers if self._span_of(number) is None or self._is_message(number)]
        rest = self._cost(outside) or {}
        return self._keep(rest) if rest and sum(rest.values()) <= budget else 0

    def _is_message(self, number: int) -> bool:
        """Whether a line is the last one that is quoted of its traceback: what the error says."""
        first, last = self._span_of(number) or (number, number)
        return number == max((quoted for quoted in self._quoted if first <= quoted <= last), default=0)

    def _keep(self, costs: Mapping[int, int]) -> int:
        self._taken |= {number: self._lines[number] for number in costs}
        return GAP_TOKENS + sum(costs.values())

    def _cost(self, numbers: Iterable[int]) -> dict[int, int] | None:
        """The tokens of each line not taken yet; None where a traceback's lines are not all there."""
        costs: dict[int, int] = {}
        for number in numbers:
            if number in self._lines and number not in self._taken:
                costs[number] = self._count(f"L{number}  {self._lines[number]}\n")
            elif number not in self._lines and self._span_of(number):
                return None
        return costs

    def _widen(self, numbers: Sequence[int]) -> list[int]:
        """The numbers, with all lines of each traceback that they touch."""
        wide: dict[int, None] = {}
        for number in numbers:
            span = self._span_of(number)
            wide |= dict.fromkeys(range(span[0], span[1] + 1) if span else (number,))
        return list(wide)

    def _span_of(self, number: int) -> tuple[int, int] | None:
        return next((span for span in self._spans if span[0] <= number <= span[1]), None)

    def shown(self) -> tuple[Line, ...]:
        """The lines taken, in order; of bars one below the other the first and the last."""
        bars = {number for number, text in self._taken.items() if number not in self._quoted and is_bar(text.encode())}
        inner = {number for number in bars if number - 1 in bars and number + 1 in bars}
        taken = sorted(self._taken.items())
        return tuple(Line(number, make_visible(text)) for number, text in taken if number not in inner)
