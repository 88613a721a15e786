"""What sentences are checked against, by name: real findings over logs of the tests, and over logs made here."""

import io
from functools import cache
from pathlib import Path

from run_factory import add_evals, descend, make_rows, render

from assistant.evidence import collect_evidence
from assistant.moves import plan_moves
from assistant.verifier import Grounds
from knowledge.card import card_by_id, load_knobs
from tools.diagnosis import diagnose
from tools.log_parser import parse_log, parse_path
from tools.run import Run

LOGS = Path(__file__).parent / "logs"
FILES = {
    "overfit": "recorded/no_regularisation.log",
    "rate_low": "recorded/rate_over_1000.log",
    "rate_high": "recorded/rate_times_10.log",
    "nan": "recorded/half_precision_unfiltered.log",
    "spikes": "digits/bar_spikes.log",
    "alpha": "recorded/alpha_tiny.log",
    "leak": "recorded/answers_known.log",
    "dpo": "recorded/dpo_rate_times_20.log",
    "grpo": "recorded/grpo_rate_times_100.log",
    "divergence": "recorded/half_precision.log",
    "schedule": "recorded/schedule_ends_early.log",
    "summed": "recorded/loss_summed.log",
    "healthy": "recorded/healthy_lora.log",
    "resumed": "recorded/resumed_without_weights.log",
    "keras": "digits/keras_overfit.log",
    "masked": "recorded/labels_masked.log",
    "shuffled": "recorded/labels_shuffled.log",
    "warmup": "recorded/warmup_too_long.log",
    "flat": "recorded/optimiser_elsewhere.log",
    "equal": "recorded/grpo_equal_rewards.log",
    "blown": "digits/keras_blown_up.log",
    "tiny": "digits/lines_rate_tiny.log",
    "jsonl": "digits/jsonl_overfit.jsonl",
    "overflow": "digits/keras_overflow.log",
    "batches": "recorded/bad_batches.log",
    "many": "recorded/many_epochs.log",
    "cut": "recorded/answers_cut.log",
    "huge": "recorded/alpha_huge.log",
    "unseen": "recorded/never_evaluated.log",
    "fair_dpo": "recorded/healthy_dpo.log",
}
OOM = """Traceback (most recent call last):
  File "/opt/train.py", line 40, in <module>
    trainer.train()
  File "/opt/venv/lib/python3.11/site-packages/transformers/models/llama/modeling_llama.py", line 300, in forward
    hidden_states = self.mlp(hidden_states)
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.96 GiB. GPU 0 has a total capacity of 23.68 GiB of \
which 1.12 GiB is free. Including non-PyTorch memory, this process has 22.55 GiB memory in use. Of the allocated \
memory 21.40 GiB is allocated by PyTorch, and 812.00 MiB is reserved by PyTorch but unallocated.
"""
TEXTS = {
    "oom": "{'loss': 1.9, 'grad_norm': 0.8, 'learning_rate': 0.0002, 'epoch': 0.1}\n" + OOM,
    "disk": "OSError: [Errno 28] No space left on device\n",
    "killed": "{'loss': 1.9, 'grad_norm': 0.8, 'learning_rate': 0.0002, 'epoch': 0.1}\nKilled\n",
}
MEASURED = {
    "memory": (
        ("llama-3-8b has 8,030,261,248 parameters; LoRA trains 20,971,520 of them.", 20971520, "count_parameters"),
        (
            "LoRA of llama-3-8b with rank 8, micro-batch 2 and 2,048 tokens takes about 21.35 GiB of GPU memory "
            "(19.80 GiB to 23.10 GiB), most of it at the moment 'backward'.",
            22924387123,
            "estimate_vram",
        ),
        ("On RTX 4090, with 23.20 GiB usable, it is tight and may run out of memory.", 24910896333, "estimate_vram"),
    ),
    "qlora": (
        ("mistral-7b has 7,241,732,096 parameters; LoRA of rank 32 trains 83,886,080 of them.", 1, "count_parameters"),
        (
            "QLoRA of mistral-7b with rank 32, micro-batch 1 and 1,024 tokens takes about 7.84 GiB of GPU memory "
            "(7.10 GiB to 8.90 GiB), most of it at the moment 'backward'.",
            8418135900,
            "estimate_vram",
        ),
        ("On RTX 3060, with 11.40 GiB usable, it fits.", 12240656793, "estimate_vram"),
    ),
    "rows": (
        ("The file qa.jsonl holds 1,840 rows of prompt and completion.", 1840, "inspect_dataset"),
        ("412 rows (22%) are exact duplicates of an earlier row.", 412, "inspect_dataset"),
        ("37 completions are empty.", 37, "inspect_dataset"),
        ("The longest row has 3,912 tokens, the median 214; 6% are over 1,024 tokens.", 3912, "inspect_dataset"),
    ),
}
ASKED = {
    "memory": ("why does it run out of memory on a 4090?", "out_of_memory_gpu"),
    "qlora": ("does qlora of mistral 7b fit on my 3060?", "hardware_limits"),
    "rows": ("is my data good?", "duplicate_data"),
    "slow": ("why is my training slow?", "slow_training"),
    "gibberish": ("the tuned model answers gibberish, why?", "gibberish_output"),
}


@cache
def make_grounds(name: str) -> Grounds:
    """The grounds of a turn over one log, or of a question without one."""
    question, asked = ASKED.get(name, ("what is wrong with my run?", ""))
    runs = [] if name in ASKED else [read(name)]
    judged = [(run, diagnose(run)) for run in runs]
    ids = [finding.id for _, diagnosis in judged for finding in diagnosis.findings]
    cards = {card: card_by_id(card) for card in [*ids, *filter(None, [asked])]}
    findings = [finding for _, diagnosis in judged for finding in diagnosis.findings]
    moves = plan_moves(findings, [asked] if asked else [], cards, load_knobs(), runs)
    signs = [(asked, cards[asked].signs[0])] if asked else []
    evidence = collect_evidence(judged, moves, signs, MEASURED.get(name, ()))
    lines = {line.number: line.text for finding in findings for line in finding.evidence}
    tools: tuple[str, ...] = ("parse_log", "diagnose", "search_cards") if runs else ("search_cards",)
    tools += tuple(dict.fromkeys(tool for *_, tool in MEASURED.get(name, ())))
    return Grounds(evidence, moves, load_knobs(), cards, lines, tools, question)


def read(name: str) -> Run:
    """The run of a name."""
    if name in FILES:
        return parse_path(LOGS / FILES[name])
    if name == "small":
        rows = add_evals(make_rows(descend(60)), [1.9, 1.5, 1.3, 1.2])
        return parse_log(io.BytesIO(render(rows)), "small.log")
    return parse_log(io.BytesIO(TEXTS[name].encode()), "train.log")
