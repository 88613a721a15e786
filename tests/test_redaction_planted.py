"""The boundary over planted secrets, over healthy logs, over any cut of a stream, and over hostile text."""

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from secret_factory import BLOCKS, KINDS, find_leak, plant, secret_part

from assistant.redaction import PLACEHOLDER_NOTE, Redactor, StreamRedactor, redact, redact_value

LOGS = Path(__file__).parent / "logs"
EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = (*KINDS, *BLOCKS)
NUM_PLANTED = 40
LEAST_FOUND = 0.99
MOST_ALTERED = 0.01


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  made-up secrets of a test


def count_found(is_held_out: bool) -> tuple[Counter[str], list[str]]:
    random, found, missed = seeded(20 + is_held_out), Counter[str](), []
    for name in NAMES:
        for _ in range(NUM_PLANTED):
            secret, text = plant(name, random, is_held_out=is_held_out)
            leak = find_leak(secret_part(name, secret), redact(f"step 1\n{text}\nstep 2\n"))
            found[name] += leak is None
            missed += [] if leak is None else [f"{name}: {text[:120]!r}"]
    return found, missed


@pytest.mark.parametrize("is_held_out", [False, True])
def test_99_of_100_planted_secrets_are_found(is_held_out: bool) -> None:
    found, missed = count_found(is_held_out)
    assert len(NAMES) >= 40
    assert found.total() >= LEAST_FOUND * NUM_PLANTED * len(NAMES), missed[:20]
    assert min(found.values()) >= 0.9 * NUM_PLANTED, missed[:20]


def test_1_of_100_healthy_lines_is_altered_at_most() -> None:
    texts = [
        path.read_text(encoding="utf-8", errors="replace")
        for folder in (LOGS, EXAMPLES)
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".log", ".csv", ".json", ".txt"} and not path.name.endswith(".golden.json")
    ]
    pairs = [pair for text in texts for pair in zip(text.split("\n"), redact(text).split("\n"), strict=True)]
    altered = [line for line, shown in pairs if line != shown]
    assert len(pairs) > 5000
    assert len(altered) <= MOST_ALTERED * len(pairs), altered[:10]


@pytest.mark.parametrize(
    "line",
    [
        "pad_token: <pad>, eos_token='</s>', num_tokens=1024, max_new_tokens=256",
        "model.layers.0.self_attn.q_proj.lora_A.default.weight",
        "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432, run id 3k9x2m1q, torch==2.13.0+cpu",
        "token_type_ids: [0, 0, 1], special_tokens_map.json, tokenizer.pad_token = tokenizer.eos_token",
        "/opt/conda/lib/python3.11/site-packages/torch/nn/modules/module.py",
        "--learning_rate 2e-4 --warmup_ratio 0.03 --report_to wandb --save_strategy steps",
    ],
)
def test_what_only_looks_like_a_secret_stays(line: str) -> None:
    assert redact(line) == line


TEXTS = st.lists(
    st.sampled_from([plant(name, seeded(7), is_held_out=False)[1] for name in NAMES])
    | st.text(alphabet="ab3 =:/@.\n\"'-_<>", max_size=60),
    max_size=6,
).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 400), max_size=8))
def test_a_stream_gives_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    stream = StreamRedactor()
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    parts = [stream.feed(text[first:last]) for first, last in pairwise(places)]
    assert "".join(parts) + stream.close() == redact(text)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "piece", ["a", "/", "=", "'", "\n", "eyJ", "A9", "-----BEGIN ", "token=", "@", "://a:", "\x1b["]
)
def test_a_long_line_of_anything_does_not_hang(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 20  # in quadratic time it would be an hour


def test_a_secret_has_one_placeholder_in_a_conversation() -> None:
    first, second = (plant("hub", seeded(seed), is_held_out=False)[0] for seed in (1, 2))
    redactor = Redactor()
    assert redactor.redact(f"{first} {second}") == "<HUB_TOKEN_1> <HUB_TOKEN_2>"
    assert redactor.redact(f"again {second}") == "again <HUB_TOKEN_2>"
    assert "<HUB_TOKEN_1>" in PLACEHOLDER_NOTE


def test_values_are_redacted_by_their_keys_and_by_their_looks() -> None:
    secret = plant("hub", seeded(3), is_held_out=False)[0]
    told = redact_value({"args": ["--hub_token", secret], "password": "hunter2", "steps": 3, "loss": [0.5, None]})
    assert told == {"args": ["--hub_token", "<HUB_TOKEN>"], "password": "<SECRET>", "steps": 3, "loss": [0.5, None]}
    deep: object = secret
    for _ in range(500):
        deep = [deep]
    assert secret not in json.dumps(redact_value(deep))
