"""Clean training sets of many makes, into which tests plant one defect at a time."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tools.dataset import DatasetReport, Defect, inspect_dataset


def list_words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


NOUNS = list_words(
    "river harbour engine ledger lantern orchard compass turbine violin glacier market satellite notebook "
    "bridge kettle forest library furnace canal telescope garden circuit wallet meadow printer saddle "
    "tunnel beacon quarry anchor blanket cellar drawer easel fountain gutter hammer island jacket kitchen "
    "ladder mirror needle oven pillow quilt "
)
VERBS = list_words(
    "carries repairs measures follows collects protects describes replaces balances signals stores "
    "divides heats cools lifts moves records compares connects empties fills gathers hides inspects joins "
    "keeps launches mends notices opens "
)
ADJECTIVES = list_words(
    "quiet heavy narrow bright rusty gentle distant hollow smooth ancient copper frozen wooden yellow "
    "careful early double empty famous golden honest inner jagged known local modern northern open "
    "patient round silver tall "
)
ADVERBS = list_words("slowly often rarely carefully nearly always twice already together outside upstairs nearby ")
GERMAN = list_words(
    "Fluss Hafen Brücke Garten Laterne Wörterbuch Kessel Bahnhof trägt öffnet prüft über für schöne kühle "
)
RUSSIAN = list_words("река мост сад фонарь книга город ветер поезд несёт хранит открывает старый тихий зимний вечер ")
CHINESE = "河流港口发动机灯笼果园罗盘涡轮小提琴冰川市场卫星笔记桥梁水壶森林图书馆熔炉运河望远镜花园"


class Words:
    """Sentences drawn from word lists; equal seeds give equal sentences."""

    def __init__(self, seed: int = 0) -> None:
        self.draw = Random(seed)  # noqa: S311  words for tests, no secret

    def pick(self, words: Sequence[str]) -> str:
        """One of some words."""
        return self.draw.choice(words)

    def clause(self) -> str:
        """A clause of eight words."""
        pick = self.pick
        return f"the {pick(ADJECTIVES)} {pick(NOUNS)} {pick(ADVERBS)} {pick(VERBS)} a {pick(ADJECTIVES)} {pick(NOUNS)}"

    def sentence(self) -> str:
        """A sentence of one or two clauses."""
        joined = self.pick(("while", "because", "until", "although", "and so"))
        text = self.clause() if self.draw.random() < 0.4 else f"{self.clause()} {joined} {self.clause()}"
        return text[0].upper() + text[1:] + "."

    def paragraph(self, low: int = 2, high: int = 6) -> str:
        """Some sentences."""
        return " ".join(self.sentence() for _ in range(self.draw.randint(low, high)))

    def question(self) -> str:
        """A question."""
        start = self.pick(("Why is it that", "How can one tell that", "Is it true that", "Who says that"))
        return f"{start} {self.clause()}?"

    def number(self) -> int:
        """A whole number."""
        return self.draw.randint(2, 9999)

    def code(self) -> str:
        """A small function of Python."""
        name, other = f"{self.pick(VERBS)}_{self.pick(NOUNS)}", self.pick(NOUNS)
        return (
            f"def {name}({other}):\n    total = {self.number()}\n    for item in {other}:\n"
            f"        total += item * {self.number()}\n    return total"
        )

    def foreign(self, words: Sequence[str], low: int, high: int) -> str:
        """Words of another language."""
        return " ".join(self.pick(words) for _ in range(self.draw.randint(low, high))).capitalize() + "."

    def chinese(self, low: int, high: int) -> str:
        """Chinese letters without spaces."""
        return "".join(self.pick(CHINESE) for _ in range(self.draw.randint(low, high))) + "。"


def chat(*texts: str, system: str = "") -> dict[str, Any]:
    """A row of messages whose turns alternate, the user's first."""
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]
    return {"messages": [{"role": "system", "content": system}, *turns] if system else turns}


def _messages(words: Words, _: int) -> dict[str, Any]:
    return chat(words.question(), words.paragraph())


def _long_chats(words: Words, _: int) -> dict[str, Any]:
    texts = [text for _ in range(words.draw.randint(2, 7)) for text in (words.question(), words.paragraph(1, 9))]
    return chat(*texts, system="You are a helpful assistant of the harbour office. Answer briefly and politely.")


def _parts(words: Words, _: int) -> dict[str, Any]:
    row = chat(words.question(), words.paragraph())
    for turn in row["messages"]:
        turn["content"] = [{"type": "text", "text": turn["content"]}]
    row["messages"][0]["content"].insert(0, {"type": "image", "image": "picture.png"})
    return row


def _tools(words: Words, _: int) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": "look_up", "arguments": {"word": words.pick(NOUNS)}}}
    first, answer = chat(words.question(), words.paragraph())["messages"]
    turns = [first, {"role": "assistant", "content": None, "tool_calls": [call]}]
    return {"messages": [*turns, {"role": "tool", "content": words.sentence()}, answer], "tools": [{"name": "look_up"}]}


def _sharegpt(words: Words, row: int) -> dict[str, Any]:
    turns = [
        ("human", words.question()),
        ("gpt", words.paragraph()),
        ("human", words.question()),
        ("gpt", words.paragraph()),
    ]
    return {"id": f"row-{row}", "conversations": [{"from": role, "value": text} for role, text in turns]}


def _alpaca(words: Words, row: int) -> dict[str, Any]:
    text = words.paragraph() if row % 3 else ""
    return {"instruction": words.question(), "input": text, "output": words.paragraph(1, 5)}


def _code(words: Words, _: int) -> dict[str, Any]:
    wish = f"Write a function so that {words.clause()}."
    return {"prompt": wish, "completion": f"```python\n{words.code()}\n```\n{words.sentence()}"}


def _web_code(words: Words, _: int) -> dict[str, Any]:
    page = f"<div>\n  <p>{words.sentence()}</p><br>\n</div>"
    return chat(f"Write HTML that shows: {words.clause()}", f"```html\n{page}\n```\n{words.sentence()}")


def _maths(words: Words, _: int) -> dict[str, Any]:
    first, second = words.number(), words.number()
    asked = f"A {words.pick(NOUNS)} holds {first} coins and a {words.pick(NOUNS)} holds {second}. How many together?"
    return {"question": asked, "answer": f"{first} + {second} = {first + second}\n#### {first + second}"}


def _sums(words: Words, _: int) -> dict[str, Any]:
    first, second = words.number(), words.number()
    return {"question": f"What is {first} * {second}?", "answer": str(first * second)}


def _reviews(words: Words, _: int) -> dict[str, Any]:
    return {"text": words.paragraph(1, 3), "label": words.pick(("positive", "negative", "neutral"))}


def _intents(words: Words, _: int) -> dict[str, Any]:
    return {"text": words.question(), "label": words.draw.randint(0, 11)}


def _yes_no(words: Words, _: int) -> dict[str, Any]:
    return {"prompt": words.question(), "completion": words.pick(("Yes", "No"))}


def _entailment(words: Words, _: int) -> dict[str, Any]:
    return {"premise": words.sentence(), "hypothesis": words.sentence(), "label": words.draw.randint(0, 2)}


def _preference(words: Words, _: int) -> dict[str, Any]:
    return {"prompt": words.question(), "chosen": words.paragraph(), "rejected": words.paragraph()}


def _preference_chats(words: Words, _: int) -> dict[str, Any]:
    asked = words.question()
    sides = (chat(asked, words.paragraph())["messages"], chat(asked, words.paragraph())["messages"])
    return {"chosen": sides[0], "rejected": sides[1]}


def _kto(words: Words, _: int) -> dict[str, Any]:
    return {"prompt": words.question(), "completion": words.paragraph(), "label": words.draw.random() < 0.6}


def _documents(words: Words, _: int) -> dict[str, Any]:
    return {"text": words.paragraph(5, 12), "source": "archive"}


def _translations(words: Words, _: int) -> dict[str, Any]:
    return {"source": words.foreign(GERMAN, 6, 14), "target": words.sentence()}


def _russian(words: Words, _: int) -> dict[str, Any]:
    return chat(words.foreign(RUSSIAN, 5, 12), words.foreign(RUSSIAN, 15, 60))


def _chinese(words: Words, _: int) -> dict[str, Any]:
    return chat(words.chinese(8, 20), words.chinese(30, 120))


def _tokenised(words: Words, _: int) -> dict[str, Any]:
    ids = [words.draw.randint(5, 31_000) for _ in range(words.draw.randint(30, 90))]
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [-100] * 10 + ids[10:]}


CLEAN: dict[str, Callable[[Words, int], dict[str, Any]]] = {
    "messages": _messages,
    "long chats with a system text": _long_chats,
    "content in parts": _parts,
    "tool calls": _tools,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "code": _code,
    "web code": _web_code,
    "maths": _maths,
    "sums": _sums,
    "reviews": _reviews,
    "intents": _intents,
    "yes or no": _yes_no,
    "entailment": _entailment,
    "preference": _preference,
    "preference as chats": _preference_chats,
    "kto": _kto,
    "documents": _documents,
    "translations": _translations,
    "russian": _russian,
    "chinese": _chinese,
    "tokenised": _tokenised,
}


def make_clean(make: str, num_rows: int = 200, seed: int = 0) -> list[dict[str, Any]]:
    """The rows of a clean set; whole rows never repeat."""
    words = Words(seed)
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < num_rows:
        row = CLEAN[make](words, len(rows))
        rows[json.dumps({**row, "label": None})] = row
    return list(rows.values())


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows as JSON Lines; a text is written as it stands."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")
    return path


def write_csv(path: Path, rows: Sequence[dict[str, Any]], delimiter: str = ",") -> Path:
    """Write rows under a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8")
    return path


def inspect_rows(folder: Path, rows: Sequence[Any], **limits: int) -> DatasetReport:
    """Write rows as JSON Lines and inspect them."""
    return inspect_dataset([write_lines(folder / "rows.jsonl", rows)], **limits)


def find_defect(report: DatasetReport, kind: str) -> Defect:
    """The defect of one kind."""
    return next(defect for defect in report.defects if defect.kind == kind)
