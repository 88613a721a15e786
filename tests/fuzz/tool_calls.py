"""Lets the embedded model call tools thousands of times at a high temperature, and judges every answer.

    python tests/fuzz/tool_calls.py [--count N] [--seed N] [--threads N]

Ends with 1 where an unknown tool or a malformed argument came out.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from langchain_core.messages import AIMessage
from tool_samples import SCHEMAS, TOOLS, judge

from assistant.llm import LlamaChat
from assistant.models import find_model

QUESTIONS = ("How much memory does it take?", "Why is my loss flat?", "Read the log.", "Compare 1e-5 and 2e-4.")


def sample(model: LlamaChat, count: int, seed: int) -> Iterator[AIMessage]:
    """Ask for a call of each tool, of any, and for a call or a text in turn, at temperatures from 1.5 to 2."""
    draw = random.Random(seed)  # noqa: S311  no secret
    for number, choice in zip(range(count), cycle([*SCHEMAS, "any", None]), strict=False):
        bound = model.bind_tools(TOOLS, tool_choice=choice)
        options: dict[str, Any] = {
            "temperature": draw.uniform(1.5, 2.0),
            "seed": draw.getrandbits(31),
            "max_tokens": 72,
        }
        yield bound.bind(**options).invoke(QUESTIONS[number * len(QUESTIONS) // count])


def main() -> int:
    """Sample, print the counts, and tell whether nothing bad came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of the processor; all by default")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        model = LlamaChat(model_path=find_model(None, Path(folder)).path, num_threads=options.threads)
        for answer in sample(model, options.count, options.seed):
            counts += judge([answer])
            if not sum(counts.values()) % 250:
                sys.stdout.write(f"{dict(counts)}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{dict(counts)}\n")
    return 0 if counts.keys() <= {"call", "cut", "text"} and counts["call"] else 1


if __name__ == "__main__":
    sys.exit(main())
