"""Checks the documents: links lead somewhere, and what the program can generate is what it generates.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; ``--write`` brings it up to date.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant.agent import Request, Turn
from assistant.cli import build_parser
from assistant.events import TurnEnded
from assistant.parts import real_parts
from assistant.settings import NO_MODEL, load_settings
from knowledge.card import load_cards
from tools.diagnosis import RULES
from tools.log_formats import FORMATS

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "results.json"

_GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def main() -> int:
    """Check every document; gives 1 where something is wrong."""
    is_writing = "--write" in sys.argv[1:]
    faults = [fault for path in documents() for fault in check_document(path, is_writing=is_writing)]
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
    """The table of rules."""
    cards = load_cards()
    rows = [f"| `{rule.id}` | {cards[rule.id].title} | {rule.needs} |" for rule in RULES]
    return "\n".join(["| rule | what it finds | what it needs |", "| --- | --- | --- |", *rows]) + "\n"


def tell_cards() -> str:
    """How many cards there are, by family."""
    families: dict[str, list[str]] = {}
    for card in load_cards().values():
        families.setdefault(card.family, []).append(f"`{card.id}`")
    rows = [f"| {family} | {', '.join(names)} |" for family, names in families.items()]
    return "\n".join(["| family | cards |", "| --- | --- |", *rows]) + "\n"


def tell_figures() -> str:
    """The table of measured figures, from the last `make bench`."""
    loaded = json.loads(FIGURES.read_text(encoding="utf-8"))
    rows = [
        f"| {row['what']} | {row['seconds']:.2f} s | {row['aim']} | {row['ratio']:.0f} x | {row['peak_mib']:.0f} MiB |"
        for row in loaded["rows"]
    ]
    head = ["| what | median | aim | of `python -c pass` | peak memory |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + f"\n\nMeasured on {loaded['machine']}; {loaded['note']}\n"


GENERATORS: dict[str, Callable[[], str]] = {
    "demo": tell_demo,
    "help": tell_help,
    "formats": tell_formats,
    "rules": tell_rules,
    "cards": tell_cards,
    "figures": tell_figures,
}

if __name__ == "__main__":
    sys.exit(main())
