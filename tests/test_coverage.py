"""The cards hold what the seed documents say, and the check of it can fail."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge.card import Card, Suspect, load_cards
from knowledge.card_file import SECTIONS
from knowledge.coverage import Claim, Seed, find_coverage_faults, load_seeds

ROOT = Path(__file__).parent.parent
SEEDS = load_seeds(ROOT / "docs" / "coverage.yaml")
CLAIMS = [(seed, claim) for seed in SEEDS for claim in seed.claims]
SHARED = ROOT.parent / "shared"
TECHNIQUES = """
    grid, random search, bayesian, l1, l2, dropout, early stopping, ewc, distillation, replay, peft, lora, bleu, rouge,
    meteor, human evaluation, accuracy, precision, recall, f1, paraphrase, synonym, closer to the task, schedules,
    adaptive methods, code version, hardware, gpus, tpus, cloud, gradient checkpointing, accumulation, qlora,
    shorter sequences, flash attention, bf16, weights & biases, comet, neptune, scale ai, git, validation set, test set,
    trainable parameters, duplicates, typos, standard format, batch size, weight decay, epochs, research
"""


def test_every_statement_of_the_seeds_stands_on_its_card() -> None:
    assert list(find_coverage_faults(SEEDS, load_cards())) == []


@pytest.mark.parametrize("technique", [" ".join(one.split()) for one in TECHNIQUES.split(",")])
def test_every_technique_is_claimed(technique: str) -> None:
    told = [" ".join((claim.text, *claim.words)).lower() for _, claim in CLAIMS]
    assert any(technique in text for text in told)


@pytest.mark.parametrize(("seed", "claim"), CLAIMS, ids=[f"{seed.name} {claim.text}" for seed, claim in CLAIMS])
def test_a_statement_that_is_taken_off_its_card_is_missed(seed: Seed, claim: Claim) -> None:
    card = load_cards()[claim.card]
    for words in claim.words:
        assert list(find_coverage_faults((replace(seed, claims=(claim,)),), {card.id: strike(card, claim.part, words)}))


def strike(card: Card, part: str, words: str) -> Card:
    """The card without these words in one of its parts; moves go altogether."""
    pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE)

    def cut(text: str) -> str:
        return pattern.sub("", text)

    if part == "moves":
        return replace(card, moves=())
    if part == "signs":
        return replace(card, signs=tuple(map(cut, card.signs)))
    if part == "suspects":
        return replace(card, suspects=tuple(Suspect(cut(one.cause), cut(one.check)) for one in card.suspects))
    return replace(card, sections={**card.sections, part: cut(card.sections[part])})


def test_the_order_of_the_words_counts() -> None:
    seed = make_seed(words=("lower lora_rank", "lower epochs"))
    (fault,) = find_coverage_faults((seed,), load_cards())
    assert "does not hold 'lower epochs' in its place" in fault


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"card": "nonsense"}, "no card 'nonsense'"),
        ({"part": "Epilogue"}, "no part 'Epilogue'"),
        ({"words": ()}, "names no words"),
        ({"is_doubtful": True}, "does not call it doubtful"),
    ],
)
def test_a_claim_that_cannot_be_held_is_a_fault(changed: dict[str, object], said: str) -> None:
    (fault,) = find_coverage_faults((make_seed(**changed),), load_cards())
    assert said in fault


def test_a_card_must_name_the_document_among_its_sources() -> None:
    (fault,) = find_coverage_faults((replace(make_seed(), title="Another guide"),), load_cards())
    assert "'Another guide' among its sources" in fault


def make_seed(**changed: object) -> Seed:
    claim = Claim("fewer epochs", "overfitting", "moves", ("lower epochs",), is_doubtful=False)
    return Seed("S0", SEEDS[0].title, (replace(claim, **changed),), ("nothing",))  # type: ignore[arg-type]


def test_doubtful_statements_are_marked() -> None:
    doubtful = " ".join(claim.text for _, claim in CLAIMS if claim.is_doubtful)
    for named in ("Stanford", "journal study", "converges prematurely", "more robust"):
        assert named in doubtful


def test_cards_and_claims_are_in_our_own_words() -> None:
    """No run of nine words is that of a seed document; passes over where the documents are not at hand."""
    theirs = {run for path in (SHARED / "seeds").glob("*.txt") for run in runs_of_words(path.read_text("utf-8"))}
    ours = [claim.text for _, claim in CLAIMS]
    ours += [card.sections[heading] for card in load_cards().values() for heading in SECTIONS]
    assert [run for text in ours for run in runs_of_words(text) if run in theirs] == []


def runs_of_words(text: str, length: int = 9) -> list[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return [" ".join(words[start : start + length]) for start in range(len(words) - length + 1)]


def test_there_is_a_card_for_every_pitfall() -> None:
    table = SHARED / "pitfalls.md"
    text = table.read_text("utf-8") if table.is_file() else ""
    listed = re.findall(r"^\| ([a-z_]+) \|", text, re.MULTILINE)
    assert set(listed) - {"id"} <= set(load_cards())
