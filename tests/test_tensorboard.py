"""TensorBoard event files: every way in which a scalar is written, whole and damaged."""

import math
import struct

import pytest
from event_file import BFLOAT16, DOUBLE, HALF, INT32, INT64, event, event_file, frame, part, scalar, tensor, text
from file_reading import read_file

from tools.log_formats.tensorboard import TENSORBOARD
from tools.log_formats.wire import masked_crc, read_fields
from tools.run import Line

STEPS = (10, 20, 30)
HF_RUN = event_file(
    [
        event(0, text("args/text_summary", {"learning_rate": 0.0002, "max_steps": 30, "fp16": True, "debug": []})),
        *(
            event(step, scalar(tag, value))
            for step in STEPS
            for tag, value in (
                ("train/loss", 2.5 - step / 40),
                ("train/learning_rate", 0.5),
                ("train/epoch", step / 40),
            )
        ),
        *(
            event(30, scalar(tag, value))
            for tag, value in (("eval/loss", 1.875), ("eval/runtime", 9.5), ("train/epoch", 0.75))
        ),
        *(event(30, scalar(tag, value)) for tag, value in (("train/train_runtime", 600.0), ("train/train_loss", 2.0))),
        event(30, scalar("train/epoch", 0.75)),
    ]
)


def test_a_run_of_hugging_face_is_read() -> None:
    reading = read_file(TENSORBOARD, HF_RUN)
    assert reading.pairs() == [(10, 2.25), (20, 2.0), (30, 1.75)]
    assert [point.epoch for point in reading.points()] == [0.25, 0.5, 0.75]
    assert reading.pairs("eval_loss") == [(30, 1.875)]
    assert reading.settings == {"learning_rate": 0.0002, "max_steps": 30.0, "fp16": True}
    assert reading.run.summary["train_loss"].value == 2.0
    assert reading.run.summary["train_runtime"].value == 600.0


def test_a_value_knows_its_record() -> None:
    reading = read_file(TENSORBOARD, HF_RUN)
    assert reading.points()[1].line == Line(6, "train/loss=2.0 step=20")
    assert any("records, not lines" in note for note in reading.run.notes)


@pytest.mark.parametrize(
    "value",
    [
        scalar("loss", 1.5),
        tensor("loss", 1.5),
        tensor("loss", 1.5, in_content=True),
        tensor("loss", 1.5, DOUBLE),
        tensor("loss", 1.5, DOUBLE, in_content=True),
        tensor("loss", 1.5, HALF, in_content=True),
        tensor("loss", 1.5, BFLOAT16, in_content=True),
    ],
)
def test_a_scalar_is_read_however_it_is_held(value: bytes) -> None:
    assert read_file(TENSORBOARD, event_file([event(7, value)])).pairs() == [(7, 1.5)]


@pytest.mark.parametrize("kind", [INT32, INT64])
@pytest.mark.parametrize("in_content", [False, True])
@pytest.mark.parametrize("number", [0, 5, -3, 300])
def test_whole_numbers_are_read(kind: int, in_content: bool, number: int) -> None:
    data = event_file([event(7, scalar("loss", 1.5), tensor("episodes", number, kind, in_content))])
    assert read_file(TENSORBOARD, data).pairs("episodes") == [(7, float(number))]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_broken_losses_are_values(value: float) -> None:
    (point,) = read_file(TENSORBOARD, event_file([event(1, scalar("loss", value))])).points()
    assert str(point.value) == str(value)


def test_other_kinds_of_values_are_passed_over() -> None:
    picture = part(1, part(1, b"picture") + part(4, b"\x08\x01"))
    vector = part(1, part(1, b"weights") + part(8, b"\x08\x01" + part(5, struct.pack("<3f", 1, 2, 3))))
    reading = read_file(TENSORBOARD, event_file([event(1, picture, vector, scalar("loss", 1.5))]))
    assert reading.pairs() == [(1, 1.5)]
    assert set(reading.run.series) == {"loss"}


TAGS = {
    "train_loss_step": "loss",
    "Loss/train": "loss",
    "loss_metrics/global_avg_loss": "loss",
    "val_loss": "eval_loss",
    "Loss/val": "eval_loss",
    "mlm_loss": "loss",
    "lr-AdamW": "learning_rate",
    "train/reward": "reward",
    "eval/accuracy": "eval_accuracy",
}


@pytest.mark.parametrize(("tag", "name"), TAGS.items())
def test_a_tag_gets_the_name_that_the_rules_know(tag: str, name: str) -> None:
    run = read_file(TENSORBOARD, event_file([event(step, scalar(tag, 1.5)) for step in STEPS])).run
    assert [point.step for point in run.points(name)] == [10, 20, 30]


def test_only_one_of_several_losses_is_called_the_loss() -> None:
    values = [scalar("loss_metrics/global_max_loss", 3.5), scalar("loss_metrics/global_avg_loss", 2.5)]
    run = read_file(TENSORBOARD, event_file([event(1, *values), event(2, *values)])).run
    assert [point.value for point in run.points("loss")] == [2.5, 2.5]
    assert [point.value for point in run.points("loss_metrics/global_max_loss")] == [3.5, 3.5]


def test_values_by_number_of_samples_are_passed_over() -> None:
    records = [
        event(place, scalar(tag, 2.5))
        for step in STEPS
        for tag, place in (("lm loss", step), ("lm loss vs samples", 256 * step), ("hp_metric", 0))
    ]
    reading = read_file(TENSORBOARD, event_file(records))
    assert [step for step, _ in reading.pairs()] == [10, 20, 30]
    assert set(reading.run.series) == {"loss"}


def test_keras_counts_epochs_and_keeps_validation_in_a_folder() -> None:
    data = event_file([event(epoch, tensor("epoch_loss", 2.5 - epoch)) for epoch in range(2)])
    train = read_file(TENSORBOARD, data, "logs/train/events.out.tfevents.1").points()
    valid = read_file(TENSORBOARD, data, "logs/validation/events.out.tfevents.1").points("eval_loss")
    assert [(point.step, point.epoch, point.value) for point in train] == [(None, 0.0, 2.5), (None, 1.0, 1.5)]
    assert [point.value for point in valid] == [2.5, 1.5]


def test_more_scalars_than_wait_for_their_names_are_read() -> None:
    data = event_file([event(step, scalar("train/loss", 2.0), scalar("lr", 0.5)) for step in range(1, 3001)])
    run = read_file(TENSORBOARD, data).run
    assert (run.series["loss"].num_points, run.series["learning_rate"].num_points) == (3000, 3000)


@pytest.mark.parametrize("cut", [1, 4, 5, 15, 30])
def test_a_file_that_breaks_off_is_read_up_to_there(cut: int) -> None:
    data = event_file([event(step, scalar("loss", 1.5)) for step in STEPS])
    reading = read_file(TENSORBOARD, data[:-cut])
    assert [step for step, _ in reading.pairs()] == [10, 20]
    assert any("breaks off inside record 4" in note for note in reading.run.notes)


def test_a_record_with_a_wrong_checksum_is_left_out() -> None:
    broken = bytearray(event(20, scalar("loss", 1.5)))
    broken[-6] ^= 1
    reading = read_file(
        TENSORBOARD, event_file([event(10, scalar("loss", 2.5)), bytes(broken), event(30, scalar("loss", 2))])
    )
    assert [step for step, _ in reading.pairs()] == [10, 30]
    assert any("1 damaged record" in note for note in reading.run.notes)


def test_a_damaged_length_ends_the_reading() -> None:
    broken = bytearray(event(20, scalar("loss", 1.5)))
    broken[0] ^= 1
    reading = read_file(
        TENSORBOARD, event_file([event(10, scalar("loss", 2.5)), bytes(broken), event(30, scalar("loss", 2))])
    )
    assert [step for step, _ in reading.pairs()] == [10]
    assert any("is damaged at record 3" in note for note in reading.run.notes)


def test_a_large_record_is_passed_over() -> None:
    large = frame(part(4, bytes(2 << 20)))
    reading = read_file(TENSORBOARD, event_file([event(1, scalar("loss", 2.5)), large, event(2, scalar("loss", 2.0))]))
    assert reading.pairs() == [(1, 2.5), (2, 2.0)]
    assert any("over 1 MiB" in note for note in reading.run.notes)


def test_a_file_of_nothing_but_its_version_is_no_run() -> None:
    data = event_file([])
    assert TENSORBOARD.detect(data)
    assert not read_file(TENSORBOARD, data).run.is_judgeable


@pytest.mark.parametrize(
    "data", [b"", b"\x18", bytes(64), frame(b"\x08\x01"), b"\x18" + bytes(7) + b"abcd" + bytes(40)]
)
def test_other_binary_data_is_no_event_file(data: bytes) -> None:
    assert not TENSORBOARD.detect(data)


def test_the_checksum_is_that_of_the_standard() -> None:
    """RFC 3720 B.4: 32 bytes of 0xff have the CRC-32C 62a8ab43, before it is masked."""
    crc = 0x62A8AB43
    assert masked_crc(b"\xff" * 32) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("data", [b"\x08", b"\xff" * 12, b"\x0a\x05ab", b"\x0b\x00", b"\x0d\x00", b"\x09\x00"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"a (number|field)"):
        list(read_fields(data))
