"""``ftchat vram`` as people and programs call it."""

import argparse
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assistant import vram_command
from assistant.exits import Exit
from tools.errors import BadInput

ROOT = Path(__file__).parent.parent

FIXED = ("schema", "allocated_bytes", "reserved_bytes", "smi_bytes", "parts", "peak_at", "verdict")


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    vram_command.add_parser(parser.add_subparsers(dest="command"))
    return vram_command.run(parser.parse_args(["vram", *arguments]))


def _json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def config(tmp_path: Path) -> str:
    values = {
        "model_type": "llama",
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 512,
        "vocab_size": 1000,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)


def test_json_holds_what_the_contract_fixes(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--method", "lora", "--micro-batch", "2", "--seq-len", "512", "--rank", "8", "--targets", "q_proj,v_proj"]
    flags += ["--weights", "bf16", "--compute", "bf16", "--optimizer", "adamw_torch", "--checkpointing", "--fused-loss"]
    flags += ["--attention", "sdpa", "--num-gpus", "2", "--sharding", "fsdp", "--gpu", "4090", "--gpu", "T4", "--json"]
    assert _run(config, *flags) == Exit.DONE
    (found,) = _json(capsys)
    assert set(FIXED) <= set(found)
    assert found["schema"] == "ftchat.vram/1"
    for key in ("allocated_bytes", "reserved_bytes", "smi_bytes"):
        assert set(found[key]) == {"value", "low", "high"}
        assert all(isinstance(size, int) for size in found[key].values())
    assert sum(found["parts"].values()) == found["smi_bytes"]["value"]
    assert found["verdict"] == "fits"
    assert [gpu["name"] for gpu in found["gpus"]] == ["RTX 4090", "T4"]


def test_without_a_gpu_there_is_no_verdict(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    _run(config, "--json")
    assert _json(capsys)[0]["verdict"] is None


def test_a_person_reads_sizes_parts_moment_and_verdict(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--method", "full", "--seq-len", "128", "--gpu", "T4", "--tokens", "1e9", "--tokens-per-second", "1e5"]
    _run(config, *flags, "--fit")
    text = capsys.readouterr().out
    for words in ("allocated", "reserved", "nvidia-smi", "optimizer states", "T4: fits", "tokens/s", "Moments: load"):
        assert words in text
    for words in ("Time for the dataset", "model FLOPs utilisation", "It fits as it is", "largest micro-batch"):
        assert words in text


def test_no_checkpointing_is_a_flag_of_its_own(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--checkpointing", "--no-checkpointing"):
        _run(config, "--method", "full", flag, "--json")
    on, off = _json(capsys)
    assert (on["settings"]["checkpointing"], off["settings"]["checkpointing"]) == ("full", "none")


def test_a_batch_answers_in_order_and_survives_bad_lines(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps({"id": "a", "model": config, "method": "lora", "micro_batch": "4", "seq_len": "<=768", "gpu": "T4"}),
        "not json",
        json.dumps({"id": "b", "model": config, "rank": 0}),
        json.dumps({"id": "c", "method": "full"}),
        json.dumps(
            {"id": "d", "model": config, "method": "qlora", "framework": "unsloth+TRL", "optimizer": "adamw_8bit"}
        ),
        json.dumps([1, 2]),
        json.dumps({"id": "e", "model": config, "gpu": ["nothing of the kind"]}),
    ]
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join(lines), encoding="utf-8")
    assert _run("--batch", str(batch), "--json") == Exit.DONE
    found = _json(capsys)
    assert [one.get("id") for one in found] == ["a", None, "b", "c", "d", None, "e"]
    assert ["error" in one for one in found] == [False, True, True, True, False, True, True]
    assert all(one["schema"] == "ftchat.vram/1" for one in found)
    assert found[0]["settings"]["seq_len"] == 768
    assert found[0]["verdict"] == "fits"


def test_an_out_of_memory_message_corrects_the_estimate(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
        "23.69 GiB of which 1.00 GiB is free. Of the allocated memory 21.00 GiB is allocated by PyTorch, and 1.00 GiB "
        "is reserved by PyTorch but unallocated.\n",
        encoding="utf-8",
    )
    flags = ["--method", "lora", "--micro-batch", "64", "--seq-len", "2048", "--no-checkpointing", "--gpu", "3090"]
    _run(config, *flags, "--oom", str(log), "--fit", "--json")
    found = _json(capsys)[0]
    assert found["calibration"]["needed_bytes"] == 23 << 30
    assert found["calibration"]["scale"] >= 1
    assert found["allocated_bytes"]["value"] >= (23 << 30) - 100
    assert found["fit"]["steps"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "lora"], "a model is missing"),
        (["CONFIG", "--gpu", "nothing of the kind"], "gpu 'nothing of the kind' is not known"),
        (["CONFIG", "--gpu-memory", "much"], "gpu-memory must be a size"),
        (["CONFIG", "--fit"], "fit needs a GPU"),
        (["CONFIG", "--targets", "nothing"], "name no matrix"),
        (["CONFIG", "--oom", "/nothing/here.log"], "cannot be read"),
        (["CONFIG", "--gpu", "T4", "--tokens", "-5"], "tokens must be a number above 0"),
    ],
)
def test_bad_input_is_one_line(config: str, arguments: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words) as error:
        _run(*[config if argument == "CONFIG" else argument for argument in arguments])
    assert "\n" not in str(error.value)


def test_memory_of_a_gpu_without_a_name_can_be_given(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    _run(config, "--gpu-memory", "24GiB", "--json")
    assert _json(capsys)[0]["gpus"] == [
        {"name": "24GiB", "total_bytes": 24 << 30, "usable_bytes": 24 << 30, "verdict": "fits"}
    ]


def test_the_bar_is_drawn_on_terminals_only() -> None:
    from assistant.vram_progress import show_progress

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, is_drawn in ((io.StringIO(), False), (Terminal(), True)):
        with show_progress(stream) as advance:
            advance(0.5, "half")
        assert ("#" in stream.getvalue()) is is_drawn


_COLD = """
import sys
from assistant.vram_command import make_report
make_report({"model": sys.argv[1], "method": "qlora", "gpu": "4090", "fit": True})
heavy = {"torch", "transformers", "numpy", "chromadb", "langchain", "peft"} & set(sys.modules)
assert not heavy, heavy
"""


def test_an_estimate_loads_neither_torch_nor_transformers(config: str) -> None:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", _COLD, config], cwd=ROOT, check=True, timeout=60)
    assert time.perf_counter() - started < 10
