"""Whatever values a log holds, every rule comes to a verdict."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from run_factory import parse

from tools.diagnosis import diagnose
from tools.facts import collect_facts

ODD = [0.0, -0.0, 1e-320, 1e-9, 0.69314718, 1.0, 2.5, 10.37, 284.0, 1e6, 1e17, 1.7e308, -1.0, -1.7e308]
VALUE = st.one_of(st.sampled_from([*ODD, math.nan, math.inf, -math.inf]), st.floats(), st.floats(0, 12))
NAMES = [
    *[
        "loss",
        "eval_loss",
        "grad_norm",
        "learning_rate",
        "epoch",
        "step",
        "eval_accuracy",
        "reward",
        "reward_std",
        "kl",
    ],
    *["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen", "logps/rejected"],
    *[
        "frac_reward_zero_std",
        "completions/clipped_ratio",
        "entropy",
        "step_seconds",
        "tokens_per_second",
        "loss_scale",
    ],
    *["data_seconds", "skipped_steps", "mfu", "perplexity", "eval_perplexity", "completions/mean_length", "num_tokens"],
]
SETTINGS = ["learning_rate", "lora_r", "lora_alpha", "num_train_epochs", "gradient_accumulation_steps", "num_examples"]
SETTINGS += [
    "per_device_train_batch_size",
    "trainable_parameters",
    "all_parameters",
    "vocab_size",
    "max_steps",
    "warmup_steps",
]


@st.composite
def runs(draw: st.DrawFn) -> bytes:
    """Rows with some metrics at odd values, many of them alike, under odd settings."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    length = draw(st.integers(1, 60))
    columns = {}
    for name in {*names, "loss"}:
        few = draw(st.lists(VALUE, min_size=1, max_size=6))
        columns[name] = [few[index * len(few) // length] for index in range(length)]
    rows = [{name: column[index] for name, column in columns.items()} | {"step": index} for index in range(length)]
    top = draw(st.dictionaries(st.sampled_from(SETTINGS), VALUE, max_size=4))
    return json.dumps({**top, "log_history": rows}, indent=1).encode()


@given(runs())
@settings(derandomize=True, database=None, deadline=None, max_examples=400)
def test_no_values_stop_a_rule(data: bytes) -> None:
    run = parse(data)
    diagnosis = diagnose(run)
    assert diagnosis.is_judged
    assert collect_facts(run)["num_points"]
    assert all(finding.summary for finding in diagnosis.findings)
