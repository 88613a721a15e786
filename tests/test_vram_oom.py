"""Out-of-memory messages, and the estimate corrected by them."""

import pytest
from vram_cases import estimate

from tools.errors import BadInput
from tools.vram_oom import OutOfMemory, calibrate, read_out_of_memory, scale_estimate

GIB = 1 << 30
MIB = 1 << 20

TORCH_2 = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 23.50 GiB "
    "of which 512.00 MiB is free. Process 12 has 22.90 GiB memory in use. Of the allocated memory 21.00 GiB is "
    "allocated by PyTorch, and 1.25 GiB is reserved by PyTorch but unallocated."
)
TORCH_1 = (
    "RuntimeError: CUDA out of memory. Tried to allocate 256.00 MiB (GPU 0; 15.75 GiB total capacity; 14.00 GiB "
    "already allocated; 100.00 MiB free; 14.50 GiB reserved in total by PyTorch)"
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (TORCH_2, OutOfMemory(int(23.5 * GIB), 21 * GIB, int(22.25 * GIB), int(1.5 * GIB))),
        (TORCH_1, OutOfMemory(int(15.75 * GIB), 14 * GIB, int(14.5 * GIB), 256 * MIB)),
    ],
)
def test_both_forms_of_the_message_are_read(text: str, numbers: OutOfMemory) -> None:
    assert read_out_of_memory("step 3\n" + text + "\n") == numbers


def test_a_log_without_the_message_is_refused() -> None:
    with pytest.raises(BadInput, match="out-of-memory"):
        read_out_of_memory("all is well")


def test_the_estimate_is_scaled_to_what_the_run_wanted() -> None:
    found = estimate(method="qlora", micro_batch=4, seq_len=2048)
    standing = found.moments["load"]
    wanted = standing + 2 * (found.allocated_bytes.value - standing)
    failure = OutOfMemory(None, wanted - GIB, None, GIB)
    calibration = calibrate(found, failure)
    assert calibration.scale == pytest.approx(2.0)
    assert calibration.needed_bytes == wanted
    scaled = scale_estimate(found, calibration.scale)
    assert scaled.allocated_bytes.value == pytest.approx(wanted, abs=20)
    assert sum(scaled.parts.values()) == scaled.smi_bytes.value
    for name in ("weights", "quantization_constants", "optimizer_states", "cuda_context"):
        assert scaled.parts[name] == found.parts[name]


def test_a_failure_below_the_estimate_does_not_shrink_it() -> None:
    found = estimate(method="lora")
    assert calibrate(found, OutOfMemory(None, GIB, None, MIB)).scale == 1.0


def test_what_was_missing_and_what_was_fragmented_is_told() -> None:
    calibration = calibrate(estimate(method="lora"), read_out_of_memory(TORCH_2))
    assert calibration.slack_bytes == int(1.25 * GIB)
    assert calibration.missing_bytes == max(0, 22 * GIB + GIB // 2 + 550 * MIB - int(23.5 * GIB))


def test_numbers_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(BadInput, match="more than the total"):
        calibrate(estimate(method="lora"), OutOfMemory(GIB, 2 * GIB, None, MIB))


def test_a_long_line_is_read_in_no_time() -> None:
    with pytest.raises(BadInput):
        read_out_of_memory("1" * 1_000_000)
