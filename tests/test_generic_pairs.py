"""Lines of unknown make: what is a row, and what only looks like one."""

import math

import pytest
from line_reading import ask_in_order, read_all, same


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("step 10, loss 2.25", {"step": 10, "loss": 2.25}),
        ("Step 100: Loss = nan", {"step": 100, "loss": math.nan}),
        (
            "[Step 7/80] Loss: 5.25 | Tokens/s: 1,666.50",
            {"step": 7, "total_steps": 80, "loss": 5.25, "tokens_per_second": 1666.5},
        ),
        ("Epoch 518, Loss: 0.25, N_BATCH:12", {"epoch": 518, "loss": 0.25, "n_batch": 12}),
        ("[2025-01-02 10:00:00] step=120 loss=1.25 ppl=3.5", {"step": 120, "loss": 1.25, "perplexity": 3.5}),
        (
            "| epoch   2 |   200/ 2000 batches | lr 20.00 | loss  7.50 | ppl  1808.04",
            {"epoch": 2, "step": 2200, "learning_rate": 20, "loss": 7.5, "perplexity": 1808.04},
        ),
        (
            "| end of epoch   1 | time: 12.50s | valid loss  5.25 | valid ppl   190.57",
            {"epoch": 1, "time": 12.5, "eval_loss": 5.25, "eval_perplexity": 190.57},
        ),
        (
            "epoch: 1, lr: 1.00e-04 - train loss: 2.25 - valid loss: 2.50, valid WER: 10.5",
            {"epoch": 1, "learning_rate": 1e-4, "loss": 2.25, "eval_loss": 2.5, "eval_wer": 10.5},
        ),
        (
            "Step 50/1000; acc: 12.5; ppl: 545.0; xent: 6.25; lr: 0.0001",
            {"step": 50, "total_steps": 1000, "acc": 12.5, "perplexity": 545, "loss": 6.25, "learning_rate": 1e-4},
        ),
        ("Training loss (for one batch) at step 200: 0.75", {"step": 200, "loss": 0.75}),
        ("VAL step=10 loss=0.625", {"step": 10, "eval_loss": 0.625}),
        ("Epoch 4 [val] loss: 0.5", {"epoch": 4, "eval_loss": 0.5}),
        ("global_step=100, loss=0.5, best_loss=0.25", {"step": 100, "loss": 0.5}),
        ("Step 10 | nll_loss 0.75 | loss 0.5", {"step": 10, "loss": 0.5}),
        ("LOSS train 0.75 valid 0.875", {"loss": 0.75, "eval_loss": 0.875}),
        ("Epoch: 3/10.. Training Loss: 0.5.. Test Loss: 0.625.. ", {"epoch": 3, "loss": 0.5, "eval_loss": 0.625}),
        ("Epoch: 0003 cost= 0.512", {"epoch": 3, "loss": 0.512}),
        ("Epoch 1, batch 50, loss[loss=0.25, simple=0.5], batch size: 20", {"epoch": 1, "step": 50, "loss": 0.25}),
        ("  Average training loss: 0.375", {"loss": 0.375}),
        ("Validation Loss: 0.5", {"eval_loss": 0.5}),
    ],
)
def test_a_line_of_unknown_make_is_read(text: str, values: dict[str, float]) -> None:
    found = ask_in_order([text])
    assert found is not None
    assert found[1].keys() >= values.keys() - {"nll_loss"}
    assert same(
        {name: found[1][name] for name in values if name in found[1]},
        {k: float(v) for k, v in values.items() if k in found[1]},
    )


@pytest.mark.parametrize(
    "text",
    [
        "loss_fn: CrossEntropyLoss",
        "avg_train_loss:.4f",
        "print(f\"step {step}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}\")",
        'print("loss: %.3f" % 0.5)',
        "Loss is computed on 5 micro-batches at step 10",
        "Namespace(lr=0.001, epochs=10, loss=0.5, loss_type='nll')",
        "label_smoothing=0.0, loss_type='nll', epoch=3",
        "  loss_scale: 0",
        "  aux_loss_coef: 0.01",
        '    "loss": 0.5,',
        "  loss_scale ................... 1024",
        "# a config for training down to a very nice loss of ~2.85 on 1 node",
        "The loss was 0.5 at step 100, which is better than before.",
        "Saving best model at epoch 3 with val loss 0.51",
        "Saved checkpoint at step 300 (loss: 0.512)",
        "New best val_loss: 0.512 at epoch 3",
        "Best eval_loss: 3.375",
        "Epoch 3: val_loss improved from 0.62 to 0.51, saving model to weights.h5",
        "Resuming from step 500, loss 2.31",
        "    total_loss = loss + 0.1 * aux_loss",
        "    loss = loss / 4",
        "In [3]: loss = 0.5",
        "python train.py --loss ce --epochs 3 --lr 1e-3",
        "W0102 03:04:05.678 loss.py:33] step 10 something",
        "max_steps: 100, loss_weights: [0.5, 0.5]",
        "1. Train for 3 epochs with loss 0.5",
        "loss: 1",
        "| 100 | 0.5 | 0.6 |",
        "tests/test_loss.py::test_a PASSED [ 3/10]",
        "Map:  50%|#####     | 5/10 [00:01<00:01,  5.0 examples/s]",
        "Loading checkpoint shards: 100%|##########| 2/2 [00:03<00:00,  1.64s/it]",
        "Epoch 1/3 started",
        "[INFO] loss_spike_threshold = 3.0 step = 100",
    ],
)
def test_prose_code_and_settings_are_no_rows(text: str) -> None:
    assert ask_in_order([text]) is None


def test_the_mean_of_an_epoch_is_no_training_row_where_steps_are_printed() -> None:
    rows = read_all("Epoch 1 Step 10 loss 2.5\nEpoch 1 Step 20 loss 2.25\nEpoch 1 average loss: 2.375 val loss: 2.5\n")
    assert rows[-1] == {"epoch": 1, "train_epoch_loss": 2.375, "eval_loss": 2.5}


def test_lines_that_differ_in_their_numbers_alone_read_alike() -> None:
    rows = read_all("loss: 1\nloss: 0.5\nloss: 0.0\nstep 1 loss 2.5\nstep 1,000 loss nan\nstep 3 loss -1e-05\n")
    assert [repr(row["loss"]) for row in rows] == ["0.5", "0.0", "2.5", "nan", "-1e-05"]
