"""Running out of GPU memory: one finding, with the numbers of the message and the moment of the step."""

import pytest
from run_factory import descend, find, found_ids, judge, make_rows, render, render_state, serious_ids

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


@pytest.mark.parametrize(("unused", "is_told"), [("64.00", False), ("2048.00", True)])
def test_much_memory_that_is_reserved_but_unused_points_to_fragmentation(unused: str, is_told: bool) -> None:
    summary = find(judge(crash(TRAIN, unused)), "out_of_memory_gpu").summary
    assert ("fragmentation" in summary) is is_told


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
