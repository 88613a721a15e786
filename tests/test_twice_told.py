"""Losses that a callback and the trainer print each, or an engine and a script."""

import io

import pytest

from tools.log_parser import parse_log
from tools.run import Run

LOSSES = [2.413579, 2.206418, 1.987654, 1.765432, 1.603219, 1.512345]


def read(text: str) -> Run:
    return parse_log(io.BytesIO(text.encode()))


def told_by_both(losses: list[float], lag: int = 1) -> str:
    """A callback's line at each tenth step, and the trainer's row of it when the next one comes."""
    lines = []
    for index, loss in enumerate(losses):
        lines.append(f"step={10 * index + 10} | loss={loss:.6f} | lr=1.0e-05")
        if index >= lag:
            row = {"loss": float(f"{losses[index - lag]:.4g}"), "grad_norm": 0.25, "epoch": 0.01 * index}
            lines.append(str(row))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("lag", [0, 1])
def test_a_loss_that_a_callback_and_the_trainer_print_counts_once(lag: int) -> None:
    run = read(told_by_both(LOSSES, lag))
    assert run.values("loss") == pytest.approx(LOSSES)
    assert [point.step for point in run.points("loss")] == [10, 20, 30, 40, 50, 60]
    assert run.totals["loss"].num_points == len(LOSSES)
    assert len(run.values("grad_norm")) == len(LOSSES) - lag
    assert any("printed twice" in note for note in run.notes)


def test_an_engine_and_the_script_above_it_tell_one_step_once() -> None:
    text = ""
    for step, loss in enumerate([10.41725, 10.39861, 10.20174], 1):
        text += f"steps: {step} loss: {loss:.4f} iter time (s): 2.500 samples/sec: 3.200\n"
        text += (
            f" iteration {step:8d}/     900 | consumed samples: {8 * step:12d} | elapsed time per iteration (ms): 2501 "
            f"| learning rate: 1.000E-06 | global batch size:     8 | lm loss: {loss:.6E} | grad norm: 1.250 |\n"
        )
    run = read(text)
    assert run.values("loss") == pytest.approx([10.41725, 10.39861, 10.20174], rel=1e-4)
    assert [point.step for point in run.points("loss")] == [1, 2, 3]


def test_other_losses_in_other_lines_are_kept() -> None:
    text = told_by_both(LOSSES, 0).replace("'loss': 1.765", "'loss': 1.801")
    assert len(read(text).values("loss")) == 2 * len(LOSSES)


def test_losses_that_are_all_the_same_are_no_proof() -> None:
    assert len(read(told_by_both([0.5] * 6, 0)).values("loss")) == 12
