from pathlib import Path

from index_factory import small_cards

from knowledge.card import load_cards
from knowledge.passages import list_passages, load_stories


def test_every_phrase_and_three_texts_a_card_become_passages() -> None:
    passages = list_passages(small_cards())
    assert len(passages) == 3 * 3 + 3 + 2 + 2
    of_one_card = [(passage.kind, passage.text) for passage in passages if passage.card_id == "out_of_memory"]
    assert of_one_card == [
        ("signs", "out of memory. a sign of out_of_memory. another sign"),
        ("phrase", "CUDA out of memory after the first batch"),
        ("phrase", "OOM when I raise the sequence length"),
        ("suspects", "the learning rate is too high: the loss rises before. bad rows: read them"),
        ("moves", "lower learning rate: to a tenth. lower micro batch: to 1"),
    ]


def test_every_card_of_ours_has_stories_and_no_other_card_has() -> None:
    stories = load_stories()
    assert stories.keys() == load_cards().keys()
    assert min(len(told) for told in stories.values()) >= 5
    texts = [text for told in stories.values() for text in told]
    assert len(set(texts)) == len(texts)
    assert not {passage.text for passage in list_passages(small_cards())} & set(texts)


def test_stories_are_read_by_card(tmp_path: Path) -> None:
    path = tmp_path / "stories.md"
    path.write_text("# Title\n\ntext\n\n## one\n- first: told\n- second\n\n## two\n- third\n")
    assert load_stories(path) == {"one": ("first: told", "second"), "two": ("third",)}
