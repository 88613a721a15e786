"""Tracebacks and out-of-memory messages: what was printed, by how many, and what the program was doing."""

import time

import pytest
from run_factory import parse
from stack_factory import ERROR, GIB, MESSAGES, NAMES, STACKS, TORCH_2_0, TORCH_2_6, problems, stack

from tools.diagnosis import diagnose


@pytest.mark.parametrize(("message", "values"), MESSAGES.items(), ids=NAMES)
def test_the_numbers_of_an_out_of_memory_message_are_read_as_bytes(message: str, values: dict[str, int]) -> None:
    (problem,) = problems(stack(error=message), "out_of_memory")
    assert {name: size for name, size in problem.values.items() if name != "gpu_index"} == values


@pytest.mark.parametrize("message", MESSAGES, ids=NAMES)
@pytest.mark.parametrize("lead", ["", "Error: ", "[rank3]: ", "\x1b[0;31mOutOfMemoryError\x1b[0m: "])
def test_an_out_of_memory_message_is_found_without_its_stack(message: str, lead: str) -> None:
    assert len(problems(f"{lead}{message}\n", "out_of_memory")) == 1


@pytest.mark.parametrize("num_bars", [1, 200])
def test_what_stands_at_the_end_of_bars_is_read_without_them(num_bars: int) -> None:
    bars = "  3%|▎         | 15/500 [00:42<22:51,  2.83s/it]" * num_bars
    (problem,) = problems(f"{bars}{TORCH_2_6}\n", "out_of_memory")
    assert (problem.summary, problem.name) == (TORCH_2_6, "torch.OutOfMemoryError")
    assert [one.summary for one in problems(f"start\n{bars}{stack()}", "traceback")] == [ERROR]


@pytest.mark.parametrize(
    "text",
    [
        "torch.cuda.OutOfMemoryError: Caught OutOfMemoryError in replica 0 on device 0.",
        "Lower the batch size if you run out of memory.",
        "To avoid out of memory errors, set gradient_checkpointing=True",
        "If you see an error about running out of memory, lower per_device_train_batch_size",
        "WARNING: this may lead to an Error, or to being out of memory later",
        "    except torch.cuda.OutOfMemoryError:",
        '    raise RuntimeError("CUDA out of memory")',
        "    if 'out of memory' in str(error):",
        "# the GPU is out of memory (see the manual)",
        "slurmstepd: error: Detected 1 oom-kill event(s), killed by the cgroup out-of-memory handler",
    ],
)
def test_advice_and_code_about_memory_are_no_out_of_memory(text: str) -> None:
    assert problems(f"start\n{text}\n", "out_of_memory") == []


@pytest.mark.parametrize(("phase", "frame"), STACKS.items(), ids=[name or "unknown" for name in STACKS])
def test_the_stack_tells_what_the_program_was_doing(phase: str, frame: tuple[str, str, str]) -> None:
    (problem,) = problems(stack(frame, error=TORCH_2_6), "out_of_memory")
    assert problem.phase == phase


@pytest.mark.parametrize("inner", ["forward", "loss"])
def test_a_forward_pass_inside_the_evaluation_is_the_evaluation(inner: str) -> None:
    (problem,) = problems(stack(STACKS["evaluation"], STACKS[inner], error=TORCH_2_6), "out_of_memory")
    assert problem.phase == "evaluation"


def test_a_forward_pass_that_checkpointing_repeats_is_the_backward_pass() -> None:
    (problem,) = problems(stack(STACKS["backward"], STACKS["forward"], error=TORCH_2_6), "out_of_memory")
    assert problem.phase == "backward"


def test_saving_the_state_of_the_optimiser_is_saving() -> None:
    frames = (
        ("trainer.py", "_save_optimizer_and_scheduler", "torch.save(self.optimizer.state_dict(), path)"),
        ("torch/optim/optimizer.py", "state_dict", "packed = self._pack()"),
    )
    (problem,) = problems(stack(*frames, error=TORCH_2_6), "out_of_memory")
    assert problem.phase == "save"


def test_the_phase_is_that_of_the_stack_beside_the_message_and_not_of_an_earlier_one() -> None:
    text = stack(STACKS["load"]) + "going on\n" + stack(STACKS["backward"], error=TORCH_2_6)
    assert problems(text, "out_of_memory")[0].phase == "backward"


def test_a_message_that_eight_ranks_print_is_one_problem() -> None:
    ranks = [stack(STACKS["backward"], error=TORCH_2_6, prefix=f"[rank{rank}]: ") for rank in range(8)]
    assert len(problems("".join(ranks), "out_of_memory")) == 1


def test_a_message_that_eight_ranks_print_at_once_is_one_problem_with_its_phase() -> None:
    ranks = [stack(STACKS["backward"], error=TORCH_2_6, prefix=f"[rank{rank}]: ").splitlines() for rank in range(8)]
    text = "\n".join(line for lines in zip(*ranks, strict=True) for line in lines) + "\n"
    assert [problem.phase for problem in problems(text, "out_of_memory")] == ["backward"]


def test_a_problem_shows_the_innermost_frames_and_the_message() -> None:
    text = stack(STACKS["backward"], STACKS["forward"], error=TORCH_2_6)
    (problem,) = problems("start\n" + text, "out_of_memory")
    assert [line.number for line in problem.lines] == [5, 7, 9]
    assert (problem.first_line, problem.last_line) == (2, 9)
    assert problem.summary == TORCH_2_6


PREFIXES = {
    "none": "",
    "rank": "[rank0]: ",
    "rank twice": "[rank0]:[rank0]: ",
    "torchrun": "[default0]:",
    "srun": "0: ",
    "mpirun": "[1,0]<stderr>:",
    "ray": "(RayTrainWorker pid=123, ip=10.0.0.4) ",
    "coloured ray": "\x1b[36m(WorkerDict pid=9)\x1b[0m ",
    "logging": "2024-05-07 11:16:50,123 - ERROR - ",
    "loguru": "2025-06-28 11:48:28.123 | ERROR | __main__:main:28 - ",
}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES.keys())
def test_a_traceback_is_found_behind_any_prefix(prefix: str) -> None:
    assert len(problems("start\n" + stack(STACKS["forward"], prefix=prefix), "traceback")) == 1


@pytest.mark.parametrize(
    "error",
    [
        ERROR,
        "AssertionError",
        "Exception: it went wrong",
        "KeyError: 'labels'",
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
        "jinja2.exceptions.TemplateNotFound: chat_template",
        "requests.exceptions.ReadTimeout: no answer in 10 s",
        "torch._dynamo.exc.Unsupported: call_function",
        "StopIteration",
        "SystemExit: 1",
        "KeyboardInterrupt",
    ],
)
def test_a_traceback_ends_with_the_name_of_any_exception(error: str) -> None:
    (problem,) = problems("start\n" + stack(STACKS["forward"], error=error), "traceback")
    assert (problem.summary, problem.last_line) == (error.strip(), 7)


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mRuntimeError\x1b[39m      Traceback (most recent call last)\nCell In[7], line 5\n"
        "\x1b[32m----> 5\x1b[39m trainer.train()\n\n\x1b[31mRuntimeError\x1b[39m: it went wrong\n",
        "╭──── Traceback (most recent call last) ────╮\n│ /opt/train.py:162 in main                │\n"
        "│ ❱ 162 │   trainer.train()                 │\n╰───────────────────────────────────────────╯\n"
        "RuntimeError: it went wrong\n",
    ],
    ids=["notebook", "box"],
)
def test_a_traceback_that_is_drawn_is_found(text: str) -> None:
    assert len(problems("start\n" + text, "traceback")) == 1


CHAINS = {
    "context": "During handling of the above exception, another exception occurred:",
    "cause": "The above exception was the direct cause of the following exception:",
}


@pytest.mark.parametrize(("link", "words"), CHAINS.items(), ids=CHAINS.keys())
@pytest.mark.parametrize("prefix", ["", "[rank3]: "])
def test_chained_tracebacks_are_all_kept_with_what_links_them(link: str, words: str, prefix: str) -> None:
    between = f"{prefix}\n{prefix}{words}\n{prefix}\n"
    text = stack(error="KeyError: 'a'", prefix=prefix) + between + stack(error=ERROR, prefix=prefix)
    found = [(problem.summary, problem.link) for problem in problems(text, "traceback")]
    assert found == [("KeyError: 'a'", ""), (ERROR, link)]


def test_a_problem_knows_its_name_its_frames_and_its_ranks() -> None:
    library = ("lib/python3.11/site-packages/transformers/trainer.py", "training_step", "loss.backward()")
    text = "".join(stack(library, error=ERROR, prefix=f"[rank{rank}]: ") for rank in (2, 5))
    (problem,) = problems(text, "traceback")
    assert (problem.name, problem.message) == ("ValueError", ERROR)
    assert problem.user_frame == "train.py:1 in <module>"
    assert problem.library_frame == "trainer.py:2 in training_step"
    assert (problem.num_messages, problem.ranks, problem.last_seen) == (2, (2, 5), 12)


def test_a_traceback_whose_head_is_missing_is_found() -> None:
    text = "\n".join(stack(STACKS["backward"], error=ERROR).splitlines()[3:]) + "\n"
    assert [problem.summary for problem in problems("start\n" + text, "traceback")] == [ERROR]


def test_the_lines_that_belong_to_a_message_are_read_with_it() -> None:
    text = stack(error="RuntimeError: ") + "\n        CUDA Setup failed despite GPU being available.\n\nnext\n"
    (problem,) = problems(text, "traceback")
    assert problem.message == "RuntimeError:\nCUDA Setup failed despite GPU being available."


def test_a_message_that_the_terminal_broke_is_read_whole() -> None:
    broken = TORCH_2_0.replace("total capacity", "\ntotal capacity").replace("4.84", "\n4.84")
    assert problems(stack(error=broken), "out_of_memory")[0].values["gpu_free_bytes"] == round(4.84 * GIB)


@pytest.mark.parametrize(
    "prefix",
    ["2024-06-28T06:11:52.6853{0}Z (LLMRayActor pid=2077{0}) ERROR 06-28 06:11:4{0} worker_base.py:145] ", "{0}: "],
)
def test_numbers_in_a_prefix_may_differ_from_line_to_line(prefix: str) -> None:
    lines = stack(STACKS["forward"]).splitlines()
    text = "".join(f"{prefix.format(7**index)}{line}\n" for index, line in enumerate(lines))
    assert [problem.summary for problem in problems("start\n" + text, "traceback")] == [ERROR]


def test_an_unusual_exception_ends_a_stack_only_after_code() -> None:
    assert [one.summary for one in problems(stack(error="Stop: it went wrong"), "traceback")] == ["Stop: it went wrong"]
    cut = "\n".join(stack().splitlines()[:-1])
    dump = 'Thread 0x1 (most recent call first):\n  File "/w/a.py", line 3 in wait\nEpoch: 3\n'
    assert problems(f"start\n{dump}", "traceback") == []
    assert "Epoch: 3" not in [one.summary for one in problems(f"{cut}\n\nand more\nEpoch: 3\n", "traceback")]


@pytest.mark.parametrize("piece", ["Error ", "Killed ", "Error: x out of memory ", "a.B", 'File "x", line 1, in '])
def test_a_long_line_of_any_content_is_read_quickly(piece: str) -> None:
    started = time.perf_counter()
    parse(f"start\n{piece * (200_000 // len(piece))}\n{stack()}")
    assert time.perf_counter() - started < 3.0


def test_a_line_about_an_error_without_a_traceback_is_no_traceback() -> None:
    assert problems(f"start\nnote: {ERROR}\n{ERROR}\n", "traceback") == []


def test_a_traceback_that_the_log_ends_in_is_not_lost() -> None:
    text = "{'loss': 1.5, 'epoch': 0.1}\n" + stack(STACKS["forward"], error="").rstrip("\n")
    assert diagnose(parse(text)).is_healthy is None


@pytest.mark.parametrize("amount", ["1.00 TB", "1.00 iB", "9" * 400 + " GiB", "..., GiB", "many GiB"])
def test_an_amount_that_no_card_has_does_not_stop_the_reading(amount: str) -> None:
    text = f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {amount}.\n"
    assert len(problems(text, "out_of_memory")) == 1


def test_rows_between_the_lines_of_a_stack_are_still_read() -> None:
    lines = stack(STACKS["forward"]).splitlines()
    text = "\n".join([*lines[:3], "{'loss': 1.5, 'epoch': 0.1}", *lines[3:]]) + "\n"
    assert (len(parse(text).points("loss")), len(problems(text, "traceback"))) == (1, 1)
