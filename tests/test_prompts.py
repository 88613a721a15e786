import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.clauses import list_openings, split_clauses
from assistant.evidence import Evidence, collect_evidence
from assistant.excerpts import estimate_tokens
from assistant.llama_engine import Engine
from assistant.llm import LlamaChat
from assistant.models import find_model
from assistant.moves import PlannedMove, plan_moves
from assistant.prompts import Layout, Mode, build_grammar, build_prompt, fit_evidence, list_sayings
from assistant.verifier import Grounds, find_fault
from knowledge.card import card_by_id, load_cards, load_knobs
from tools.diagnosis import diagnose
from tools.log_parser import parse_log

SECRET = "hf_" + "aB3" * 12


def overfit_log() -> bytes:
    rows = []
    for epoch in range(1, 9):
        rows.append(f"{{'loss': '{2.0 * 0.6**epoch:.4g}', 'learning_rate': '0.0001', 'epoch': '{epoch}'}}")
        rows.append(f"{{'eval_loss': '{2.0 + 0.1 * abs(epoch - 3):.4g}', 'epoch': '{epoch}'}}")
    return ("\n".join(rows) + "\n").encode()


def evidence_of_log() -> tuple[Evidence, ...]:
    run = parse_log(io.BytesIO(overfit_log()))
    diagnosis = diagnose(run)
    cards = {"overfitting": card_by_id("overfitting")}
    moves = plan_moves(diagnosis.findings, [], cards, load_knobs(), [run])
    return collect_evidence([(run, diagnosis)], moves, [])


def strict_fault(sentence: str, evidence: Sequence[Evidence], moves: Sequence[PlannedMove] = ()) -> str | None:
    return find_fault(sentence, Grounds(evidence, moves, load_knobs(), {}, {}, (), ""), is_strict=True)


def layout(mode: Mode = "compose", budget_tokens: int = 2000) -> Layout:
    return Layout(mode, "mark", budget_tokens, estimate_tokens)


@pytest.fixture(scope="module")
def engine(shared_cache: Path) -> Engine:
    return LlamaChat(model_path=find_model(None, shared_cache).path, context_tokens=512).load()


def compiles(engine: Engine, grammar: str) -> bool:
    vocabulary = engine.api.llama_model_get_vocab(engine.llama.model)
    rules = engine.api.llama_sampler_init_grammar(vocabulary, grammar.encode(), b"root")
    if rules:
        engine.api.llama_sampler_free(rules)
    return bool(rules)


def test_a_grammar_that_is_none_does_not_compile(engine: Engine) -> None:
    assert not compiles(engine, "root ::= nothing-of-that-name\n")


def test_everything_that_the_grammar_allows_passes_the_verifier() -> None:
    evidence = evidence_of_log()
    said = [f"{saying} [{item.id}]." for item in evidence for saying in list_sayings(item)]
    assert len(said) > len(evidence)
    faults = {sentence: fault for sentence in said if (fault := strict_fault(sentence, evidence))}
    assert faults == {}


@pytest.mark.parametrize("card_id", sorted(load_cards()))
def test_the_moves_of_every_card_can_be_said(card_id: str, engine: Engine) -> None:
    moves = plan_moves([], [card_id], {card_id: card_by_id(card_id)}, load_knobs(), [])
    evidence = collect_evidence([], moves, [(card_id, card_by_id(card_id).signs[0])])
    assert compiles(engine, build_grammar(evidence))
    faults = {
        saying: fault
        for item in evidence
        for saying in list_sayings(item)
        if (fault := strict_fault(f"{saying} [{item.id}].", evidence, moves))
    }
    assert faults == {}


@pytest.mark.parametrize("mode", ["compose", "narrate"])
def test_the_facts_stand_between_marks(mode: Mode) -> None:
    text = build_prompt("why?", evidence_of_log(), [], layout(mode))[-1][1]
    assert text.startswith("<mark>\n[E1] ")
    assert text.endswith("Question: why?\n</mark>")


@pytest.mark.parametrize("mode", ["compose", "narrate"])
def test_no_secret_reaches_the_prompt_or_the_grammar(mode: Mode) -> None:
    evidence = (Evidence("E1", f"The log itself says so: slow with {SECRET} in it.", None, "log"),)
    assert SECRET not in str(build_prompt(f"why {SECRET}?", evidence, [(SECRET, SECRET)], layout(mode)))
    assert SECRET not in build_grammar(evidence)


def test_a_long_question_is_cut() -> None:
    assert len(build_prompt("why " * 5000, evidence_of_log(), [], layout())[-1][1]) < 4000


def test_a_follow_up_begins_with_what_was_sent_before() -> None:
    first = build_prompt("why?", evidence_of_log(), [], layout("narrate"))
    second = build_prompt("and then?", evidence_of_log(), [("why?", "Too many epochs.")], layout("narrate"))
    assert second[: len(first)] == first
    assert second[len(first) :] == [("ai", "Too many epochs."), ("human", "<mark>\nQuestion: and then?\n</mark>")]


def test_settings_are_left_out_before_findings_and_it_is_said() -> None:
    evidence = evidence_of_log()
    kept, left_out = fit_evidence(evidence, 160, estimate_tokens)
    assert {item.kind for item in left_out} & {"setting", "metric"}
    assert {item.id for item in evidence if item.kind == "finding"} <= {item.id for item in kept}
    text = build_prompt("why?", evidence, [], layout("narrate", 450))[-1][1]
    assert "left out for lack of room" in text
    assert estimate_tokens(str(build_prompt("why?", evidence, [], layout("narrate", 450)))) < 520


@pytest.mark.parametrize(
    ("sentence", "openings"),
    [
        ("Raise dropout to 0.05-0.1.", ["Raise dropout to 0.05-0.1"]),
        ("Disable it here: if memory allows.", ["Disable it here: if memory allows"]),
        ("Lower it to 3, where the loss was lowest.", ["Lower it to 3, where the loss was lowest"]),
        (
            "It has its minimum, 2.1, at step 30.",
            ["It has its minimum", "It has its minimum, 2.1", "It has its minimum, 2.1, at step 30"],
        ),
    ],
)
def test_a_sentence_is_cut_only_where_its_sense_allows(sentence: str, openings: list[str]) -> None:
    assert list_openings(sentence) == openings


def test_clauses_hold_the_whole_sentence() -> None:
    text = "The GPU ran out of memory in the loss, where the logits are: it asked for 7.83 GiB (a lot) more."
    assert " ".join(" ".join(split_clauses(text)).split()).replace(",", "").count("GiB") == 1
