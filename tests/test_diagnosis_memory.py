"""Running out of GPU memory: one finding, with the numbers of the message and the moment of the step."""

import pytest
from run_factory import descend, find, found_ids, judge, make_rows, parse, render, render_state, serious_ids
from stack_factory import GIB, TORCH_2_0, stack

from tools.diagnosis.finding import Finding
from tools.diagnosis.memory import judge_memory_fragmentation

MESSAGE = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of "
    "14.75 GiB of which 12.00 MiB is free. Process 123 has 14.73 GiB memory in use. Of the allocated memory "
    "13.00 GiB is allocated by PyTorch, and {} MiB is reserved by PyTorch but unallocated."
)
VALUES = {
    "oom_tried_bytes": 512 * 2**20,
    "gpu_total_bytes": round(14.75 * 2**30),
    "gpu_free_bytes": 12 * 2**20,
    "process_bytes": round(14.73 * 2**30),
    "allocated_bytes": 13 * 2**30,
    "reserved_unallocated_bytes": 64 * 2**20,
}
TRAIN = '  File "/opt/trainer.py", line 30, in backward\n    loss.backward()\n'
EVALUATE = '  File "/opt/trainer.py", line 40, in evaluation_loop\n    logits = gather(logits)\n'
ROWS = render(make_rows(descend(40))).decode()


def crash(frames: str, unused: str = "64.00", prefix: str = "") -> str:
    text = f"Traceback (most recent call last):\n{frames}{MESSAGE.format(unused)}\n"
    return "".join(f"{prefix}{line}\n" for line in text.splitlines())


def test_out_of_memory_in_training_is_an_error_with_its_numbers() -> None:
    finding = find(judge(ROWS + crash(TRAIN)), "out_of_memory_gpu")
    assert (finding.severity, finding.confidence) == ("error", "certain")
    assert {name: finding.values[name] for name in VALUES} == VALUES
    assert finding.values["phase"] == "backward"


def test_out_of_memory_is_told_in_the_units_of_the_message() -> None:
    assert find(judge(ROWS + crash(TRAIN)), "out_of_memory_gpu").summary == (
        "The GPU ran out of memory in the backward pass: it asked for 512.00 MiB more with 12.00 MiB free of "
        "14.75 GiB. PyTorch had 13.00 GiB allocated and held 64.00 MiB unused."
    )


def test_the_evidence_of_out_of_memory_is_the_failing_frame_and_the_message() -> None:
    num_before = ROWS.count("\n")
    finding = find(judge(ROWS + crash(TRAIN)), "out_of_memory_gpu")
    assert [line.number - num_before for line in finding.evidence] == [2, 4]
    assert finding.evidence[-1].text == MESSAGE.format("64.00")


@pytest.mark.parametrize(
    ("frames", "found"), [(TRAIN, "out_of_memory_gpu"), (EVALUATE, "out_of_memory_eval"), ("", "out_of_memory_gpu")]
)
def test_the_phase_decides_between_training_and_evaluation(frames: str, found: str) -> None:
    assert serious_ids(judge(crash(frames))) == [found]


def test_training_and_evaluation_may_both_run_out_of_memory() -> None:
    evaluation = crash(EVALUATE).replace("Tried", "It tried").replace("It tried", "Tried").replace("GPU 0", "GPU zero")
    assert set(serious_ids(judge(crash(TRAIN) + evaluation))) == {"out_of_memory_gpu", "out_of_memory_eval"}


@pytest.mark.parametrize("num_ranks", [2, 8])
def test_a_message_of_every_rank_is_one_finding(num_ranks: int) -> None:
    text = "".join(crash(TRAIN, prefix=f"[rank{rank}]: ") for rank in range(num_ranks))
    launcher = (
        "Traceback (most recent call last):\n"
        '  File "/opt/torchrun.py", line 8, in <module>\n    sys.exit(main())\n'
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
    )
    diagnosis = judge(text + launcher)
    assert (found_ids(diagnosis), diagnosis.unexplained) == (["out_of_memory_gpu"], ())


def test_a_replica_that_passes_the_message_on_adds_nothing() -> None:
    caught = crash(TRAIN).replace(MESSAGE.format("64.00"), "OutOfMemoryError: Caught OutOfMemoryError in replica 0.")
    diagnosis = judge(caught + "Original " + crash(TRAIN))
    assert (found_ids(diagnosis), diagnosis.unexplained) == (["out_of_memory_gpu"], ())


@pytest.mark.parametrize(("unused", "is_told"), [("64.00", False), ("480.00", False), ("2048.00", True)])
def test_memory_that_lay_idle_and_would_have_been_enough_is_fragmentation(unused: str, is_told: bool) -> None:
    diagnosis = judge(crash(TRAIN, unused))
    assert ("fragmentation" in find(diagnosis, "out_of_memory_gpu").summary) is is_told
    verdict = judge_memory_fragmentation(parse(crash(TRAIN, unused)))
    assert isinstance(verdict, Finding) is is_told


def test_a_little_that_lies_idle_on_a_full_card_is_no_fragmentation() -> None:
    text = crash(TRAIN, "64.00").replace("allocate 512.00 MiB", "allocate 16.00 MiB")
    assert judge_memory_fragmentation(parse(text)) is None


def test_memory_that_the_process_may_not_take_does_not_lie_idle() -> None:
    limited = crash(TRAIN).replace("12.00 MiB is free", "4.00 GiB is free")
    assert isinstance(judge_memory_fragmentation(parse(limited)), Finding)
    limited = limited.replace("memory in use.", "memory in use. 13.10 GiB allowed;")
    assert judge_memory_fragmentation(parse(limited)) is None


def test_what_other_processes_hold_of_the_card_is_told() -> None:
    text = crash(TRAIN).replace("Process 123 has", "Process 9 has 5.00 GiB memory in use. This: Process 123 has")
    finding = find(judge(text), "out_of_memory_gpu")
    assert (finding.values["process_bytes"], finding.values["other_processes_bytes"]) == (
        VALUES["process_bytes"],
        5 * GIB,
    )
    assert "Other processes held 5.00 GiB" in finding.summary


def test_what_an_old_message_does_not_account_for_is_held_by_others() -> None:
    assert "Other processes held 72.33 GiB" in find(judge(stack(error=TORCH_2_0)), "out_of_memory_gpu").summary


def test_the_settings_that_decide_about_memory_are_told() -> None:
    banner = "  Instantaneous batch size per device = 4\n  Total optimization steps = 900\n"
    assert "The run had micro-batch 4" in find(judge(banner + ROWS + crash(TRAIN)), "out_of_memory_gpu").summary


GPU_MESSAGES = {
    "xpu": ("RuntimeError: XPU out of memory. Tried to allocate 2.00 GiB (GPU 0; 15.9 GiB total capacity)", 2 * GIB),
    "npu": ("RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB (NPU 0; 60.97 GiB total capacity)", 2 * GIB),
    "async": (
        "torch.OutOfMemoryError: Allocation on device 0 would exceed allowed memory. (out of memory)\n"
        "Currently allocated     : 22.50 GiB\nRequested               : 2.00 GiB\nDevice limit            : 23.99 GiB",
        2 * GIB,
    ),
    "jax": ("XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2147483648 bytes.", 2 * GIB),
    "tpu": (
        "XlaRuntimeError: RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 18.0G of 15.48G hbm.",
        None,
    ),
    "llama.cpp": (
        "ggml_backend_cuda_buffer: allocating 2048.00 MiB on device 0: cudaMalloc failed: out of memory",
        2 * GIB,
    ),
    "cublas": ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", None),
    "rocm": ("HSA_STATUS_ERROR_OUT_OF_RESOURCES: The runtime failed to allocate the necessary resources.", None),
    "driver": ("RuntimeError: CUDA driver error: out of memory", None),
    "metal": ("RuntimeError: [METAL] Command buffer execution failed: Insufficient Memory (0000:kIOGPUError)", None),
    "mlx": ("RuntimeError: [metal::malloc] Attempting to allocate 2147483648 bytes which is greater than", 2 * GIB),
    "bitsandbytes": ("Error out of memory at line 380 in file /src/csrc/pythonInterface.c", None),
    "cache": ("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`", None),
}


@pytest.mark.parametrize(("message", "tried"), GPU_MESSAGES.values(), ids=GPU_MESSAGES.keys())
def test_memory_of_every_kind_of_device_is_known(message: str, tried: int | None) -> None:
    finding = find(judge(f"{ROWS}{message}\n"), "out_of_memory_gpu")
    assert finding.severity == "error"
    assert finding.values.get("oom_tried_bytes") == tried


def test_a_cache_that_is_too_small_is_told_in_tokens() -> None:
    text = (
        "ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in "
    )
    text += "KV cache (9216). Try increasing `gpu_memory_utilization`.\n"
    assert "holds 9216 tokens, and one sequence may have 32768" in find(judge(text), "out_of_memory_gpu").summary


def test_weights_that_do_not_fit_are_memory_as_well() -> None:
    error = (
        "ValueError: Some modules are dispatched on the CPU or the disk. Make sure you have enough GPU RAM to fit it."
    )
    assert serious_ids(judge(stack(error=error))) == ["out_of_memory_gpu"]


def test_generation_beside_a_training_is_evaluation_and_alone_it_is_not() -> None:
    generate = '  File "/opt/run.py", line 3, in generate\n    ids = model.generate(**inputs)\n'
    assert serious_ids(judge(crash(generate))) == ["out_of_memory_gpu"]
    assert serious_ids(judge(ROWS + crash(generate))) == ["out_of_memory_eval"]


def test_messages_and_ranks_are_counted_apart() -> None:
    text = "".join(crash(TRAIN, prefix=f"[rank{rank}]: ") for rank in (0, 1, 0))
    values = find(judge(text), "out_of_memory_gpu").values
    assert (values["num_messages"], values["num_ranks"]) == (3, 2)


def test_a_message_without_numbers_is_told_without_numbers() -> None:
    finding = find(judge("RuntimeError: CUDA error: out of memory\n"), "out_of_memory_gpu")
    assert finding.summary == "The GPU ran out of memory."
    assert not [name for name in finding.values if name.endswith("_bytes")]


def test_a_message_that_was_caught_before_a_run_that_went_on_is_no_error() -> None:
    caught = f"retrying with half the batch after: {MESSAGE.format('64.00')}\n"
    finished = "{'train_runtime': 80.0, 'train_loss': 1.4, 'epoch': 2.0}\n"
    errors = [finding.id for finding in judge(caught + ROWS + finished).findings if finding.severity == "error"]
    assert errors == []


def test_advice_about_memory_is_no_finding() -> None:
    text = "Set gradient_checkpointing=True to avoid out of memory errors.\n"
    assert found_ids(judge(text + ROWS)) == ["no_evaluation"]


def test_a_file_of_metrics_cannot_tell_about_memory() -> None:
    skipped = judge(render_state(make_rows(descend(40)))).skipped
    for rule in ("out_of_memory_gpu", "out_of_memory_eval"):
        assert skipped[rule].attach == "the console output with the traceback"


def test_a_console_log_without_a_message_was_checked() -> None:
    assert {"out_of_memory_gpu", "out_of_memory_eval"} <= set(judge(ROWS).checked)
