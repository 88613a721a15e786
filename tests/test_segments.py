"""Where a log starts again: sweeps, restarted and resumed runs, and orders that only look like it."""

from run_factory import Row, descend, make_rows, parse, render_state

from tools.run import Segment


def rows_from(first: int, last: int, start: float = 2.0) -> list[Row]:
    return [row for row in make_rows(descend(200, start=start)) if first <= row["step"] <= last]


def spans(rows: list[Row]) -> list[tuple[int | None, int | None, bool]]:
    return [(one.first_step, one.last_step, one.is_resumed) for one in parse(render_state(rows)).segments]


def test_a_run_without_a_restart_is_one_segment() -> None:
    assert spans(rows_from(10, 500)) == [(10, 500, False)]


def test_a_resumed_run_goes_on_from_its_checkpoint() -> None:
    assert spans(rows_from(10, 500) + rows_from(410, 800)) == [(10, 500, False), (410, 800, True)]


def test_a_new_run_begins_at_the_first_steps_and_alone_is_judged() -> None:
    run = parse(render_state(rows_from(10, 500) + rows_from(10, 300)))
    assert [one.is_resumed for one in run.segments] == [False, False]
    assert (run.points("loss")[0].step, len(run.points("loss")), run.totals["loss"].num_points) == (10, 30, 80)
    assert run.notes[0].startswith("2 runs stand in this log; the last one, from line")


def test_one_row_out_of_order_is_no_restart() -> None:
    rows = rows_from(10, 500)
    rows[20], rows[21] = rows[21], rows[20]
    assert len(spans(rows)) == 1


def test_a_step_is_not_compared_with_an_epoch() -> None:
    lines = [f"{{'loss': {2 - step / 100}, 'epoch': {step / 10}}}" for step in range(1, 40)]
    text = "\n".join(f"{line}\niter {900 + number}: loss 1.5, time 10ms" for number, line in enumerate(lines))
    assert len(parse(text).segments) == 1


def test_a_log_without_places_has_no_segments() -> None:
    assert parse("{'loss': 1.0}\n{'loss': 0.9}\n").segments == ()
    assert isinstance(parse("{'loss': 1.0, 'epoch': 1.0}\n").segments[0], Segment)
