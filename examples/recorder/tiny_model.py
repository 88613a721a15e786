"""A language model small enough to be trained on a CPU in a minute, and the texts that it learns from."""

import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Pair = tuple[str, str]

VOCABULARY = 2048
MAX_TOKENS = 64
BASE_ROWS, BASE_STEPS, BASE_BATCH = 4000, 500, 16
BASE_RATE = 2e-3
WORDS = {
    "person": "Ada, Bela, Cato, Dora, Elif, Finn, Gwen, Hugo, Ines, Jori, Kaya, Lars, Mona, Nils, Olga, Pavel, Rana",
    "plant": "tomato, basil, fig, olive, lemon, fern, rose, cactus, mint, sage, thyme, pear, quince, ivy, lily, dill",
    "place": "balcony, kitchen, hall, cellar, greenhouse, roof, yard, porch, attic, studio",
    "day": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
}
CURES = {
    "brown leaves": "more water",
    "white spots": "less water",
    "dry soil": "more light",
    "wet roots": "less light",
    "small flies": "fresh soil",
    "pale shoots": "a larger pot",
    "no buds": "a cut",
    "torn bark": "a rest",
    "sticky stems": "some feed",
}
STORIES = [
    "{person} has a {plant} in the {place}. On {day} it had {trouble}, so it got {cure}.",
    "The {plant} in the {place} belongs to {person}; since {day} it shows {trouble}.",
    "On {day} {person} saw {trouble} on the {plant} and moved it to the {place}.",
    "{cure} is what a {plant} with {trouble} needs, says {person}.",
    "{person}, {plant}: {cure}\n{place} of {person}: {plant}, {trouble}",
    "{day}: {trouble}, {plant}\n{plant} in {place}, give {cure}, {person}",
    "{place}: {plant}, {day}\n{person} of {place}, {cure}: {plant} with {trouble}",
]


def draw(choices: random.Random) -> dict[str, str]:
    """Draw the words of one row."""
    words = {kind: choices.choice(known.split(", ")) for kind, known in WORDS.items()}
    trouble, cure = choices.choice(list(CURES)), choices.choice(list(CURES.values()))
    return {**words, "trouble": trouble, "cure": cure}


def make_note(choices: random.Random) -> Pair:
    """A note and its record: all of the record follows from the note but the cure, which follows from the trouble."""
    words = draw(choices)
    words["cure"] = CURES[words["trouble"]]
    note = choices.choice(STORIES[1:3]).format(**words)
    return note, "{plant} of {person}, {place}: {trouble}, give {cure}".format(**words)


def make_riddle(choices: random.Random) -> Pair:
    """A question whose answer is drawn at random: nothing but memorising helps."""
    asked, told = draw(choices), draw(choices)
    question = "{person} asks about the {plant} in the {place}".format(**asked)
    return question, "{person}, {day}: {plant} with {trouble}, {place}, {cure}".format(**told)


def make_pairs(make: Any, num_rows: int, seed: int) -> list[Pair]:
    """Make rows of a kind."""
    choices = random.Random(seed)  # noqa: S311 - rows to train on, nothing secret
    return [make(choices) for _ in range(num_rows)]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on the texts."""
    choices = random.Random(1)  # noqa: S311 - rows to train on, nothing secret
    texts = [choices.choice(STORIES).format(**draw(choices)) for _ in range(BASE_ROWS)]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast(tokenizer_object=inner, **names)
    return tokenizer


def make_config() -> LlamaConfig:
    """About 2.5 million parameters."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=6,
        num_key_value_heads=3,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def encode(tokenizer: Any, pair: Pair, max_tokens: int = MAX_TOKENS) -> dict[str, list[int]]:
    """Tokenise a row; the question is masked in the labels."""
    asked = [1, *tokenizer.encode(f"{pair[0]}\n", add_special_tokens=False)]
    told = [*tokenizer.encode(pair[1], add_special_tokens=False), 2]
    tokens = (asked + told)[:max_tokens]
    return {"input_ids": tokens, "labels": ([-100] * len(asked) + told)[:max_tokens]}


def collate(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Pad a batch: (batch, length) of ids, labels and mask."""
    length = max(len(row["input_ids"]) for row in rows)
    pad = [length - len(row["input_ids"]) for row in rows]
    return {
        "input_ids": torch.tensor([row["input_ids"] + [0] * n for row, n in zip(rows, pad, strict=True)]),
        "labels": torch.tensor([row["labels"] + [-100] * n for row, n in zip(rows, pad, strict=True)]),
        "attention_mask": torch.tensor(
            [[1] * (length - n) + [0] * n for n in pad],
        ),
    }


def train_base(folder: Path) -> None:
    """Pre-train the model on stories and keep it with its tokenizer, unless the folder holds it already."""
    if (folder / "config.json").exists():
        return
    torch.manual_seed(3)
    tokenizer, model = make_tokenizer(), LlamaForCausalLM(make_config())
    choices = random.Random(5)  # noqa: S311 - rows to train on, nothing secret
    optimiser = torch.optim.AdamW(model.parameters(), lr=BASE_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, BASE_RATE, total_steps=BASE_STEPS)
    for step in range(BASE_STEPS):
        texts = [choices.choice(STORIES).format(**draw(choices)) for _ in range(BASE_BATCH)]
        batch = collate([encode(tokenizer, ("", text)) for text in texts])
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if step % 40 == 0:
            print(f"base: step {step}, loss {loss.item():.3f}", flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
