"""Runs that were ended from outside, and memory of the machine that ran out."""

import pytest
from run_factory import descend, draw_bar, find, found_ids, judge, make_rows, render, serious_ids

ROWS = render(make_rows(descend(40)), total_steps=900).decode()
FINISHED = ROWS + "{'train_runtime': 80.0, 'train_loss': 1.4, 'epoch': 2.0}\n"
SLURM = "slurmstepd: error: *** JOB 1 ON node1 CANCELLED AT 2025-01-01T00:00:00 {}***"
BY_SCHEDULER = {
    "time limit": SLURM.format("DUE TO TIME LIMIT "),
    "pre-emption": SLURM.format("DUE TO PREEMPTION ").replace("JOB 1", "STEP 1.0"),
    "node failure": SLURM.format("DUE TO NODE FAILURE "),
    "pbs": "=>> PBS: job killed: walltime 3612 exceeded limit 3600",
    "lsf": "TERM_RUNLIMIT: job killed after reaching LSF run time limit.",
}
BY_SOMEONE = {
    "cancelled": SLURM.format(""),
    "sigterm": "traceback : Signal 15 (SIGTERM) received by PID 31",
    "exit 143": "train exited with code 143",
    "terminated": "Terminated",
    "hangup": "torch.distributed.elastic.multiprocessing.api.SignalException: Process 31 got signal: 1",
    "keyboard": 'Traceback (most recent call last):\n  File "/w/t.py", line 1, in <module>\n    x()\nKeyboardInterrupt',
}
ENDS = BY_SCHEDULER | BY_SOMEONE
KILLS = {
    "shell": "Killed",
    "bash": "./run.sh: line 12:  4711 Killed                  python train.py --lr 1e-4",
    "zsh": "zsh: killed     python train.py",
    "deepspeed": "[2025-01-01 00:00:00,000] [ERROR] [launch.py:321:sigkill_handler] ['python'] exits with return code "
    "= -9",
    "torchrun": "E0101 00:00:00.000000 1 api.py:833] failed (exitcode: -9) local_rank: 1 (pid: 9) of binary: python",
    "docker": "container trainer exited with code 137",
}
HOST = {
    "slurm": "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1.batch. Some of the step tasks have been OOM "
    "Killed.",
    "kernel": "Out of memory: Killed process 4711 (python) total-vm:99kB",
    "kubernetes": "  reason: OOMKilled",
    "allocator": "RuntimeError: [enforce fail at alloc_cpu.cpp:83] . DefaultCPUAllocator: can't allocate memory: you "
    "tried to "
    "allocate 2147483648 bytes. Error code 12 (Cannot allocate memory)",
    "numpy": "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 3.00 GiB for an array with shape (9,)",
    "ray": "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.",
    "datasets": "RuntimeError: One of the subprocesses has abruptly died during map operation.",
    "shared": "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. Out of shared memory?",
    "windows": "OSError: The paging file is too small for this operation to complete. (os error 1455)",
    "colab": "Your session crashed after using all available RAM.",
    "kaggle": "Your notebook tried to allocate more memory than is available. It has restarted.",
    "fork": "bash: fork: Cannot allocate memory",
    "python": "MemoryError",
}


@pytest.mark.parametrize("line", BY_SCHEDULER.values(), ids=BY_SCHEDULER.keys())
def test_an_end_by_the_scheduler_is_a_warning(line: str) -> None:
    finding = find(judge(f"{ROWS}{line}\n"), "interrupted")
    assert (finding.severity, finding.confidence) == ("warning", "certain")


@pytest.mark.parametrize("line", BY_SOMEONE.values(), ids=BY_SOMEONE.keys())
def test_an_end_by_someone_is_a_note(line: str) -> None:
    finding = find(judge(f"{ROWS}{line}\n"), "interrupted")
    assert (finding.severity, finding.confidence) == ("note", "certain")


def test_an_interruption_says_how_far_the_run_had_come() -> None:
    finding = find(judge(f"{ROWS}{ENDS['time limit']}\n"), "interrupted")
    assert finding.summary.endswith("It had done 400 of 900 steps.")


@pytest.mark.parametrize("line", ENDS.values(), ids=ENDS.keys())
def test_a_run_that_had_reached_its_end_was_not_interrupted(line: str) -> None:
    assert "interrupted" not in found_ids(judge(f"{FINISHED}{line}\n"))


@pytest.mark.parametrize("line", ENDS.values(), ids=ENDS.keys())
def test_an_interruption_after_which_the_run_went_on_is_none(line: str) -> None:
    more = render(make_rows(descend(40))[20:]).decode()
    assert "interrupted" not in found_ids(judge(f"{ROWS}{line}\n{more}"))


def test_a_log_that_ends_in_its_bar_is_noted_without_a_claim() -> None:
    finding = find(judge(ROWS + "\r" + draw_bar(412, 900)), "interrupted")
    assert (finding.severity, finding.confidence) == ("note", "possible")
    assert "still goes on" in finding.summary


def test_a_log_that_just_ends_is_not_interrupted() -> None:
    assert "interrupted" not in found_ids(judge(render(make_rows(descend(40)), has_bars=False, total_steps=900)))


@pytest.mark.parametrize("line", KILLS.values(), ids=KILLS.keys())
def test_a_kill_without_a_word_is_most_likely_memory(line: str) -> None:
    finding = find(judge(f"{ROWS}{line}\n"), "out_of_memory_cpu")
    assert (finding.severity, finding.confidence) == ("error", "likely")


@pytest.mark.parametrize("line", HOST.values(), ids=HOST.keys())
def test_memory_of_the_machine_that_ran_out_is_certain(line: str) -> None:
    diagnosis = judge(f"{ROWS}{line}\n")
    finding = find(diagnosis, "out_of_memory_cpu")
    assert (finding.severity, finding.confidence) == ("error", "certain")
    assert serious_ids(diagnosis) == ["out_of_memory_cpu"]


def test_what_could_not_be_had_is_told() -> None:
    finding = find(judge(f"{ROWS}{HOST['allocator']}\n"), "out_of_memory_cpu")
    assert finding.values["oom_tried_bytes"] == 2**31
    assert "2.00 GiB" in finding.summary


def test_a_kill_by_the_scheduler_is_not_taken_for_memory() -> None:
    echo = "srun: error: n1: task 0: Killed\nE api] failed (exitcode: -9) local_rank: 1\n"
    text = f"{ROWS}{ENDS['time limit']}\n{echo}"
    assert serious_ids(judge(text)) == ["interrupted"]


def test_a_job_that_was_cancelled_for_its_memory_is_told_as_memory() -> None:
    assert serious_ids(judge(f"{ROWS}{ENDS['cancelled']}\n{HOST['slurm']}\n")) == ["out_of_memory_cpu"]


@pytest.mark.parametrize(
    "line",
    [
        "Sending process 31 closing signal SIGTERM",
        "Killing subprocess 4711",
        "the patient was killed in the story",
        "exit code: 0",
        "set max_memory to avoid being OOM",
        "Received 143 rows",
        "loss scale terminated at 1",
    ],
)
def test_words_that_are_no_end_are_none(line: str) -> None:
    assert not {"interrupted", "out_of_memory_cpu"} & set(serious_ids(judge(f"{ROWS}{line}\n")))
