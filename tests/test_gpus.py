"""The catalogue of GPUs, by the names that people type."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tools.errors import BadInput
from tools.gpus import find_gpu, find_local_gpu, list_gpus

GIB = 1 << 30


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("RTX 4090 24GB", "RTX 4090"),
        ("RTX 3090", "RTX 3090"),
        ("3090 ti", "RTX 3090 Ti"),
        ("A100 80GB", "A100 80GB"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA A100-SXM4-80GB (79.318 GB)", "A100 80GB"),
        ("a100-40gb", "A100 40GB"),
        ("Tesla T4", "T4"),
        ("2x Tesla T4 (Kaggle)", "T4"),
        ("H100 SXM", "H100 SXM"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("tesla v100-sxm2-32gb", "V100 32GB"),
        ("RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("l40s", "L40S"),
        ("GTX 1060", "GTX 1060 6GB"),
    ],
)
def test_a_gpu_is_found_by_a_loose_name(typed: str, name: str) -> None:
    assert find_gpu(typed).name == name


@pytest.mark.parametrize("typed", ["", "foo", "9999", "tesla"])
def test_an_unknown_gpu_says_what_is_known(typed: str) -> None:
    with pytest.raises(BadInput, match="known are"):
        find_gpu(typed)


def test_the_catalogue_is_large_and_its_numbers_are_possible() -> None:
    gpus = list_gpus()
    assert len(gpus) >= 60
    assert len({gpu.name for gpu in gpus}) == len(gpus)
    for gpu in gpus:
        assert 0.9 * gpu.total_bytes < gpu.usable_bytes <= gpu.total_bytes, gpu.name
        assert 5 * GIB < gpu.total_bytes < 300 * GIB, gpu.name
        assert 1 < gpu.bf16_tflops < 3000, gpu.name
        assert 100 < gpu.bandwidth_gb_per_second < 9000, gpu.name


def test_without_the_drivers_library_there_is_no_local_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_local_gpu() is None


def _driver(name: str, total: int) -> Any:
    return SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda _: 0,
        nvmlDeviceGetName=lambda _: name,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=total),
    )


def test_the_local_gpu_takes_its_memory_from_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", _driver("NVIDIA GeForce RTX 4090", 24 * GIB))
    gpu = find_local_gpu()
    assert gpu is not None
    assert gpu.is_local
    assert gpu.total_bytes == 24 * GIB
    assert gpu.bf16_tflops == find_gpu("4090").bf16_tflops


def test_a_local_gpu_that_the_catalogue_lacks_is_still_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", _driver("Frobnicator 9", 10 * GIB))
    gpu = find_local_gpu()
    assert gpu is not None
    assert 9 * GIB < gpu.usable_bytes < 10 * GIB
    assert gpu.bf16_tflops == 0
