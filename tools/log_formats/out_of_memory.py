"""Out-of-memory messages of GPUs and of the host: how to know one, and its numbers in bytes."""

from tools.lazy_pattern import lazy_pattern
from tools.units import UNIT_BYTES, parse_size

_SIZE = r"([\d.,]{1,24} ?(?:[KMGT]?i?B|bytes|[KMGT])\b)"
_GIVEN_BACK = lazy_pattern(
    r"Caught \w{1,40} in replica|^\s{0,40}(?:raise|except|if|elif|return|#|assert)\b|[\"']\s{0,2}in str\("
)
_GPU = lazy_pattern(
    r"out of memory\.? {0,4}(?:Tried to allocate [\d.]|\(MPS allocated)"
    r"|^(?:Error: )?(?:[\w.]{1,200}\.)?\w{0,60}Error: .{0,200}\b(?:out of memory|OutOfMemory\b)"
    r"|OutOfMemoryError: Allocation on device"
    r"|C(?:UBLAS|UDNN|USPARSE|USOLVER)_STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation\b|CUDA_ERROR_OUT_OF_MEMORY"
    r"|C(?:uda|UDA) failure .{0,12}'out of memory'|hipErrorOutOfMemory|HSA_STATUS_ERROR_OUT_OF_RESOURCES"
    r"|OUT_OF_DEVICE_MEMORY"
    r"|RESOURCE_EXHAUSTED: (?:Out of memory|Attempting|Failed to allocate|Error allocating)|OOM when allocating tensor"
    r"|Ran out of memory in memory space (?:hbm|vmem)|\[metal::malloc\]|kIOGPUCommandBufferCallbackErrorOutOfMemory"
    r"|\[METAL\] .{0,80}Insufficient Memory|Error out of memory at line \d|cudaMalloc failed: out of memory"
    r"|failed to allocate (?:CUDA|ROCm|Vulkan|Metal)\S{0,8} buffer"
    r"|No available memory for the cache blocks|larger than the maximum number of tokens that can be stored in KV cache"
    r"|larger than the available KV cache memory|less than desired GPU memory utilization"
)
_HOST = lazy_pattern(
    r"oom[-_]kill|crashed after using all available RAM|tried to allocate more memory than is available"
    r"|fork: Cannot allocate"
    r"|OOMKilled|Out of memory: Kill(?:ed)? process|Memory cgroup out of memory|cgroup out-of-memory handler"
    r"|Exceeded (?:job|step) memory limit|State: OUT_OF_MEMORY|TERM_MEMLIMIT|node running low on memory"
    r"|DefaultCPUAllocator: (?:can't allocate memory|not enough memory)|ArrayMemoryError: Unable to alloc"
    r"|std::bad_alloc"
    r"|^(?:\w{1,30}\.)?MemoryError(?:: |:?\s{0,4}$)|\[Errno 12\] Cannot allocate memory"
    r"|unable to mmap .{0,40} bytes|DefaultCPUAllocator: .{0,80}out of memory"
    r"|[Pp]aging file is too small|os error 1455|DataLoader worker .{0,40}is killed by signal: (?:Killed|Bus error)"
    r"|insufficient shared memory \(shm\)|out of shared memory"
    r"|unable to (?:write to|open|allocate) .{0,80}(?:/torch_|shared memory)"
    r"|subprocesses has abruptly died during map|process pool (?:was terminated|is not usable) abruptly"
)

_HOST_ONLY = lazy_pattern(r"DefaultCPUAllocator|running low on memory|sqlite|cgroup|Killed? process")

# One of these stands in every such message; most lines hold none, and asking for words is cheap.
_GPU_WORDS = (
    "emory",
    "MEMORY",
    "OutOf",
    "ALLOC",
    "llocat",
    "EXHAUSTED",
    "OOM",
    "KV cache",
    "utilization",
    "malloc",
    "OUT_OF_RESOURCES",
    "cache blocks",
)
_HOST_WORDS = (
    "emory",
    "oom",
    "OOM",
    "MEMLIMIT",
    "OUT_OF_MEMORY",
    "alloc",
    "mmap",
    "aging file",
    "1455",
    "worker",
    "RAM",
    "subprocesses",
    "process pool",
)

_SIZES = {
    "oom_tried_bytes": rf"[Tt]r(?:ied|ying) to allocate {_SIZE}|Attempting to (?:allocate|reserve) {_SIZE}"
    rf"|Requested\s{{0,40}}: {_SIZE}|allocating {_SIZE} on device|Unable to allocate {_SIZE}"
    rf"|Failed to allocate (?:request for )?{_SIZE}",
    "gpu_total_bytes": rf"total capaci?ty of {_SIZE}|{_SIZE} total capacity|max allowed: {_SIZE}"
    rf"|Device limit\s{{0,40}}: {_SIZE}|Used [\d.]+[KMGT] of {_SIZE} hbm",
    "gpu_free_bytes": rf"of which {_SIZE} is free|; {_SIZE} free|Free \(according to CUDA\): {_SIZE}",
    "allocated_bytes": rf"{_SIZE} is allocated by PyTorch|{_SIZE} already allocated|MPS allocated: {_SIZE}"
    rf"|Currently allocated\s{{0,40}}: {_SIZE}|Used {_SIZE} of [\d.]+[KMGT] hbm",
    "reserved_unallocated_bytes": rf"{_SIZE} is reserved by PyTorch but unallocated",
    "reserved_bytes": rf"{_SIZE} reserved in total by PyTorch",
    "allowed_bytes": rf"{_SIZE} allowed\b",
    "other_allocations_bytes": rf"other allocations: {_SIZE}",
    "private_pool_bytes": rf"{_SIZE} allocated in private pools",
    "process_bytes": rf"this process has {_SIZE} memory in use",
}
_SIZE_PATTERNS = {name: lazy_pattern(pattern) for name, pattern in _SIZES.items()}
_PROCESS = lazy_pattern(rf"Process \d{{1,10}} has {_SIZE} memory in use")
_DEVICE = lazy_pattern(r"\b(?:GPU|NPU|XPU|device) (\d{1,4})\b")
_TOKENS = lazy_pattern(r"max seq len \((\d{1,9})\).{0,120}?\((\d{1,9})\)")
_SHORT_SIZE = lazy_pattern(r"([\d.]{1,20})([KMGT])")
MAX_DEVICES = 4096


def is_gpu_memory(text: str) -> bool:
    """Whether a line is the message of a GPU that ran out of memory, not advice, code or a wrapper that passes it on.

    Args:
        text: without colours and prefixes.
    """
    if not any(word in text for word in _GPU_WORDS):
        return False
    return bool(_GPU.search(text)) and not _GIVEN_BACK.search(text) and not _HOST_ONLY.search(text)


def is_host_memory(text: str) -> bool:
    """Whether a line says that the machine's own memory ran out."""
    if not any(word in text for word in _HOST_WORDS):
        return False
    return bool(_HOST.search(text)) and not _GIVEN_BACK.search(text)


def read_sizes(text: str) -> dict[str, int]:
    """Read the numbers of an out-of-memory message.

    Args:
        text: the message, its further lines included.

    Returns:
        Bytes by name, ``gpu_index`` and, for a cache of keys and values, ``needed_tokens`` and ``cache_tokens``; what
        the message does not tell is left out.

    Example:
        >>> read_sizes("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 1; 79.21 GiB total capacity;")
        {'oom_tried_bytes': 20971520, 'gpu_total_bytes': 85051089879, 'gpu_index': 1}
    """
    values = {}
    for name, pattern in _SIZE_PATTERNS.items():
        match = pattern.search(text)
        size = _to_bytes(next(group for group in match.groups() if group)) if match else None
        if size is not None:
            values[name] = size
    _read_processes(text, values)
    device = _DEVICE.search(text)
    if device and int(device[1]) < MAX_DEVICES:
        values["gpu_index"] = int(device[1])
    tokens = _TOKENS.search(text)
    if tokens:
        values["needed_tokens"], values["cache_tokens"] = int(tokens[1]), int(tokens[2])
    return values


def _read_processes(text: str, values: dict[str, int]) -> None:
    """Tell this process from others on the same card; where the message does not, the largest is taken for this one."""
    sizes = [size for found in _PROCESS.findall(text) if (size := _to_bytes(found)) is not None]
    if sizes and "process_bytes" not in values:
        values["process_bytes"] = max(sizes)
        sizes.remove(max(sizes))
    if sizes:
        values["other_processes_bytes"] = sum(sizes)


def _to_bytes(text: str) -> int | None:
    size = parse_size(text)
    short = _SHORT_SIZE.fullmatch(text.strip()) if size is None else None
    if short:
        try:
            return round(float(short[1]) * UNIT_BYTES[f"{short[2]}IB"])
        except ValueError:
            return None
    return size
