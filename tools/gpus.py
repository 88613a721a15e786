"""GPUs by the names people type: how much memory a training process gets, how fast they are."""

import csv
import functools
import importlib
import re
from dataclasses import dataclass
from pathlib import Path

from tools.errors import BadInput

_TABLE = Path(__file__).with_name("gpus.csv")

MIB = 1 << 20

_NOISE = re.compile(r"nvidia|geforce|tesla|amd|instinct|quadro|graphics|generation|\bgpu\b|[^a-z0-9]+")

_COUNT = re.compile(r"\s{0,4}(\d{1,4})\s{0,4}[x×*]\s{0,4}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One model of GPU.

    Attributes:
        name: the catalogue's name, such as ``A100 80GB``.
        total_bytes: what nvidia-smi shows as the card's total.
        usable_bytes: what a process can get of it on an otherwise idle card, its own CUDA context included.
        bf16_tflops: dense 16-bit matrix throughput of the data sheet; fp16 on cards before Ampere, which lack bf16.
        bandwidth_gb_per_second: memory bandwidth of the data sheet.
        is_local: read from the driver of this machine, not from the catalogue.
    """

    name: str
    total_bytes: int
    usable_bytes: int
    bf16_tflops: float
    bandwidth_gb_per_second: float
    is_local: bool = False


@functools.lru_cache(maxsize=1)
def list_gpus() -> tuple[Gpu, ...]:
    """All GPUs of the catalogue.

    Source:
        Data sheets of the makers for throughput without sparsity and bandwidth; totals as nvidia-smi prints them,
        usable memory as ``torch.cuda.get_device_properties(0).total_memory`` gives it (ECC and driver taken off).
    """
    return tuple(gpu for gpu, _ in _read_table())


def find_gpu(name: str) -> Gpu:
    """Find a GPU by a loose name such as "4090", "RTX 3090", "A100 80GB", "T4" or "H100 SXM".

    Args:
        name: as people type it, upper and lower case alike; a count before it (``2x T4``) is passed over.

    Raises:
        BadInput: no GPU, or none for sure, has this name.

    Example:
        >>> find_gpu("NVIDIA A100-SXM4-80GB").name, find_gpu("4090").name, find_gpu("tesla t4").name
        ('A100 80GB', 'RTX 4090', 'T4')
    """
    name = re.sub(r"\([^()]{0,80}\)", "", name).strip() or name
    counted = _COUNT.match(name)
    wanted = _normalise(name[counted.end() :] if counted else name)
    index = _index()
    found = index.get(wanted) or index.get(_without_size(wanted))
    if found is None:
        raise BadInput(f"gpu {name!r:.60} is not known; {_suggest(wanted)}, or give --gpu-memory, such as 24GiB")
    return found


def find_local_gpu() -> Gpu | None:
    """The first GPU of this machine through nvidia-ml-py, or None where there is no GPU or no nvidia-ml-py.

    Throughput is the catalogue's where the name is known there, and 0 otherwise.
    """
    try:
        pynvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        name = str(pynvml.nvmlDeviceGetName(handle))
        total = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError:
        return None
    try:
        known = find_gpu(name)
    except BadInput:
        return Gpu(name, total, int(0.985 * total), 0.0, 0.0, is_local=True)
    return Gpu(name, total, min(total, known.usable_bytes), known.bf16_tflops, known.bandwidth_gb_per_second, True)


@functools.lru_cache(maxsize=1)
def _read_table() -> tuple[tuple[Gpu, tuple[str, ...]], ...]:
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        return tuple((_read_row(row), tuple(row["aliases"].split(";"))) for row in csv.DictReader(stream))


def _read_row(row: dict[str, str]) -> Gpu:
    return Gpu(
        row["name"],
        int(row["total_mib"]) * MIB,
        int(row["usable_mib"]) * MIB,
        float(row["bf16_tflops"]),
        float(row["bandwidth_gb_per_second"]),
    )


@functools.lru_cache(maxsize=1)
def _index() -> dict[str, Gpu]:
    names = {}
    for gpu, aliases in _read_table():
        for alias in (gpu.name, *aliases):
            plain = _normalise(alias).removeprefix("rtx").removeprefix("gtx")
            names[_normalise(alias)] = gpu
            for other in (plain, f"rtx{plain}", f"gtx{plain}"):
                names.setdefault(other, gpu)
    for prefix in ("", "rtx", "gtx"):
        names.pop(prefix, None)
    return names


def _normalise(name: str) -> str:
    return (
        _NOISE.sub("", name.lower()).replace("gib", "gb").replace("sxm2", "").replace("sxm4", "").replace("sxm5", "sxm")
    )


def _without_size(name: str) -> str:
    """``rtx409024gb`` is the RTX 4090: a size that the name does not need is left out."""
    return re.sub(r"((8|10|11|12|16|24|32|40|48|80|94|96|141|192)gb|hbm3|hbm2e?|pcie)$", "", name)


def _suggest(wanted: str) -> str:
    import difflib

    index = _index()
    close = difflib.get_close_matches(wanted, index, n=3, cutoff=0.6)
    names = sorted({index[name].name for name in close}) or ["T4", "RTX 4090", "A100 80GB", "H100 SXM"]
    return "known are " + ", ".join(names) + f" and others ({len(list_gpus())} in all)"
