"""Made-up console texts: crashes, ends and processes that rows of metrics alone do not tell."""

from functools import partial
from typing import Any

from run_factory import Row, add_evals, add_noise, descend, draw_bar, make_rows, render, show_record

from evals.case import Case
from evals.story import learn, read

GIB = 2**30
FRAME = '  File "{file}", line {line}, in {name}\n    {code}\n'
SITE = "/opt/conda/lib/python3.11/site-packages"
NEW_MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.25 GiB. GPU 0 has a total capacity of 23.69 GiB "
    "of which 1.12 GiB is free. Process 8112 has 22.56 GiB memory in use. Of the allocated memory 21.30 GiB is "
    "allocated by PyTorch, and 602.00 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
    "is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.\n"
)
OLD_MEMORY = (
    "RuntimeError: CUDA out of memory. Tried to allocate 768.00 MiB (GPU 1; 15.90 GiB total capacity; 14.21 GiB "
    "already allocated; 310.75 MiB free; 14.98 GiB reserved in total by PyTorch) If reserved memory is >> allocated "
    "memory try setting max_split_size_mb to avoid fragmentation.\n"
)
SPREAD_MEMORY = (
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacty of 39.39 "
    "GiB of which 1.10 GiB is free. Including non-PyTorch memory, this process has 38.28 GiB memory in use. Of the "
    "allocated memory 20.05 GiB is allocated by PyTorch, and 17.60 GiB is reserved by PyTorch but unallocated.\n"
)
KILLED_BY_SLURM = (
    "slurmstepd: error: *** JOB 918273 ON node042 CANCELLED AT 2025-04-05T06:07:08 DUE TO TIME LIMIT ***\n"
)
KILLED_BY_HOST = (
    "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=918273.0. Some of the step tasks have been OOM Killed.\n"
    "srun: error: node042: task 0: Out Of Memory\n"
)
INTERRUPTED = "KeyboardInterrupt\n"
LOST_RANK = (
    "[rank1]:[E405 06:07:08.123 ProcessGroupNCCL.cpp:632] [Rank 1] Watchdog caught collective operation timeout: "
    "WorkNCCL(SeqNum=4711, OpType=ALLREDUCE, NumelIn=8388608, NumelOut=8388608, Timeout(ms)=600000) ran for 600071 "
    "milliseconds before timing out.\n"
)
FULL_DISK = "OSError: [Errno 28] No space left on device: '/data/out/checkpoint-400/optimizer.pt'\n"


def trace(*frames: tuple[str, int, str, str]) -> str:
    """The frames of a traceback."""
    shown = [FRAME.format(file=file, line=line, name=name, code=code) for file, line, name, code in frames]
    return f"Traceback (most recent call last):\n{''.join(shown)}"


TRAINER = f"{SITE}/transformers/trainer.py"
START = ("/work/train.py", 88, "<module>", "trainer.train()")
STEP = (TRAINER, 2560, "_inner_training_loop", "tr_loss_step = self.training_step(model, inputs, num_items_in_batch)")
BACKWARD = (f"{SITE}/torch/_tensor.py", 581, "backward", "torch.autograd.backward(")
EVALUATE = (TRAINER, 3100, "_evaluate", "metrics = self.evaluate(ignore_keys=ignore_keys_for_eval)")
LOOP = (TRAINER, 4300, "evaluation_loop", "all_preds.add(logits)")
SAVE = (TRAINER, 3300, "_save_checkpoint", "self._save_optimizer_and_scheduler(output_dir)")


def train_for(num_rows: int, total: int, ending: str) -> bytes:
    """A run that goes well until its end."""
    rows = add_evals(make_rows(learn(num_rows)), [1.9, 1.6, 1.4])
    return render(rows, "floats", total_steps=total) + ending.encode()


def sweep(num_trials: int) -> bytes:
    """Trials one after the other, as Optuna's hyperparameter_search prints them."""
    text = b""
    for trial in range(num_trials):
        rows = add_evals(make_rows(learn(24, 5.0 + 0.2 * trial, 2.0, seed=trial)), [3.2, 2.5, 2.3])
        text += render(rows, "floats")
        text += b"[I 2025-04-05 06:07:08,123] Trial %d finished with value: 2.3 and parameters: {}.\n" % trial
    return text


def resume_cleanly() -> bytes:
    """A run in two parts whose loss goes on where it was."""
    rows = add_evals(make_rows(learn(60)), [1.7, 1.4, 1.3, 1.25])
    first = [row for row in rows if row["step"] <= 300]
    rest = [row for row in rows if row["step"] > 300]
    return render(first, "floats", total_steps=600) + render(rest, "floats", total_steps=600)


def ranks(losses: dict[int, list[float]]) -> bytes:
    """Every rank prints its own rows, in turn."""
    rows = {rank: make_rows(values) for rank, values in losses.items()}
    num_rows = len(next(iter(rows.values())))
    shown = [f"[rank{rank}]: {show_record(rows[rank][index])}\n" for index in range(num_rows) for rank in rows]
    return "".join(shown).encode()


def search_scale() -> bytes:
    """DeepSpeed's first steps in fp16: the loss scale is sought from above."""
    scales = [2**power for power in range(16, 12, -1)]
    lines = [
        "[2025-04-05 06:07:08,123] [INFO] [loss_scaler.py:190:update_scale] [deepspeed] OVERFLOW! Rank 0 Skipping "
        f"step. Attempted loss scale: {scale}, reducing to {scale // 2}\n"
        for scale in scales
    ]
    return "".join(lines).encode() + render(add_evals(make_rows(learn(60)), [1.6, 1.3, 1.2]), "floats")


def bar_only() -> bytes:
    """A bar with its own rows and the bars of other work between them."""
    rows: list[Row] = add_evals(make_rows(add_noise(descend(40), 0.02, 2)), [1.5, 1.3])
    others = "".join(f"\rMap: {draw_bar(step, 5)}" for step in range(6))
    return others.encode() + b"\n" + render(rows, "strings")


def text(
    name: str, data: bytes, *labels: str, either: tuple[str, ...] = (), fair: tuple[str, ...] = (), **facts: Any
) -> Case:
    """Make a case of a text."""
    return Case(name, partial(read, data), labels, frozenset(either), frozenset(fair), facts)


MEMORY_FAIR = ("memory_fragmentation", "hardware_limits", "interrupted")
NEW_SIZES: dict[str, Any] = {"oom_tried_bytes": 3.25 * GIB, "gpu_total_bytes": 23.69 * GIB}
OLD_SIZES: dict[str, Any] = {"oom_tried_bytes": 0.75 * GIB, "gpu_total_bytes": 15.90 * GIB}
FAULTS: tuple[Case, ...] = (
    text("memory of the GPU, in the backward pass", train_for(12, 500, trace(START, STEP, BACKWARD) + NEW_MEMORY),
         "out_of_memory_gpu", fair=MEMORY_FAIR, **NEW_SIZES),
    text("memory of the GPU, old wording", train_for(5, 500, trace(START, STEP) + OLD_MEMORY), "out_of_memory_gpu",
         fair=MEMORY_FAIR, **OLD_SIZES),
    text("memory of the GPU, before any row", (trace(START, STEP) + NEW_MEMORY).encode(), "out_of_memory_gpu",
         fair=MEMORY_FAIR, **NEW_SIZES),
    text("memory of the GPU, reserved and not used", train_for(9, 500, trace(START, STEP) + SPREAD_MEMORY),
         "memory_fragmentation", either=("out_of_memory_gpu",), fair=MEMORY_FAIR, gpu_total_bytes=39.39 * GIB),
    text("memory of the GPU, in the evaluation", train_for(30, 500, trace(START, EVALUATE, LOOP) + NEW_MEMORY),
         "out_of_memory_eval", either=("out_of_memory_gpu",), fair=("out_of_memory_gpu", *MEMORY_FAIR), **NEW_SIZES),
    text("memory of the host", train_for(20, 500, KILLED_BY_HOST), "out_of_memory_cpu", fair=("interrupted",)),
    text("time limit of the scheduler", train_for(40, 900, KILLED_BY_SLURM), "interrupted"),
    text("ended by hand", train_for(40, 900, trace(START, STEP) + INTERRUPTED), "interrupted"),
    text("stops in the middle of a bar", train_for(40, 900, f"\r{draw_bar(412, 900)}"), "interrupted"),
    text("a rank is waited for", train_for(40, 900, LOST_RANK), "distributed_hang", fair=("interrupted",)),
    text("disk is full", train_for(40, 900, trace(START, SAVE) + FULL_DISK), "disk_full", fair=("interrupted",)),
    text("one bad rank", ranks({0: learn(40), 1: learn(40, seed=2), 2: [*learn(15, seed=3), *[float("nan")] * 25],
         3: learn(40, seed=4)}), "loss_nan", fair=("dtype_precision", "data_quality")),
)  # fmt: skip
FINE: tuple[Case, ...] = (
    text("two ranks print the same rows", ranks({0: learn(50), 1: learn(50)}), num_points=50),
    text("five trials of a search", sweep(5)),
    text("resumed cleanly", resume_cleanly(), num_points=60),
    text("search for the loss scale", search_scale()),
    text("bars of other work", bar_only(), num_points=40, min_eval_step=400),
)  # fmt: skip
