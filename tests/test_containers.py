"""What container runtimes and log collectors wrap round each line is taken off; lines keep their numbers."""

import json

import pytest
from run_factory import descend, make_rows, parse, show_record

ROWS = [show_record(row) for row in make_rows(descend(12))]
CLOCK = "2026-05-01T10:00:00.123456789Z"


def wrap_docker(text: str) -> str:
    return json.dumps({"log": text + "\n", "stream": "stderr", "time": CLOCK})


def wrap_cri(text: str) -> str:
    return f"{CLOCK} stdout F {text}"


def wrap_cloud(text: str) -> str:
    return json.dumps({"insertId": "a1", "textPayload": text, "severity": "INFO", "timestamp": CLOCK})


def wrap_payload(text: str) -> str:
    return json.dumps({"jsonPayload": {"message": text}, "timestamp": CLOCK})


@pytest.mark.parametrize("wrap", [wrap_docker, wrap_cri, wrap_cloud, wrap_payload])
def test_wrapped_rows_are_read_with_the_numbers_of_their_lines(wrap: "type[str]") -> None:
    points = parse("\n".join(map(wrap, ["start", *ROWS]))).points("loss")
    assert [point.value for point in points] == [point.value for point in parse("\n".join(ROWS)).points("loss")]
    assert [point.line.number for point in points] == list(range(2, 14))


def test_a_line_that_the_runtime_split_is_joined() -> None:
    first, second = ROWS[0][:30], ROWS[0][30:]
    text = f"{CLOCK} stdout F start\n{CLOCK} stdout P {first}\n{CLOCK} stdout F {second}\n"
    assert [point.line.number for point in parse(text).points("loss")] == [3]


def test_bars_and_rows_in_one_wrapped_message_are_told_apart() -> None:
    bar = " 10%|#         | 10/120 [00:20<03:40,  2.00s/it]"
    text = "\n".join([wrap_docker("start"), *(wrap_docker(f"\r{bar}\r{row}") for row in ROWS[:2])])
    assert len(parse(text).points("loss")) == 2


def test_rows_of_metrics_in_json_are_no_container() -> None:
    text = "\n".join(json.dumps({"step": step, "loss": 2 - step / 10, "message": "ok"}) for step in range(12))
    assert [point.step for point in parse(text).points("loss")] == list(range(12))
