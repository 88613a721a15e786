"""Tracebacks made to measure, and the wordings of out-of-memory messages."""

from run_factory import parse

from tools.run import Problem

MIB, GIB = 2**20, 2**30
TORCH_2_0 = (
    "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 79.21 GiB total capacity; "
    "19.60 GiB already allocated; 4.84 GiB free; 2.04 GiB reserved in total by PyTorch)"
)
TORCH_2_1 = (
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 9.31 GiB. GPU 3 has a total capacty of "
    "31.74 GiB of which 3.64 GiB is free. Including non-PyTorch memory, this process has 28.08 GiB memory in use. "
    "Of the allocated memory 26.92 GiB is allocated by PyTorch, and 101.50 MiB is reserved by PyTorch but unallocated."
)
TORCH_2_6 = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of "
    "14.74 GiB of which 12.12 MiB is free. Process 123 has 14.73 GiB memory in use. Of the allocated memory "
    "13.98 GiB is allocated by PyTorch, and 618.25 MiB is reserved by PyTorch but unallocated."
)
HIP = TORCH_2_6.replace("CUDA", "HIP")
MPS = (
    "RuntimeError: MPS backend out of memory (MPS allocated: 8.45 GiB, other allocations: 384.00 KiB, "
    "max allowed: 9.07 GiB). Tried to allocate 256.00 MiB on private pool."
)
MESSAGES = {
    TORCH_2_0: {
        "oom_tried_bytes": 20 * MIB,
        "gpu_total_bytes": round(79.21 * GIB),
        "gpu_free_bytes": round(4.84 * GIB),
        "allocated_bytes": round(19.60 * GIB),
        "reserved_bytes": round(2.04 * GIB),
    },
    TORCH_2_1: {
        "oom_tried_bytes": round(9.31 * GIB),
        "gpu_total_bytes": round(31.74 * GIB),
        "gpu_free_bytes": round(3.64 * GIB),
        "process_bytes": round(28.08 * GIB),
        "allocated_bytes": round(26.92 * GIB),
        "reserved_unallocated_bytes": round(101.5 * MIB),
    },
    TORCH_2_6: {
        "oom_tried_bytes": 512 * MIB,
        "gpu_total_bytes": round(14.74 * GIB),
        "gpu_free_bytes": round(12.12 * MIB),
        "process_bytes": round(14.73 * GIB),
        "allocated_bytes": round(13.98 * GIB),
        "reserved_unallocated_bytes": round(618.25 * MIB),
    },
    MPS: {
        "oom_tried_bytes": 256 * MIB,
        "gpu_total_bytes": round(9.07 * GIB),
        "allocated_bytes": round(8.45 * GIB),
        "other_allocations_bytes": 384 * 1024,
    },
    "RuntimeError: CUDA error: out of memory": {},
}
MESSAGES[HIP] = MESSAGES[TORCH_2_6]
NAMES = ["torch 2.0", "torch 2.1", "torch 2.6", "mps", "bare", "hip"]

STACKS = {
    "load": ("run.py", "main", "model = AutoModelForCausalLM.from_pretrained(name)"),
    "forward": ("modeling.py", "forward", "hidden = self.mlp(hidden)"),
    "loss": ("losses.py", "ForCausalLMLoss", "logits = logits.float()"),
    "backward": ("accelerator.py", "backward", "loss.backward(**kwargs)"),
    "optimiser": ("torch/optim/adamw.py", "step", "state['exp_avg'] = torch.zeros_like(p)"),
    "evaluation": ("trainer.py", "evaluation_loop", "logits = self.accelerator.pad_across_processes(logits)"),
    "save": ("modeling_utils.py", "save_pretrained", "state_dict = self.state_dict()"),
    "": ("run.py", "main", "buffer = torch.empty(size, device='cuda')"),
}
ERROR = "ValueError: the number of labels must be 2, got 3"


def stack(*frames: tuple[str, str, str], error: str = ERROR, prefix: str = "") -> str:
    lines = ["Traceback (most recent call last):"]
    for number, (file, function, code) in enumerate((("train.py", "<module>", "trainer.train()"), *frames), 1):
        lines += [f'  File "/opt/{file}", line {number}, in {function}', f"    {code}"]
    return "".join(f"{prefix}{line}\n" for line in (*lines, error))


def problems(text: str, kind: str) -> list[Problem]:
    return [problem for problem in parse(text).problems if problem.kind == kind]
