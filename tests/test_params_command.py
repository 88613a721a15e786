"""``ftchat params`` as programs and people meet it."""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import main
from assistant.params_command import read_adaptation

ROOT = Path(__file__).parent.parent
KEYS = {"schema", "model", "total", "trainable", "active", "how"}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["params", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def run_batch(capsys: pytest.CaptureFixture[str], tmp_path: Path, *lines: Any) -> list[dict[str, Any]]:
    path = tmp_path / "batch.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    code, out, _ = run(capsys, "--batch", str(path))
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def test_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "llama 3.1 8b", "--rank", "16", "--targets", "q_proj,v_proj", "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert answer.keys() >= KEYS
    assert answer["schema"] == "ftchat.params/1"
    assert (answer["trainable"], answer["total"]) == (6_815_744, 8_037_076_992)
    assert answer["how"] == "closed_form"
    assert sum(item["places"] * item["values"] for item in answer["adapted"]) == answer["trainable"]


def test_an_architecture_without_closed_form_is_built_on_the_meta_device(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = {"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(config))
    code, out, _ = run(capsys, str(tmp_path), "--json")
    assert (code, json.loads(out)["how"]) == (0, "meta_device")


def test_people_see_the_parts_the_places_and_what_peft_prints(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "mixtral-8x7b-v0.1", "--method", "qlora", "--rank", "8", "--targets", "q_proj,w1,w2,w3")
    assert code == 0
    assert "46,702,792,704 parameters" in out
    assert "a token passes 2 of 8 experts" in out
    assert "model.layers.*.mlp.experts.down_proj" in out
    assert "trainable params: 174,063,616 || all params: 46,876,856,320 || trainable%: 0.3713" in out
    assert "two weights in a byte" in out


def test_a_model_alone_is_counted_whole(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "gpt2")
    assert "124,439,808 parameters" in out
    assert "trainable: all of them" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gpt2", "--rank", "0"), "rank must be a whole number from 1"),
        (("gpt2", "--rank", "many"), "rank must be a whole number, got 'many'"),
        (("gpt2", "--rank", "8", "--targets", "foo"), "match no module; this model has c_attn"),
        (("gpt2", "--method", "magic"), "method must be one of full, lora"),
        (("gpt2", "--method", "full", "--rank", "8"), "rank goes with an adapter"),
        (("gpt2", "--vocab-size", "0"), "vocab_size must be a whole number from 1"),
        (("gpt2", "--rank", "8", "--layers", "5-3"), "layers must be numbers"),
        (("lama 3",), "near names"),
        ((), "a model is missing"),
        (("--batch", "/not/there"), "cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("ftchat: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_batch_answers_in_order_and_a_bad_line_stops_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answers = run_batch(
        capsys,
        tmp_path,
        {"id": 1, "model": "gpt2"},
        "not json",
        {"id": "b", "model": "gpt2", "rank": 8, "targets": ["c_attn"], "modules_to_save": ["lm_head"]},
        {"id": 3, "model": "gpt2", "rank": 0},
        {"id": 4, "model": "no such model"},
        {"id": 5, "model": "gpt2", "ranks": 8},
        {"id": 6, "model": 7},
        {"id": 7, "model": "gpt2", "rank": 4, "targets": "c_attn", "layers": "0,2-3", "method": "dora"},
        {"id": 9, "model": "gpt2", "rank": 2, "bias": "some"},
        {"id": 8, "model": "gpt2", "rank": None, "targets": None, "experts": False},
    )
    assert [answer.get("id") for answer in answers] == [1, None, "b", 3, 4, 5, 6, 7, 9, 8]
    assert ["error" in answer for answer in answers] == [False, True, False, True, True, True, True, False, True, False]
    assert {answer["schema"] for answer in answers} == {"ftchat.params/1"}
    assert answers[2]["trainable"] == 12 * 8 * (768 + 2304) + 50257 * 768
    assert answers[5]["error"].startswith("unknown key 'ranks'; allowed: model")
    assert answers[7]["trainable"] == 3 * (4 * (768 + 2304) + 2304)
    assert answers[9]["trainable"] == answers[9]["total"]


def test_targets_are_read_as_people_write_them() -> None:
    for targets in ("q_proj,v_proj", "q_proj+v_proj", "q_proj v_proj", ["q_proj", "v_proj"]):
        assert read_adaptation({"targets": targets}).targets == ("q_proj", "v_proj")
    assert read_adaptation({"targets": "all-linear"}).method == "lora"
    assert read_adaptation({}).method == "full"


def test_catalogue_models_need_none_of_the_heavy_libraries() -> None:
    heavy = ("torch", "transformers", "peft", "huggingface_hub", "numpy", "yaml", "langchain_core")
    code = (
        "import sys\nfrom assistant.cli import main\n"
        "main(['params', 'llama 3.1 8b', '--rank', '8', '--json'])\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_cold_start_costs_less_than_0_3_seconds_of_processor() -> None:
    command = (sys.executable, "-m", "assistant.cli", "params", "qwen3 8b", "--rank", "8", "--json")

    def processor_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(processor_seconds() for _ in range(3)) < 0.3


def test_every_flag_is_a_key_of_a_batch() -> None:
    from assistant.params_command import _KEYS, add_parser

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    flags = vars(parser.parse_args(["params", "gpt2"]))
    assert set(flags) - {"batch", "json"} == set(_KEYS)
