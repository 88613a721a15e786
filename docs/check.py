"""Checks the documents: links lead somewhere, and what the program can generate is what it generates.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; ``--write`` brings it up to date.
"""

import io
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from answers import load_answers, tell_answers, tell_answers_by_tag, tell_llm

from assistant.agent import Request, Turn
from assistant.cli import build_parser
from assistant.events import TurnEnded
from assistant.parts import real_parts
from assistant.settings import NO_MODEL, load_settings
from knowledge.card import load_cards
from knowledge.coverage import Seed, find_coverage_faults, load_seeds
from tools.diagnosis import RULES
from tools.log_formats import FORMATS

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "results.json"
RETRIEVAL = ROOT / "benchmarks" / "retrieval.json"
MEMORY = ROOT / "benchmarks" / "vram_results.json"
READING = ROOT / "benchmarks" / "reading.json"
EVIDENCE = ROOT / "docs" / "evidence.json"
STAMP = ROOT / "tests" / "evals" / "stamp.py"
ANSWERS_STAMP = ROOT / "tests" / "evals" / "answers" / "stamp.py"
COVERAGE = ROOT / "docs" / "coverage.yaml"

_GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def main() -> int:
    """Check every document; gives 1 where something is wrong."""
    is_writing = "--write" in sys.argv[1:]
    faults = [fault for path in documents() for fault in check_document(path, is_writing=is_writing)]
    faults += check_evidence()
    faults += find_coverage_faults(load_seeds(COVERAGE), load_cards())
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"docs: {len(documents())} documents checked, {len(faults)} faults")
    return 1 if faults else 0


def documents() -> list[Path]:
    """Every Markdown document of the project, the cards aside."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")])


def check_document(path: Path, *, is_writing: bool) -> Iterator[str]:
    """Give the faults of one document; writing mends what can be generated."""
    text = path.read_text(encoding="utf-8")
    for match in _LINK.finditer(text):
        target = match[1]
        if "://" not in target and not (path.parent / target).exists():
            yield f"{path.name}: links to {target}, which does not exist"
    fresh = _GENERATED.sub(lambda match: match[1] + GENERATORS[match[2]]() + match[4], text)
    if fresh != text and is_writing:
        path.write_text(fresh, encoding="utf-8")
    elif fresh != text:
        yield f"{path.name}: a generated part is out of date; run 'make docs-write'"


def check_evidence() -> Iterator[str]:
    """Give a fault where the figures are those of a run over other cases."""
    stamp: str = runpy.run_path(str(STAMP))["stamp_cases"]()
    if load_evidence()["cases"] != stamp:
        yield f"{EVIDENCE.name}: its figures are of other cases than those at hand; run 'make evals'"
    stamp = runpy.run_path(str(ANSWERS_STAMP))["stamp_answers"]()
    if load_answers()["cases"] != stamp:
        yield "answers.json: its figures are of other cases than those at hand; run 'make evals'"


def tell_help() -> str:
    """The program's own help."""
    return f"```text\n{build_parser([]).format_help().rstrip()}\n```\n"


def tell_demo() -> str:
    """The answer to the README's question, without the model so that it is the same everywhere."""
    question = "my model got worse after epoch 3, why?"
    log = (ROOT / "examples" / "overfit.log").read_bytes()
    parts = real_parts(load_settings({"model": NO_MODEL}))
    for event in Turn(Request(question, [("stdin", io.BytesIO(log))]), parts).events():
        if isinstance(event, TurnEnded):
            return f'```text\n$ cat examples/overfit.log | ftchat "{question}"\n\n{event.answer.text}\n```\n'
    raise RuntimeError("the turn ended without an answer")


def tell_formats() -> str:
    """The table of log formats."""
    rows = [f"| `{one.name}` | {one.title} | `{one.source}` |" for one in FORMATS]
    return "\n".join(["| format | what it is | whose code prints it |", "| --- | --- | --- |", *rows]) + "\n"


def tell_rules() -> str:
    """The table of rules; where several find one fault, what any of them needs."""
    cards = load_cards()
    needs: dict[str, list[str]] = {}
    for rule in RULES:
        needs.setdefault(rule.id, []).append(rule.needs)
    rows = [f"| `{name}` | {cards[name].title} | {', or '.join(dict.fromkeys(told))} |" for name, told in needs.items()]
    return "\n".join(["| rule | what it finds | what it needs |", "| --- | --- | --- |", *rows]) + "\n"


def tell_cards() -> str:
    """How many cards there are, by family."""
    families: dict[str, list[str]] = {}
    for card in load_cards().values():
        families.setdefault(card.family, []).append(f"`{card.id}`")
    rows = [f"| {family} | {', '.join(names)} |" for family, names in families.items()]
    return "\n".join(["| family | cards |", "| --- | --- |", *rows]) + "\n"


def tell_coverage() -> str:
    """What the seed documents say, and the card and part that holds it."""
    return "\n".join(_tell_seed(seed) for seed in load_seeds(COVERAGE))


def _tell_seed(seed: Seed) -> str:
    rows = [
        f"## {seed.name}: {seed.title}",
        "",
        "| statement | card | part | looked for |",
        "| --- | --- | --- | --- |",
    ]
    for claim in seed.claims:
        text = f"{claim.text} (doubtful)" if claim.is_doubtful else claim.text
        words = " … ".join(claim.words)
        rows.append(f"| {text} | [`{claim.card}`](../knowledge/cards/{claim.card}.md) | {claim.part} | {words} |")
    return "\n".join([*rows, "", f"Passed over: {'; '.join(seed.passed_over)}.", ""])


def tell_figures() -> str:
    """The table of measured figures, from the last `make bench`."""
    loaded = json.loads(FIGURES.read_text(encoding="utf-8"))
    rows = [
        f"| {row['what']} | {row['seconds']:.2f} s | {row['aim']} | {row['ratio']:.0f} x | {row['peak_mib']:.0f} MiB |"
        for row in loaded["rows"]
    ]
    head = ["| what | median | aim | of `python -c pass` | peak memory |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + f"\n\nMeasured on {loaded['machine']}; {loaded['note']}\n"


def tell_reading() -> str:
    """How fast long logs are read, beside other readers and limits, from the last `make bench`."""
    loaded = json.loads(READING.read_text(encoding="utf-8"))
    rows = [
        f"| {one['what']} | {one['speed']:.0f} MB/s | {one['aim']} | {one['peak_mib']:.0f} MiB |"
        for one in loaded["rows"]
    ]
    head = ["| what | speed | aim | peak memory |", "| --- | --- | --- | --- |"]
    ratios = ", ".join(f"{ratio:.2g} times {name}" for name, ratio in loaded["ratios"].items())
    return "\n".join([*head, *rows]) + f"\n\nThat is {ratios}. Measured on {loaded['machine']}; {loaded['note']}\n"


def tell_retrieval() -> str:
    """How fast cards are found, from the last `make bench`."""
    loaded = json.loads(RETRIEVAL.read_text(encoding="utf-8"))
    grown = 1000 * loaded["grown_warm_p50_seconds"]
    rows = [
        f"| the first question in a new process | {loaded['cold_seconds']:.2f} s | 1.3 s |",
        f"| a further question, median | {1000 * loaded['warm_p50_seconds']:.0f} ms | 15 ms |",
        f"| the same beside {loaded['extra_cards']:,} more cards | {grown:.0f} ms | 50 ms |",
    ]
    return "\n".join(["| finding cards | measured | aim |", "| --- | --- | --- |", *rows]) + "\n"


def tell_memory() -> str:
    """The error of the memory estimate by method and framework, beside other estimators, from the last `make bench`."""
    loaded = json.loads(MEMORY.read_text(encoding="utf-8"))
    head = ["| rows | number | median error | signed | within 10 % | inside the interval |", f"|{' --- |' * 6}"]
    rows = [
        f"| {one['name']} | {one['num_rows']} | {one['median_error']:.1%} | {one['median_signed_error']:+.1%} "
        f"| {one['within_10_percent']:.0%} | {one['inside']:.0%} |"
        for one in (*loaded["by_method"], *loaded["by_framework"])
    ]
    others = ["| estimator, same rows | method | number | median error |", f"|{' --- |' * 4}"]
    others += [
        f"| {one['name']} | {one['method']} | {one['num_rows']} | {one['median_error']:.0%} |"
        for one in loaded["others"]
    ]
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in loaded["out_of_memory"].items())
    return "\n".join([*head, *rows, "", *others]) + f"\n\nRuns that ran out of memory: {verdicts}.\n"


def tell_evidence() -> str:
    """The table of groups of cases, from the last `make evals`."""
    columns = "cases, number, right, faults found, right one first, false alarms, facts, steps, not read, macro-F1"
    rows = [f"| {columns.replace(', ', ' | ')} |", f"|{' --- |' * 10}"]
    for one in load_evidence()["groups"].values():
        found, first = (f"{one[name]} of {one['num_faulty']}" for name in ("num_found", "num_first"))
        faulty = [found, first, f"{one['f1_all']:.3f}"] if one["num_faulty"] else ["", "", ""]
        alarms = f"{one['num_alarmed']} of {one['num_fine']}" if one["num_fine"] else ""
        facts, steps = (
            f"{one[f'num_{name}_right']} of {one[f'num_{name}']}" if one[f"num_{name}"] else ""
            for name in ("facts", "steps")
        )
        cells = [one["title"], one["num_cases"], one["num_right"], *faulty[:2], alarms, facts, steps, one["num_unread"]]
        rows.append(f"| {' | '.join(map(str, [*cells, faulty[2]]))} |")
    return "\n".join(rows) + "\n"


def tell_meanings() -> str:
    """What each group of cases is."""
    return "".join(f"- **{one['title']}**: {one['meaning']}.\n" for one in load_evidence()["groups"].values())


def tell_scores() -> str:
    """Precision and recall by id and by kind of case."""
    families = load_evidence()["ids"]
    rows = [f"| id | {' | '.join(families)} |", f"|{' --- |' * (len(families) + 1)}"]
    for name in sorted(set().union(*families.values())):
        cells = [show_score(scores.get(name)) for scores in families.values()]
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def show_score(score: dict[str, float] | None) -> str:
    """Precision and recall, with how often the id was to be said; nothing where it neither was nor had to be."""
    if score is None:
        return ""
    return f"{score['precision']:.2f} / {score['recall']:.2f} ({score['right'] + score['missed']:.0f})"


def tell_recorded() -> str:
    """What was said of each recorded run."""
    rows = ["| run | is seen as | state file | console |", "| --- | --- | --- | --- |"]
    for name, run in load_evidence()["recorded"].items():
        labels = ", ".join(f"`{label}`" for label in run["labels"]) or "healthy"
        labels = labels.replace("`other`", "not to be seen")
        said = [
            f"{'right' if run[way]['is_right'] else 'wrong'}: {', '.join(run[way]['said']) or 'nothing'}"
            for way in ("recorded_state", "recorded_console")
        ]
        rows.append(f"| {name.replace('_', ' ')} | {labels} | {' | '.join(said)} |")
    return "\n".join(rows) + "\n"


def tell_misses() -> str:
    """Every miss of our own cases, by group."""
    misses = {name: lines for name, lines in load_evidence()["misses"].items() if lines}
    if not misses:
        return "None.\n"
    return "".join(f"**{name}**\n\n```text\n{chr(10).join(lines)}\n```\n\n" for name, lines in misses.items())


def load_evidence() -> dict[str, Any]:
    """The figures of the last `make evals`."""
    loaded: dict[str, Any] = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    return loaded


GENERATORS: dict[str, Callable[[], str]] = {
    "demo": tell_demo,
    "help": tell_help,
    "formats": tell_formats,
    "rules": tell_rules,
    "cards": tell_cards,
    "coverage": tell_coverage,
    "figures": tell_figures,
    "reading": tell_reading,
    "memory": tell_memory,
    "retrieval": tell_retrieval,
    "evidence": tell_evidence,
    "answers": tell_answers,
    "llm": tell_llm,
    "answers_by_tag": tell_answers_by_tag,
    "meanings": tell_meanings,
    "scores": tell_scores,
    "recorded": tell_recorded,
    "misses": tell_misses,
}

if __name__ == "__main__":
    sys.exit(main())
