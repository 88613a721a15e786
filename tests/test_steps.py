"""The true step of every row, or none: never the number of the row."""

import pytest
from run_factory import draw_bar, parse

from tools.run import Run

BANNER = "  Num Epochs = 1\n  Total optimization steps = 100\n"


def row(epoch: float, name: str = "loss") -> str:
    return f"{{'{name}': {2 - epoch:.4f}, 'epoch': {epoch}}}"


def steps(run: Run, name: str = "loss") -> list[int | None]:
    return [point.step for point in run.points(name)]


def live_log(shown: list[tuple[int, float]], total: int = 100, prefix: str = "") -> str:
    """Rows as tqdm writes them: an outdated frame, the row, and the same bar drawn again."""
    return "".join(
        f"{prefix}{draw_bar(max(0, step - 3), total)}\r{row(epoch)}\n{prefix}{draw_bar(step, total)}\r"
        for step, epoch in shown
    )


LIVE = live_log([(10, 0.1), (20, 0.2), (30, 0.3)])
BUFFERED_BARS = "\r".join(draw_bar(step, 100) for step in range(101)) + "\n"
BUFFERED_ROWS = "".join(row(round(step / 100, 2)) + "\n" for step in range(10, 101, 10))


@pytest.mark.parametrize("text", ["{'loss': 1.5, 'epoch': 0.1, 'step': 40}\n", '{"loss": 1.5, "step": 40}\n'])
def test_a_step_in_the_row_is_taken(text: str) -> None:
    assert steps(parse(text)) == [40]


def test_a_step_in_the_row_outweighs_the_bar() -> None:
    assert steps(parse(f"{draw_bar(7, 100)}\r{{'loss': 1.5, 'step': 40}}\n{draw_bar(7, 100)}\n")) == [40]


def test_the_bar_that_is_drawn_again_after_the_row_tells_its_step() -> None:
    assert steps(parse(LIVE)) == [10, 20, 30]


def test_the_last_row_of_a_log_that_breaks_off_takes_the_bar_before_it() -> None:
    assert steps(parse(f"{LIVE}{draw_bar(40, 100)}\r{row(0.4)}\n"))[-1] == 40


@pytest.mark.parametrize(
    "prefix", ["", "[rank0]: ", "0: ", "[1,0]<stderr>:", "(RayTrainWorker pid=9) ", "\x1b[A", "\x1b[32m"]
)
def test_bars_are_read_behind_a_prefix(prefix: str) -> None:
    assert steps(parse(live_log([(10, 0.1), (20, 0.2), (30, 0.3)], prefix=prefix))) == [10, 20, 30]


def test_the_bar_of_an_evaluation_is_not_the_training_bar() -> None:
    evaluation = "".join("\r" + draw_bar(batch, 25) for batch in range(1, 26))
    text = ""
    for step in (10, 20, 30):
        text += live_log([(step, step / 100)])
        text += f"{evaluation}\r{row(step / 100, 'eval_loss')}\n{draw_bar(step, 100)}\r"
    assert (steps(parse(text)), steps(parse(text), "eval_loss")) == ([10, 20, 30], [10, 20, 30])


def test_the_banner_tells_which_bar_is_the_training_bar() -> None:
    other = "\r".join(draw_bar(batch, 900) for batch in (10, 20, 30))
    text = "".join(f"{other}\r{live_log([(step, step / 100)])}{draw_bar(40, 900)}\r" for step in (10, 20, 30))
    assert steps(parse(BANNER + text)) == [10, 20, 30]


@pytest.mark.parametrize(
    "name", ["Map", "Loading checkpoint shards", "Tokenizing train dataset (num_proc=4)", "Running Eval"]
)
def test_bars_with_a_name_are_not_the_training_bar(name: str) -> None:
    named = "".join(f"\r{name}: {draw_bar(step, 900)}" for step in (300, 600, 900))
    text = "".join(f"{live_log([(step, step / 100)])}{named}\r" for step in (10, 20, 30))
    assert steps(parse(text)) == [10, 20, 30]


def test_many_other_bars_before_the_training_do_not_hide_its_bar() -> None:
    others = "".join(f"{draw_bar(total, total)}\n" for total in range(1000, 1040))
    assert steps(parse(others + LIVE)) == [10, 20, 30]


def test_a_finished_bar_of_more_steps_before_the_training_is_not_its_bar() -> None:
    assert steps(parse(f"{draw_bar(52_000, 52_000)}\n{LIVE}")) == [10, 20, 30]


def test_a_bar_on_the_same_frame_as_its_row_tells_the_step() -> None:
    text = "".join(f"{draw_bar(step, 100)}{' ' * 40}{row(step / 100)}\n" for step in (10, 20, 30))
    assert steps(parse(text)) == [10, 20, 30]


def test_an_evaluation_before_training_has_step_zero() -> None:
    evaluation = "".join("\r" + draw_bar(batch, 25) for batch in range(1, 26))
    text = f"{draw_bar(0, 100)}{evaluation}\r{row(0.0, 'eval_loss')}\n{draw_bar(0, 100)}\r{LIVE}"
    assert steps(parse(text), "eval_loss") == [0]


def test_rows_after_all_bars_take_their_steps_from_the_epochs() -> None:
    assert steps(parse(BANNER + BUFFERED_BARS + BUFFERED_ROWS)) == list(range(10, 101, 10))


def test_an_epoch_of_two_places_is_set_to_the_logging_interval() -> None:
    bars = "\r".join(draw_bar(step, 700) for step in range(0, 701, 10)) + "\n"
    rows = "".join(row(round(step / 700, 2)) + "\n" for step in range(50, 701, 50))
    assert steps(parse(BANNER.replace("100", "700") + bars + rows)) == list(range(50, 701, 50))


def test_a_row_late_in_a_long_log_takes_the_bar_that_is_drawn_after_it() -> None:
    training = "\r".join(draw_bar(step, 5000) for step in range(1, 3001))
    assert steps(parse(f"{training}\r{live_log([(3010, 0.602), (3020, 0.604)], 5000)}\n")) == [3010, 3020]


def test_the_epoch_of_the_summary_serves_in_place_of_the_banner() -> None:
    summary = "{'train_runtime': 200.0, 'train_loss': 1.5, 'epoch': 1.0}\n"
    assert steps(parse(BUFFERED_BARS + BUFFERED_ROWS + summary)) == list(range(10, 101, 10))


def test_evaluations_after_all_bars_take_their_steps_from_the_epochs() -> None:
    text = BANNER + BUFFERED_BARS + BUFFERED_ROWS.replace(row(0.5) + "\n", f"{row(0.5)}\n{row(0.5, 'eval_loss')}\n")
    assert steps(parse(text), "eval_loss") == [50]


def test_rows_after_all_bars_without_a_number_of_epochs_have_no_step() -> None:
    assert set(steps(parse(BUFFERED_BARS + BUFFERED_ROWS))) == {None}


def test_rows_before_all_bars_do_not_take_the_first_bar() -> None:
    assert set(steps(parse(BUFFERED_ROWS + BUFFERED_BARS))) == {None}


def test_an_epoch_of_two_places_does_not_tell_one_step_of_many() -> None:
    bars = "\r".join(draw_bar(step, 20_000) for step in range(0, 20_001, 500)) + "\n"
    rows = "".join(row(round(step / 20_000, 2)) + "\n" for step in range(20, 2001, 20))
    banner = BANNER.replace("100", "20,000")
    assert set(steps(parse(banner + bars + rows))) == {None}


def test_a_run_of_fewer_steps_than_its_epochs_takes_them_from_the_bar() -> None:
    banner = "  Num Epochs = 1\n  Total optimization steps = 60\n"
    text = banner + live_log([(step, step / 1000) for step in range(10, 61, 10)], total=60)
    assert steps(parse(text)) == [10, 20, 30, 40, 50, 60]


def test_a_run_of_fewer_steps_than_its_epochs_gives_no_wrong_step_from_its_epochs() -> None:
    bars = "\r".join(draw_bar(step, 60) for step in range(61)) + "\n"
    rows = "".join(row(step / 80) + "\n" for step in range(10, 61, 10))
    banner = "  Num Epochs = 1\n  Total optimization steps = 60\n"
    assert steps(parse(banner + bars + rows)) in ([None] * 6, [10, 20, 30, 40, 50, 60])


def test_rows_without_bars_have_no_step() -> None:
    assert steps(parse("".join(row(epoch / 10) + "\n" for epoch in range(5)))) == [None] * 5


def test_rows_without_bars_keep_their_epochs() -> None:
    assert [point.epoch for point in parse(BUFFERED_ROWS).points("loss")][:3] == [0.1, 0.2, 0.3]


def test_a_resumed_bar_goes_on_from_its_checkpoint() -> None:
    text = (
        live_log([(10, 0.1), (20, 0.2), (30, 0.3), (40, 0.4)])
        + "restarted\n"
        + live_log([(30, 0.3), (40, 0.4), (50, 0.5)])
    )
    assert steps(parse(text)) == [10, 20, 30, 40, 30, 40, 50]


def test_an_evaluation_late_in_a_long_log_takes_the_step_at_which_it_began() -> None:
    training = "\r".join(draw_bar(step, 5000) for step in range(1, 3001))
    further = "\r".join(draw_bar(step, 5000) for step in range(3001, 3038))
    evaluation = "\r".join(draw_bar(batch, 25) for batch in range(26))
    text = f"{training}\r{row(0.6)}\n{draw_bar(3000, 5000)}\r{further}\r{evaluation}\r{row(0.607, 'eval_loss')}\n"
    assert steps(parse(f"{text}{draw_bar(3037, 5000)}\n"), "eval_loss") == [3037]


@pytest.mark.parametrize("epoch", ["nan", "inf", "1e308"])
def test_an_epoch_that_is_no_number_gives_no_step(epoch: str) -> None:
    text = f"{BANNER}{BUFFERED_BARS}{BUFFERED_ROWS}{{'loss': 1.5, 'epoch': {epoch}}}\n"
    assert steps(parse(text))[-1] is None


def test_the_bar_tells_the_pace_of_the_whole_run() -> None:
    last = parse(LIVE).stages[-1]
    assert (last.step, last.total, last.seconds_per_step) == (30, 100, 2.0)


@pytest.mark.parametrize(
    "frame",
    [
        " 1%|x| 1/2 [ ,00:01<00:00, 1it/s]",
        " 1%|x| 1/2 [" + "1:" * 200 + "1<00:00, 1it/s]",
        f" 1%|x| {'1' * 5000}/2 [00:01<00:00, 1it/s]",
        f" 1%|x| 1/{'9' * 400} [00:01<00:00, 1it/s]",
        " 1%|x| 1/0 [inf<nan, 1it/s]",
    ],
    ids=["comma", "colons", "step", "total", "zero"],
)
def test_a_frame_that_no_bar_draws_does_not_stop_the_reading(frame: str) -> None:
    text = f"{BANNER}{frame}\n{row(0.1)}\n{frame}\n{row(0.2)}\n"
    assert len(parse(text).points("loss")) == 2
