"""The rules that judge what a log says in words: errors, signals and warnings."""

from functools import partial

from tools.diagnosis.assertions import judge_device_side_assert, judge_tokenizer_vocab_mismatch
from tools.diagnosis.crashes import judge_crash
from tools.diagnosis.finding import Rule
from tools.diagnosis.hangs import judge_distributed_hang
from tools.diagnosis.interruption import judge_interrupted, judge_out_of_memory_cpu
from tools.diagnosis.memory import judge_memory_fragmentation, judge_out_of_memory_eval, judge_out_of_memory_gpu
from tools.diagnosis.signs import (
    judge_chat_template,
    judge_dtype_precision,
    judge_label_masking,
    judge_never_stops,
    judge_no_grad_path,
    judge_packing_contamination,
    judge_truncated_sequences,
)

CONSOLE = "console output"
CRASH_ONLY = (
    "disk_full",
    "quantization_setup",
    "gated_access",
    "checkpoint_resume",
    "dataset_format",
    "lora_misconfiguration",
    "adapter_not_applied",
    "export_conversion",
    "hardware_limits",
    "no_evaluation",
    "loss_nan",
    "rl_collapse",
    "dependency_version",
)

PROBLEM_RULES: tuple[Rule, ...] = (
    Rule("out_of_memory_gpu", CONSOLE, judge_out_of_memory_gpu),
    Rule("out_of_memory_eval", CONSOLE, judge_out_of_memory_eval),
    Rule("out_of_memory_cpu", CONSOLE, judge_out_of_memory_cpu),
    Rule("memory_fragmentation", CONSOLE, judge_memory_fragmentation),
    Rule("device_side_assert", CONSOLE, judge_device_side_assert),
    Rule("tokenizer_vocab_mismatch", CONSOLE, judge_tokenizer_vocab_mismatch),
    Rule("no_grad_path", CONSOLE, judge_no_grad_path),
    Rule("dtype_precision", CONSOLE, judge_dtype_precision),
    *(Rule(rule, CONSOLE, partial(judge_crash, rule=rule)) for rule in CRASH_ONLY),
    Rule("distributed_hang", CONSOLE, judge_distributed_hang),
    Rule("chat_template", CONSOLE, judge_chat_template),
    Rule("label_masking", CONSOLE, judge_label_masking),
    Rule("truncated_sequences", CONSOLE, judge_truncated_sequences),
    Rule("packing_contamination", CONSOLE, judge_packing_contamination),
    Rule("never_stops", CONSOLE, judge_never_stops),
    Rule("interrupted", CONSOLE, judge_interrupted),
)
"""In the order in which findings of equal severity are told; some ids have a rule about curves as well."""
