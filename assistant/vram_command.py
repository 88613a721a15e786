"""``ftchat vram``: how much GPU memory a fine-tuning run needs, for a person or a program."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.exits import Exit
from assistant.json_lines import print_json, read_batch
from assistant.vram_json import estimate_to_json
from assistant.vram_view import render_report
from tools.errors import BadInput, FtchatError, NotAvailable
from tools.gpus import Gpu, find_gpu, find_local_gpu
from tools.units import parse_size
from tools.vram import estimate_vram
from tools.vram_fit import plan_fit
from tools.vram_model import load_model
from tools.vram_oom import calibrate, read_out_of_memory, replace_allocated, scale_estimate
from tools.vram_report import VramReport
from tools.vram_speed import estimate_speed, measure_utilisation
from tools.vram_spelling import read_settings

_EPILOG = """\
examples:
  ftchat vram "llama 3.1 8b" --method qlora --micro-batch 4 --seq-len 2048 --gpu 4090
  ftchat vram mistralai/Mistral-7B-v0.1 --method full --gpu "A100 80GB" --fit
  ftchat vram qwen2.5-7b --method lora --oom train.log --fit     what would have fitted

allocated is what tensors take, reserved what PyTorch holds, smi what nvidia-smi shows.
"""

_FLAGS = (
    ("method", "full, lora, dora, qlora, gptq, 8bit; with dpo, orpo or grpo (lora)"),
    ("framework", "whose training loop: transformers, trl, unsloth, axolotl, litgpt, torchtune, swift, ..."),
    ("micro-batch", "sequences in one forward pass on one GPU (1)"),
    ("seq-len", "tokens in one of them"),
    ("rank", "LoRA rank (16)"),
    ("targets", "adapted modules: names joined with commas, a regular expression, all-linear"),
    ("modules-to-save", "modules trained in full beside the adapter"),
    ("dropout", "LoRA dropout"),
    ("quantization", "nf4, int8, gptq, awq"),
    ("weights", "bf16, fp16, fp32"),
    ("compute", "pure, autocast, master"),
    ("optimizer", "adamw, adamw_fused, adamw_8bit, paged_adamw_8bit, adafactor, lion, sgd, muon, ..."),
    ("attention", "eager, sdpa, flash"),
    ("accumulation", "micro-batches before one optimiser step (1)"),
    ("num-gpus", "GPUs that share the work (1)"),
    ("sharding", "none, ddp, zero1, zero2, zero3, fsdp, fsdp2"),
    ("offload", "optimizer, params or all: what lives in the host's memory"),
    ("evaluation-batch", "sequences in one evaluation pass"),
)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "vram",
        help="estimate the GPU memory that fine-tuning a model needs",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="hub id, folder, file or a name such as 'llama 3.1 8b'"
    )
    for name, text in _FLAGS:
        parser.add_argument(f"--{name}", metavar=name.rpartition("-")[2].upper(), help=text)
    parser.add_argument(
        "--checkpointing", nargs="?", const="yes", metavar="KIND", help="none, selective, full, offloaded"
    )
    parser.add_argument("--no-checkpointing", dest="checkpointing", action="store_const", const="none")
    parser.add_argument("--fused-loss", nargs="?", const="yes", metavar="KIND", help="liger, cce, fused_ce, chunked")
    parser.add_argument("--packing", action="store_const", const="yes", help="all batches have the same length")
    parser.add_argument(
        "--reference-model", action="store_const", const="yes", help="a frozen copy stays on the GPU (DPO)"
    )
    parser.add_argument(
        "--gpu", action="append", metavar="NAME", help="a GPU by name, several times for several; local"
    )
    parser.add_argument(
        "--gpu-memory", metavar="SIZE", help="usable memory of a GPU that has no name here, such as 24GiB"
    )
    parser.add_argument(
        "--fit", action="store_true", help="what to change until it fits, and the largest sizes that do"
    )
    parser.add_argument("--trace", action="store_true", help="run one step of the real code without GPU and weights")
    parser.add_argument(
        "--oom", metavar="F", help="a log with an out-of-memory message of this run: correct the estimate"
    )
    parser.add_argument("--tokens", metavar="N", help="tokens of the dataset, for the time that it takes")
    parser.add_argument("--tokens-per-second", metavar="N", help="measured throughput, for the utilisation")
    parser.add_argument("--batch", metavar="F", help="JSON Lines, the flags of one run an object")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, one object a line where there are several")
    return parser


def run(options: argparse.Namespace) -> int:
    """Estimate one run, or a batch of them."""
    if options.batch:
        return _run_batch(options)
    if not options.model:
        raise BadInput('a model is missing; try: ftchat vram "llama 3.1 8b" --method qlora --gpu 4090')
    report = make_report({name: value for name, value in vars(options).items() if value is not None})
    if options.json:
        print_json(estimate_to_json(report))
    else:
        print(render_report(report))
    return Exit.DONE


def _run_batch(options: argparse.Namespace) -> int:
    """One object an answer, in order; a bad line gives its error and does not stop the rest."""
    shared = {name: value for name, value in vars(options).items() if value not in (None, False)}
    for item in read_batch(options.batch):
        identity = {"id": item["id"]} if isinstance(item, dict) and "id" in item else {}
        try:
            if isinstance(item, FtchatError):
                raise item
            print_json({**identity, **estimate_to_json(make_report({**shared, **item}))})
        except (BadInput, NotAvailable) as error:
            print_json({**identity, "schema": "ftchat.vram/1", "error": str(error)})
    return Exit.DONE


def make_report(flags: Mapping[str, Any]) -> VramReport:
    """Estimate one run from its flags.

    Args:
        flags: by their long names with underscores; values may be text.

    Raises:
        BadInput: a flag's value is not allowed.
        NotAvailable: the model's config would have to be fetched and cannot be.
    """
    name = str(flags.get("model") or "").strip()
    if not name:
        raise BadInput("model is missing; give a hub id, a path or a name such as 'llama 3.1 8b'")
    gpus = _find_gpus(flags)
    model = load_model(name)
    capacity = gpus[0].usable_bytes if gpus else None
    settings = read_settings({**flags, "capacity_bytes": capacity}, model.shape)
    estimate = estimate_vram(model, settings)
    calibration = calibrate(estimate, read_out_of_memory(_read_log(str(flags["oom"])))) if flags.get("oom") else None
    scale = calibration.scale if calibration else 1.0
    report = VramReport(model, scale_estimate(estimate, scale), gpus, calibration)
    if gpus:
        speed = estimate_speed(model, settings, gpus[0])
        report = replace(report, speed=speed, seconds=_time(flags, speed.tokens_per_second))
        measured = _number(flags, "tokens_per_second")
        if measured:
            report = replace(report, utilisation=measure_utilisation(model, settings, gpus[0], measured))
    if flags.get("fit"):
        if not gpus:
            raise BadInput("fit needs a GPU; name one with --gpu, such as 4090, or its memory with --gpu-memory 24GiB")
        report = replace(report, fit=plan_fit(model, settings, gpus[0], scale=scale))
    return _trace(report) if flags.get("trace") else report


def _trace(report: VramReport) -> VramReport:
    from assistant.vram_progress import show_progress
    from tools.vram_trace import trace_step

    with show_progress(sys.stderr) as advance:
        traced = trace_step(report.model, report.estimate.settings, advance)
    estimate = replace_allocated(report.estimate, traced.parts, traced.peak_at.partition("_")[0])
    return replace(report, trace=traced, estimate=estimate, analytic_bytes=report.estimate.allocated_bytes.value)


def _find_gpus(flags: Mapping[str, Any]) -> tuple[Gpu, ...]:
    named = flags.get("gpu") or []
    names = [str(one) for one in named] if isinstance(named, list | tuple) else [str(named)]
    gpus = []
    for name in names:
        gpu = find_local_gpu() if name.lower() == "local" else find_gpu(name)
        if gpu is None:
            raise BadInput("gpu 'local': no NVIDIA GPU found here through nvidia-ml-py; name one, such as 4090")
        gpus.append(gpu)
    memory = flags.get("gpu_memory")
    if memory:
        size = parse_size(str(memory))
        if not size:
            raise BadInput(f"gpu-memory must be a size such as 24GiB, got {memory!r:.60}")
        gpus.append(Gpu(str(memory), size, size, 0.0, 0.0))
    return tuple(gpus)


def _number(flags: Mapping[str, Any], key: str) -> float | None:
    value = flags.get(key)
    if value is None:
        return None
    try:
        number = float(str(value).replace(",", "").replace("_", ""))
    except ValueError:
        number = 0.0
    if not 0 < number < 1e18:
        raise BadInput(f"{key.replace('_', '-')} must be a number above 0, got {value!r:.60}")
    return number


def _time(flags: Mapping[str, Any], tokens_per_second: float | None) -> float | None:
    tokens = _number(flags, "tokens")
    return tokens / tokens_per_second if tokens and tokens_per_second else None


def _read_log(name: str) -> str:
    """The end of a log, or the message itself."""
    if "tried to allocate" in name.lower():
        return name
    try:
        return Path(name).read_bytes()[-(1 << 22) :].decode("utf-8", errors="replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{name:.200}: cannot be read ({reason}); give a log file or the message itself") from None
