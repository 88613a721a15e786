"""How much memory a language model needs on this machine, and how much is free."""

import os
from pathlib import Path

from tools.model_shape import ModelShape

CONTEXT_TOKENS = 4096
BATCH_TOKENS = 64
CACHE_VALUE_BYTES = 2
SCORE_BYTES = 4
PROCESS_BYTES = 100 << 20

_CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")


def estimate_memory(file_bytes: int, shape: ModelShape, context_tokens: int = CONTEXT_TOKENS) -> int:
    """Estimate the memory that a process needs to answer with a GGUF file on the processor.

    The file, of which all weights are read for each token; keys and values in 16 bits, 2 * layers * kv_heads *
    head_dim * context; the scores of a batch twice in 32 bits (llama.cpp's and llama-cpp-python's), batch * vocabulary;
    and 100 MiB for Python with the chat model's libraries (84 MiB measured) and llama.cpp's own tables. Left out: pages
    of the mapped file that are resident but can be dropped. llama.cpp stores weights of some types, Q4_K among them,
    once more in an order that the processor likes, so that a monitor shows up to twice the file.

    Args:
        file_bytes: length of the GGUF file.
        shape: sizes of the model.
        context_tokens: room for prompt and answer together.

    Returns:
        Bytes. The embedded model (Q4_1) measured 305.8 MiB with a full context where this gives 307.8 MiB; a made-up
        one of 1.2 B weights in Q4_K 912.9 MiB beside the mapped file's pages, 1,553 MiB with them, where this gives
        952.6 MiB.
    """
    per_token = 2 * shape.num_layers * shape.num_kv_heads * shape.head_dim * CACHE_VALUE_BYTES
    scores = 2 * BATCH_TOKENS * shape.vocab_size * SCORE_BYTES
    return file_bytes + per_token * context_tokens + scores + PROCESS_BYTES


def measure_free_memory() -> int | None:
    """Measure the bytes that a new process can have without swapping, a container's limit included; None if unknown."""
    free = _read_available()
    limit = _read_cgroup_room()
    return min((room for room in (free, limit) if room is not None), default=None)


def _read_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _read_cgroup_room() -> int | None:
    try:
        limit, used = (Path(name).read_text(encoding="ascii").strip() for name in _CGROUP_FILES)
        return max(0, int(limit) - int(used))
    except (OSError, ValueError):
        return None
