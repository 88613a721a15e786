"""How fast the embedded model reads and writes through ftchat, beside llama_cpp alone on the same prompt.

python benchmarks/llm.py    writes benchmarks/llm.json
"""

import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from assistant.llm import LlamaChat
from assistant.models import find_model
from assistant.settings import load_settings

RESULTS = Path(__file__).parent / "llm.json"
NUM_TOKENS = 128
NUM_RUNS = 5
SYSTEM = "You answer a question about a training run with the numbered facts that answer it best."
FACTS = "\n".join(
    f"[E{number}] At step {number * 40} the training loss was {2.4 / number:.3f}." for number in range(1, 16)
)


def main() -> int:
    """Measure and write the figures."""
    model = LlamaChat(model_path=find_model(None, Path(load_settings({}).cache)).path, max_tokens=NUM_TOKENS)
    model.load()
    first: list[BaseMessage] = [SystemMessage(SYSTEM), HumanMessage(f"{FACTS}\nQuestion: how did the loss go?")]
    measure_alone(model, first)
    rows = [(measure_through(model, first), measure_alone(model, first)) for _ in range(NUM_RUNS)]
    through = statistics.median(one["tokens_per_second"] for one, _ in rows)
    alone = statistics.median(other["tokens_per_second"] for _, other in rows)
    usage = model.invoke(first).usage_metadata
    told = {
        "prompt_tokens": usage["input_tokens"] if usage else None,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "through_tokens_per_second": through,
        "alone_tokens_per_second": alone,
        "ratio": through / alone,
        "first_turn_seconds": statistics.median(one["to_first"] for one, _ in rows),
        "follow_up_seconds": statistics.median(measure_follow_up(model, first) for _ in range(NUM_RUNS)),
    }
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0


def forget(model: LlamaChat) -> None:
    """Empty llama.cpp's cache, so that a prompt is read from its start."""
    model.load().llama.reset()


def measure_through(model: LlamaChat, messages: list[BaseMessage]) -> dict[str, float]:
    """One answer through the chat model: seconds to the first token, and tokens a second after it."""
    forget(model)
    return _time(chunk.text for chunk in model.stream(messages))


def measure_alone(model: LlamaChat, messages: list[BaseMessage]) -> dict[str, float]:
    """The same prompt through llama_cpp's own completion."""
    forget(model)
    llama: Any = model.load().llama
    turns = [{"role": "system" if one.type == "system" else "user", "content": one.text} for one in messages]
    text = model.load().template(messages=turns).prompt
    prompt = llama.tokenize(text.encode(), add_bos=False, special=True)
    pieces = llama.create_completion(prompt, max_tokens=NUM_TOKENS, temperature=0.0, stream=True)
    return _time(piece["choices"][0]["text"] for piece in pieces)


def measure_follow_up(model: LlamaChat, messages: list[BaseMessage]) -> float:
    """Seconds to the first token of a second turn, whose prompt begins as the first one's."""
    forget(model)
    answer = model.invoke(messages)
    started = time.perf_counter()
    for chunk in model.stream([*messages, answer, HumanMessage("And why is that?")]):
        if chunk.text:
            break
    return time.perf_counter() - started


def _time(pieces: Any) -> dict[str, float]:
    started, marks = time.perf_counter(), list[float]()
    marks += [time.perf_counter() for piece in pieces if piece]
    return {"to_first": marks[0] - started, "tokens_per_second": (len(marks) - 1) / (marks[-1] - marks[0])}


if __name__ == "__main__":
    sys.exit(main())
