"""Crashes: which of the errors in a log is the root, what it is called, and what only follows from it."""

import pytest
from run_factory import descend, find, found_ids, judge, make_rows, parse, render, serious_ids

from tools.diagnosis.crashes import describe_unexplained, find_crashes
from tools.diagnosis.finding import Finding
from tools.diagnosis.problem_rules import PROBLEM_RULES
from tools.diagnosis.signatures import SIGNATURES

ROWS = render(make_rows(descend(40))).decode()
SITE = "/opt/lib/python3.11/site-packages"
USER = ("/work/train.py", "<module>", "trainer.train()")
LIBRARY = (f"{SITE}/transformers/trainer.py", "training_step", "loss = self.compute_loss(model, inputs)")
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 9.00 GiB of "
    "which 1.00 GiB is free."
)
LAUNCHER = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: "
TIMEOUT = (
    "[rank{0}]:[E602 11:17:52.185 ProcessGroupNCCL.cpp:632] [Rank {0}] Watchdog caught collective operation timeout: "
    "WorkNCCL(SeqNum=1580, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600060 milliseconds "
    "before timing out.\n"
)
ASSERTION = "/pytorch/aten/src/ATen/native/cuda/{}: {}: block: [{},0,0], thread: [5,0,0] Assertion `{}` failed.\n"
ASSERTED = "RuntimeError: CUDA error: device-side assert triggered"
DISK = "OSError: [Errno 28] No space left on device"


def trace(error: str, *frames: tuple[str, str, str], prefix: str = "") -> str:
    lines = ["Traceback (most recent call last):"]
    for path, function, code in frames or (USER, LIBRARY):
        lines += [f'  File "{path}", line 7, in {function}', f"    {code}"]
    return "".join(f"{prefix}{line}\n" for line in (*lines, error))


def test_a_crash_is_told_with_its_cause_its_moment_and_the_persons_own_code() -> None:
    finding = find(judge(ROWS + trace("RuntimeError: expected scalar type Half but found Float")), "dtype_precision")
    assert (finding.severity, finding.confidence) == ("error", "certain")
    assert finding.summary == (
        "A tensor of type Float came where Half was needed. It happened in the forward pass. "
        "Your code was last at train.py:7 in <module>."
    )
    assert finding.values["expected"] == "Half"


def test_the_evidence_of_a_crash_is_its_last_frames_and_its_error() -> None:
    text = trace(DISK)
    finding = find(judge(text), "disk_full")
    assert [line.number for line in finding.evidence] == [2, 4, 6]


def test_what_was_raised_from_another_error_follows_from_it() -> None:
    first = trace("ValueError: Not able to read records in the JSON file at /d.json.")
    text = first + CAUSE + trace("datasets.exceptions.DatasetGenerationError: An error occurred while generating")
    finding = find(judge(text), "dataset_format")
    assert finding.evidence[-1].text.startswith("ValueError")


def test_what_was_raised_while_another_error_was_handled_counts() -> None:
    text = (
        trace("KeyError: 'qwen9'")
        + CONTEXT
        + trace("ValueError: model type `qwen9` but Transformers does not recognize")
    )
    finding = find(judge(text), "dependency_version")
    assert finding.evidence[-1].text.startswith("ValueError")


def test_an_error_that_hangs_together_with_memory_is_none_of_its_own() -> None:
    text = trace("KeyError: 'labels'") + CONTEXT + trace(MEMORY)
    assert serious_ids(judge(text)) == ["out_of_memory_gpu"]


def test_of_a_refused_repository_the_surest_word_is_shown() -> None:
    text = trace("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/x")
    text += CAUSE + trace("OSError: You are trying to access a gated repo.")
    assert "gated" in find(judge(text), "gated_access").summary


@pytest.mark.parametrize(
    "echo",
    [
        trace(LAUNCHER, ("/opt/bin/torchrun", "<module>", "sys.exit(main())")),
        "E0602 failed (exitcode: -9) local_rank: 2 (pid: 3) of binary: /usr/bin/python\n",
        TIMEOUT.format(1),
        trace("torch.distributed.DistBackendError: NCCL error in: x.cpp:1970, unhandled system error"),
        trace("RuntimeError: [../gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.7]:41993"),
        "Killed\n",
        "W0602 Sending process 31 closing signal SIGTERM\n",
        "Segmentation fault (core dumped)\n",
    ],
)
@pytest.mark.parametrize(
    ("root", "rule"), [(trace(MEMORY), "out_of_memory_gpu"), (trace(DISK), "disk_full")], ids=["memory", "disk"]
)
def test_what_launchers_and_other_ranks_say_after_a_crash_follows_from_it(root: str, rule: str, echo: str) -> None:
    diagnosis = judge(ROWS + root + echo)
    assert serious_ids(diagnosis) == [rule]
    assert diagnosis.unexplained == ()


def test_a_crash_that_every_rank_prints_is_one_with_its_ranks() -> None:
    text = "".join(trace("KeyError: 'messages'", prefix=f"[rank{rank}]: ") for rank in range(4))
    diagnosis = judge(text)
    assert serious_ids(diagnosis) == ["dataset_format"]
    assert find(diagnosis, "dataset_format").values["num_ranks"] == 4


def test_a_crash_after_which_another_process_went_on_is_a_warning() -> None:
    assert find(judge(trace(DISK) + ROWS), "disk_full").severity == "warning"


def test_an_error_that_was_caught_is_a_note() -> None:
    caught = trace("ModuleNotFoundError: No module named 'apex'", (f"{SITE}/odd/ops.py", "load", "import apex"))
    diagnosis = judge(caught + ROWS)
    assert find(diagnosis, "dependency_version").severity == "note"
    assert serious_ids(diagnosis) == []


def test_what_is_raised_while_the_interpreter_ends_is_no_crash() -> None:
    text = "Exception ignored in: <function Adam.__del__ at 0x1>\n" + trace(
        "AttributeError: 'Adam' object has no attribute 'x'"
    )
    assert find_crashes(parse(ROWS + text)) == ()


@pytest.mark.parametrize(
    ("kernel", "check", "word"),
    [
        ("Indexing.cu:1141: indexSelectLargeIndex", "srcIndex < srcSelectDimSize", "table"),
        ("Loss.cu:250: nll_loss_forward_reduce_cuda_kernel_2d", "t >= 0 && t < n_classes", "label"),
        (
            "ScatterGatherKernel.cu:144: operator()",
            'idx_dim >= 0 && idx_dim < index_size && "index out of bounds"',
            "index",
        ),
        (
            "TensorCompare.cu:110: _assert_async_cuda_kernel",
            "probability tensor contains either `inf`, `nan` or < 0",
            "inf",
        ),
    ],
)
def test_a_device_side_assert_names_the_check_that_failed(kernel: str, check: str, word: str) -> None:
    file, name = kernel.split(": ")
    text = "".join(ASSERTION.format(file, name, block, check) for block in range(200)) + trace(ASSERTED)
    finding = find(judge(ROWS + text), "device_side_assert")
    assert finding.severity == "error"
    assert word in finding.summary
    assert finding.values["num_messages"] == 200


def test_an_index_outside_of_an_embedding_has_the_vocabulary_as_its_likely_cause() -> None:
    embedding = (f"{SITE}/torch/nn/functional.py", "embedding", "return torch.embedding(weight, input)")
    kernel = ASSERTION.format("Indexing.cu:1284", "indexSelectSmallIndex", 1, "srcIndex < srcSelectDimSize")
    diagnosis = judge(kernel + trace(ASSERTED, USER, embedding))
    assert find(diagnosis, "device_side_assert").values["likely_cause"] == "tokenizer_vocab_mismatch"
    assert find(diagnosis, "tokenizer_vocab_mismatch").severity == "warning"
    assert find(judge(kernel + trace(ASSERTED)), "tokenizer_vocab_mismatch").severity == "note"


def test_a_check_of_a_compiler_is_no_device_side_assert() -> None:
    text = "python: /project/lib/Analysis/Utility.cpp:64: foo(): Assertion `srcMma == dstMma' failed.\n"
    assert "device_side_assert" not in found_ids(judge(ROWS + text))


def test_of_ranks_that_waited_the_one_that_is_missing_is_named() -> None:
    text = "".join(TIMEOUT.format(rank) for rank in (0, 1, 3))
    finding = find(judge(ROWS + text), "distributed_hang")
    assert finding.values["missing_ranks"] == "2"
    assert (finding.values["operation"], finding.values["timeout_seconds"]) == ("ALLREDUCE", 600.0)
    assert "Rank 2 did not report" in finding.summary


def test_where_all_ranks_waited_the_one_that_had_started_least_is_named() -> None:
    status = "[rank{0}]:[E1218 ProcessGroupNCCL.cpp:2168] [PG ID 1 PG GUID 1 Rank {0}]  failure detected by watchdog "
    status += "at work sequence id: 9 PG status: last enqueued work: {1}, last completed work: 8\n"
    text = TIMEOUT.format(0) + status.format(0, 12) + status.format(1, 8)
    assert "Rank 1 had started the fewest" in find(judge(ROWS + text), "distributed_hang").summary


def test_an_unknown_error_is_shown_with_the_persons_own_code() -> None:
    (shown,) = judge(ROWS + trace("ValueError: the moon is in the wrong phase", USER, LIBRARY)).unexplained
    assert "not known" in shown
    assert "the moon is in the wrong phase" in shown
    assert "train.py:7 in <module>" in shown


def test_a_known_error_that_belongs_to_no_pitfall_is_told_in_words() -> None:
    diagnosis = judge(ROWS + trace("omegaconf.errors.ConfigAttributeError: Key 'lr' is not in struct"))
    assert serious_ids(diagnosis) == []
    (shown,) = diagnosis.unexplained
    assert "Hydra" in shown
    assert "not known" not in shown


def test_an_error_printed_in_a_line_and_with_its_stack_is_shown_once() -> None:
    error = "yaml.scanner.ScannerError: mapping values are not allowed here"
    assert len(judge(f"{error}\n{trace(error)}").unexplained) == 1


def test_a_usage_error_of_a_program_is_told() -> None:
    (shown,) = judge(ROWS + "train.py: error: unrecognized arguments: --lerning_rate\n").unexplained
    assert "setting" in shown


def test_a_fault_of_native_code_is_told() -> None:
    (shown,) = judge(ROWS + "Segmentation fault (core dumped)\n").unexplained
    assert "segmentation fault" in shown


def test_a_launchers_word_alone_sends_to_the_other_output() -> None:
    (shown,) = judge(ROWS + trace(LAUNCHER, ("/opt/bin/torchrun", "<module>", "sys.exit(main())"))).unexplained
    assert "own output" in shown


def test_an_error_after_one_that_is_explained_is_not_shown() -> None:
    run = parse(ROWS + trace(DISK) + trace("RuntimeError: the pipeline failed"))
    found = [verdict for rule in PROBLEM_RULES if isinstance(verdict := rule.judge(run), Finding)]
    assert describe_unexplained(run, found) == ()


def test_every_rule_has_another_id_and_every_signature_a_rule() -> None:
    ids = [rule.id for rule in PROBLEM_RULES]
    assert len(ids) == len(set(ids))
    assert {signature.id for signature in SIGNATURES if signature.id} <= set(ids)


def test_a_healthy_run_has_no_finding_of_any_rule() -> None:
    run = parse(ROWS)
    assert [rule.id for rule in PROBLEM_RULES if rule.judge(run) is not None] == []
