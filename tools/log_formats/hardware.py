"""The machine and the libraries as logs name them: GPUs, their memory, versions of packages."""

import re
from collections.abc import Iterator

from tools.lazy_pattern import lazy_pattern
from tools.run import Line, Setting
from tools.units import parse_size

_MACHINE_HINTS = "GPU gpu uda CUDA MiB NVIDIA Tesla Device device float16"
_PACKAGE_HINTS = (
    "PEFT TRL nsloth orch ransformers xolotl trl peft bitsandbytes deepspeed tokenizers datasets python accelerate"
)
_HINTS = tuple(f"{_MACHINE_HINTS} {_PACKAGE_HINTS}".split())
_MAKER = "(?:NVIDIA |AMD |Tesla |GeForce |Quadro |Apple |Intel )?"
_FAMILY = "(?:Tesla |GeForce |Quadro |Instinct |RTX |GTX |GH|GB|A|H|B|L|V|T|P|M)"
_GPU = rf"({_MAKER}{_FAMILY}[A-Z]{{0,3}} ?\d{{1,4}}[A-Za-z0-9 -]{{0,40}}?)"
_GPU_NAMES = tuple(
    lazy_pattern(pattern)
    for pattern in (
        r"^\W{0,40}(?:GPU|GPU 0|GPU name|GPU type|gpu_name|Device|Device name|Device 0|device_name)\s?[=:]\s?"
        rf"{_GPU}(?:\.\s|\s?\(|,|;|\||\s{{2,}}|$)",
        rf"^\|\s{{1,6}}0\s{{1,4}}{_GPU}\s{{2,}}(?:On|Off)?\s{{0,30}}\|",
        rf"\s{{2,20}}{_GPU}\. Num GPUs = ",
        rf"['\"](?:gpu|gpu_name|gpu_type|device_name)['\"]: ?['\"]{_GPU}['\"]",
        rf"CUDA capacity: {_GPU} with",
        rf"(?:[Uu]sing|Running on)(?: GPU| device)?:? (?:cuda(?::0)? ?[-(]? ?)?{_GPU}\)?\s{{0,4}}$",
        rf"\| device\s{{1,30}}\| {_GPU}\s{{1,60}}\|",
    )
)
_MAX_MEMORY = lazy_pattern(r"Max memory\s?[:=]\s?([\d.]{1,10} GB)")
_CAPACITY = lazy_pattern(r"CUDA capacity: .{3,60} with ([\d.]{1,10}\s?GiB) memory")
_SMI_MEMORY = lazy_pattern(r"\|\s{1,12}\d{1,7}MiB /\s{1,6}(\d{1,7}MiB) \|")
_SMI_HEAD = lazy_pattern(r"Driver Version: ([\d.]{3,20})\s{1,12}CUDA Version: ([\d.]{3,8})")
_TOOLKIT = lazy_pattern(
    r"(?:CUDA Toolkit|CUDA version|cuda_version|[Cc]uda compiler version|Cuda)\s?[:=]\s?'?(\d{1,2}\.\d{1,2})(?![\d])"
)
_VISIBLE = lazy_pattern(r"CUDA_VISIBLE_DEVICES\s?[=:]\s?['\"\[]?(\d{1,3}(?:, ?\d{1,3}){0,63})(?![\w-])")
_TRUTHS = {
    "bf16_supported": lazy_pattern(r"Bfloat16 = (TRUE|FALSE)"),
    "cuda_available": lazy_pattern(
        r"(?:GPU available|[Cc][Uu][Dd][Aa] available|(?:torch\.)?cuda\.is_available\(\)|cuda_available)"
        r"\s{0,2}[:=]\s{0,2}(True|False)"
    ),
}
_PACKAGES = {
    "torch": "torch",
    "pytorch": "torch",
    "transformers": "transformers",
    "trl": "trl",
    "peft": "peft",
    "accelerate": "accelerate",
    "bitsandbytes": "bitsandbytes",
    "deepspeed": "deepspeed",
    "unsloth": "unsloth",
    "axolotl": "axolotl",
    "datasets": "datasets",
    "tokenizers": "tokenizers",
    "flash_attn": "flash_attn",
    "python": "python",
    "llamafactory": "llamafactory",
    "swift": "swift",
    "vllm": "vllm",
    "mlx": "mlx",
}
_VERSION = lazy_pattern(
    r"(?<![\w./\\-])['\"`]?({})['\"`]?(?:[ _-][Vv]ersion)?['\"]?(?:\s?(?:==?|:)\s{{0,24}}|@|-|(\s{{1,24}}))['\"]?v?"
    r"(\d{{1,4}}\.\d{{1,3}}(?:\.\d{{1,3}})?(?:[.+a-z-][\w.+-]{{0,24}})?)(?(2)(?=\s{{0,9}}(?:$|[:,;)|])))".format(
        "|".join(_PACKAGES).replace("_", "[_-]")
    ),
    re.IGNORECASE,
)
_DEMANDS = lazy_pattern(
    r"requires?\b|pip3? install|[<>!~]=|Downloading|Collecting|deprecated|removed in|will be|since|upgrade|\.whl", re.I
)


def read_hardware(text: str, line: Line) -> Iterator[Setting]:
    """Read the GPU, its memory, how many there are, and the versions that one line names.

    Example:
        >>> text = "   \\\\   /|    Tesla T4. Num GPUs = 1. Max memory: 14.741 GB. Platform: Linux."
        >>> [(s.name, s.value) for s in read_hardware(text, Line(1, text))]
        [('gpu_name', 'Tesla T4'), ('gpu_total_bytes', 15828028228.0)]
    """
    if not any(hint in text for hint in _HINTS):
        return
    for pattern in _GPU_NAMES:
        if match := pattern.search(text):
            yield Setting("gpu_name", match[1].strip(), line)
            break
    for pattern in (_MAX_MEMORY, _CAPACITY, _SMI_MEMORY):
        if (match := pattern.search(text)) and (size := parse_size(match[1])):
            yield Setting("gpu_total_bytes", float(size), line)
            break
    if match := _VISIBLE.search(text):
        yield Setting("num_gpus", float(match[1].count(",") + 1), line)
    for name, pattern in _TRUTHS.items():
        if match := pattern.search(text):
            yield Setting(name, match[1].lower() == "true", line)
    yield from _read_versions(text, line)


def _read_versions(text: str, line: Line) -> Iterator[Setting]:
    if match := _SMI_HEAD.search(text):
        yield Setting("driver_version", match[1], line)
        yield Setting("cuda_driver_version", match[2], line)
        return
    versions = _VERSION.findall(text)
    if versions and _DEMANDS.search(text):
        return
    for package, _, version in versions:
        name = _PACKAGES[package.lower().replace("-", "_")]
        yield Setting(f"{name}_version", version.rstrip(".,-"), line)
        if name == "torch" and (build := re.search(r"\+cu(\d{2,3})(\d)$", version.rstrip(".,"))):
            yield Setting("cuda_version", f"{build[1]}.{build[2]}", line)
    if match := _TOOLKIT.search(text):
        yield Setting("cuda_version", match[1], line)
