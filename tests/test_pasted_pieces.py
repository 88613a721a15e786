"""Pieces of logs as people paste them: few rows, no traceback, bars of other things; what they show is said."""

import json

import pytest
from run_factory import add_noise, descend, find, found_ids, judge, make_rows, parse, render, serious_ids

NAN = float("nan")
MISFIT = (
    "\tsize mismatch for {}: copying a param with shape torch.Size([16, {}]) from checkpoint, the shape in current "
    "model is torch.Size([16, {}]).\n"
)
LISTED = "".join(MISFIT.format(f"base.layers.{n}.mlp.lora_A.weight", 18944 + n, 14336) for n in range(30))
LOADING = (
    'Traceback (most recent call last):\n  File "/w/train.py", line 9, in <module>\n    model.load_state_dict(state)\n'
    "RuntimeError: Error(s) in loading state_dict for Peft:\n"
)
LIGHTNING = "UserWarning: Detected KeyboardInterrupt, attempting graceful shutdown..."
ELASTIC = "WARNING:torch.distributed.elastic.agent.server.api:Received 2 death signal, shutting down workers"
FILES_READ = "100%|##########| 3/3 [00:00<00:00, 138.50it/s]\n"
FAIRSEQ = "| WARNING: overflow detected, setting loss scale to: {}\n"
PASS = [0.9741, 1.3742, 1.239, 0.967, 1.0386, 1.1681]


def test_weights_that_do_not_fit_are_told_without_the_traceback_they_belong_to() -> None:
    finding = find(judge(LISTED), "checkpoint_resume")
    assert finding.severity == "error"
    assert [problem.num_messages for problem in parse(LISTED).problems] == [30]


def test_a_list_of_weights_below_its_error_is_a_part_of_it() -> None:
    rows = MISFIT.replace("[16, ", "[").format("model.embed_tokens.weight", 32000, 32001)
    assert found_ids(judge(LOADING + rows + LISTED)) == ["tokenizer_vocab_mismatch"]
    assert len(parse(LOADING + rows + LISTED).problems) == 1


@pytest.mark.parametrize("line", [LIGHTNING, ELASTIC])
def test_a_stop_by_hand_is_told_though_a_bar_of_something_else_is_full(line: str) -> None:
    assert find(judge(f"{FILES_READ}{line}\n"), "interrupted").severity == "note"


def test_a_checkpoint_without_a_gradient_is_no_path() -> None:
    stack = 'Traceback (most recent call last):\n  File "/w/t.py", line 1, in <module>\n    loss.backward()\n'
    error = "RuntimeError: none of output has requires_grad=True, this checkpoint() is not necessary\n"
    assert serious_ids(judge(stack + error)) == ["no_grad_path"]


@pytest.mark.parametrize(("lowest", "is_fault"), [("0.0001220703125", True), ("0.00390625", False)])
def test_a_scale_that_sums_over_tokens_allow_is_no_fault(lowest: str, is_fault: bool) -> None:
    lines = "".join(FAIRSEQ.format(scale) for scale in ("0.25", "0.015625", lowest))
    rows = render(make_rows(descend(12))).decode()
    assert ("dtype_precision" in serious_ids(judge(rows + lines))) is is_fault


def test_a_loss_of_0_beside_a_broken_gradient_needs_no_third_row() -> None:
    rows = make_rows([2.3, 1.6, 1.4, 1.2, 1.3, 0.0], grad_norm=[0.9, 0.8, 0.8, 0.7, NAN, NAN])
    assert find(judge(render(rows)), "loss_zero").confidence == "certain"


@pytest.mark.parametrize(("last_loss", "last_norm"), [(0.0, 0.6), (1.1, NAN)])
def test_a_last_loss_that_is_rounded_or_a_norm_that_is_skipped_is_none(last_loss: float, last_norm: float) -> None:
    rows = make_rows([2.3, 1.6, 1.4, 1.2, 1.3, last_loss], grad_norm=[0.9, 0.8, 0.8, 0.7, 0.7, last_norm])
    assert "loss_zero" not in found_ids(judge(render(rows)))


MEGATRON = (
    " iteration     {:4}/  9000 | consumed samples: 512 | elapsed time per iteration (ms): 900.0 | learning rate: "
    "3.0E-04 | global batch size:     8 | loss scale: 1.0 | grad norm: {} | number of nan iterations:   0 |\n"
)


@pytest.mark.parametrize(("norms", "is_broken"), [(["nan"] * 3, True), (["nan", "nan", "1.250"], False)])
def test_gradients_tell_of_a_loss_that_is_not_printed(norms: list[str], is_broken: bool) -> None:
    text = "".join(MEGATRON.format(step, norm) for step, norm in enumerate(norms, 5400))
    assert ("loss_nan" in serious_ids(judge(text))) is is_broken


@pytest.mark.parametrize(("every", "is_told"), [(500, True), (300, False)])
def test_an_interval_beyond_the_run_is_told(every: int, is_told: bool) -> None:
    state = json.dumps({"epoch": 3.0, "global_step": 300, "log_history": [], "logging_steps": every, "max_steps": 300})
    assert ("unmonitored_training" in found_ids(judge(state))) is is_told


@pytest.mark.parametrize("num_rows", [11, 14, 24])
def test_losses_that_come_back_digit_by_digit_show_that_nothing_is_trained(num_rows: int) -> None:
    finding = find(judge(render(make_rows((PASS * 4)[:num_rows]))), "loss_not_decreasing")
    assert (finding.confidence, finding.values["period"]) == ("certain", 6)


@pytest.mark.parametrize("losses", [PASS, [*PASS, *PASS[:3]], [*PASS, *[x - 0.001 for x in PASS]], [0.7, 0.6] * 6])
def test_losses_that_come_near_each_other_or_are_few_prove_nothing(losses: list[float]) -> None:
    findings = judge(render(make_rows(losses, every=2))).findings
    assert not [one for one in findings if "period" in one.values]


def test_a_run_that_was_started_twice_repeats_itself_rightly() -> None:
    once = render(make_rows(add_noise(descend(12), 0.05, 1))).decode()
    assert serious_ids(judge(once + once)) == []


@pytest.mark.parametrize(("rate", "norm", "is_off"), [(0.0, 0.0, True), (0.0, 0.4, False), (1e-4, 0.0, False)])
def test_a_rate_and_a_gradient_of_0_mean_that_no_step_was_taken(rate: float, norm: float, is_off: bool) -> None:
    rows = make_rows([12.1, 12.05, 12.0, 12.07], every=1, grad_norm=norm, learning_rate=rate)
    assert ("learning_rate_too_low" in serious_ids(judge(render(rows)))) is is_off


def test_a_single_row_without_a_number_blames_no_rate() -> None:
    row = make_rows([NAN], learning_rate=0.02)
    assert serious_ids(judge(render(row))) == ["loss_nan"]


BAR = "Epoch {}, Step {}, Loss: {:.4f}: {:3}%|#####     | {}/{} [00:{:02}<02:39,  1.57s/it]\n"


def test_a_bar_over_the_whole_run_tells_the_step_where_its_text_counts_in_the_epoch() -> None:
    text = "".join(BAR.format(1 + n // 4, n % 4, 2 - n / 10, 8 * n, n + 1, 12, n) for n in range(12))
    run = parse(text)
    assert [(point.step, point.epoch) for point in run.points("loss")] == [(n + 1, 1 + n // 4) for n in range(12)]
    assert len(run.segments) == 1


def test_a_bar_that_begins_anew_counts_on_from_epoch_to_epoch() -> None:
    text = "".join(BAR.format(1 + n // 4, n % 4, 2 - n / 10, 25 * (n % 4), n % 4 + 1, 4, n) for n in range(12))
    assert [point.step for point in parse(text).points("loss")] == list(range(1, 13))


CELL = """---------------------------------------------------------------------------
{}                          Traceback (most recent call last)
Cell In[4], line 1
----> 1 trainer.predict(rows)

File /opt/site-packages/transformers/trainer.py:3140, in Trainer.evaluation_loop(self, dataloader)
-> 3140 preds_host = nested_concat(preds_host, logits, padding_index=-100)
"""


@pytest.mark.parametrize(("name", "ids"), [("OutOfMemoryError", ["out_of_memory_eval"]), ("TypeError", [])])
def test_the_head_of_a_cut_traceback_tells_of_memory(name: str, ids: list[str]) -> None:
    assert serious_ids(judge(CELL.format(name))) == ids


def test_an_error_whose_text_stands_on_the_next_line_is_told_without_its_traceback() -> None:
    text = "RuntimeError: \n        CUDA Setup failed despite GPU being available. Inspect the outputs above!\n"
    assert serious_ids(judge(text)) == ["quantization_setup"]


def test_texts_that_were_not_turned_into_numbers_are_a_fault_of_the_data() -> None:
    assert serious_ids(judge(f"{FILES_READ}{LOADING.splitlines()[0]}\nValueError: too many dimensions 'str'\n")) == [
        "dataset_format"
    ]


MMENGINE = (
    "2025/01/02 03:04:05 - mmengine - INFO - Epoch(train) [2][{}/90] lr: 2.0e-04 eta: 3 days, 4:05:06 time: 1.5 "
    "data_time: 0.02 memory: 2048 loss: {}\n"
)


def test_rows_whose_columns_were_pushed_together_are_read() -> None:
    run = parse("".join(MMENGINE.format(10 * n, 1 - n / 10) for n in range(1, 6)))
    assert [(point.step, point.value) for point in run.points("loss")][:2] == [(100, 0.9), (110, 0.8)]


LITGPT = "Epoch 1 | iter {0} step {0} | loss train: {1:.3f}, val: {2} | iter time: 90.00 ms (step)\n"


def test_a_validation_loss_shown_on_each_row_counts_once_and_only_where_its_own_line_is_missing() -> None:
    rows = [LITGPT.format(n, 3 - n / 10, "n/a" if n < 4 else "2.813") for n in range(1, 8)]
    assert [point.value for point in parse("".join(rows)).points("eval_loss")] == [2.813]
    rows.insert(3, "iter 3: val loss 2.8127, val time: 900.00 ms\n")
    assert [point.value for point in parse("".join(rows)).points("eval_loss")] == [2.8127]
