"""Finding a model's config: by loose names, from files of every kind; and what is refused."""

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest

from tools.architectures import has_closed_form
from tools.architectures.vision import has_vision_form
from tools.catalogue import catalogue_ids, find_by_loose_name
from tools.config_sizes import shape_from_config
from tools.config_values import model_defaults, read_config_values, text_part
from tools.errors import BadInput
from tools.model_config import load_model_shape
from tools.parameters import count_parameters

TINY = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
TINY |= {"intermediate_size": 128, "num_key_value_heads": 2}


def write_config(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(TINY | changes))
    return path


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("llama 3.1 8b", "meta-llama/Llama-3.1-8B"),
        ("Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama3_1/8B", "meta-llama/Llama-3.1-8B"),
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B"),
        ("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        ("Llama2 7B", "meta-llama/Llama-2-7b"),
        ("mistral7b", "mistralai/Mistral-7B-v0.1"),
        ("TheBloke/Mistral-7B-v0.1-GPTQ", "mistralai/Mistral-7B-v0.1"),
        ("TheBloke/Mixtral-8x22B-Instruct-v0.1-GPTQ", "mistralai/Mixtral-8x22B-Instruct-v0.1"),
        ("mixtral 8x7b", "mistralai/Mixtral-8x7B-v0.1"),
        ("qwen2.5 7b instruct", "Qwen/Qwen2.5-7B-Instruct"),
        ("Qwen/Qwen2.5-14B-Instruct-AWQ", "Qwen/Qwen2.5-14B-Instruct"),
        ("qwen 3 30b a3b", "Qwen/Qwen3-30B-A3B"),
        ("gpt2-xl", "openai-community/gpt2-xl"),
        ("gpt2", "openai-community/gpt2"),
        ("gemma 2 9b", "google/gemma-2-9b"),
        ("phi4", "microsoft/phi-4"),
        ("unsloth/phi-4-unsloth-bnb-4bit", "unsloth/phi-4"),
        ("tinyllama", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
        ("pythia 410m", "EleutherAI/pythia-410m"),
        ("flan t5 xl", "google/flan-t5-xl"),
        ("bert-base-uncased", "google-bert/bert-base-uncased"),
        ("gpt oss 20b", "openai/gpt-oss-20b"),
        ("smol lm2 360m", "HuggingFaceTB/SmolLM2-360M"),
        ("command r+", "CohereLabs/c4ai-command-r-plus"),
        ("google/gemma-7b (a fine-tune of it)", "google/gemma-7b"),
    ],
)
def test_loose_spellings_find_the_model(asked: str, found: str) -> None:
    shape = load_model_shape(asked)
    assert (shape.name, shape.source) == (found, "catalogue")


def test_the_catalogue_is_wide_and_every_entry_has_sizes() -> None:
    shapes = [load_model_shape(name) for name in catalogue_ids()]
    assert len(shapes) >= 300
    types_with_sizes = [shape for shape in shapes if shape.hidden_size and shape.num_layers and shape.vocab_size]
    assert [shape.name for shape in shapes if shape not in types_with_sizes] == ["google/gemma-3n-E4B-it"]
    assert not [shape.name for shape in shapes if shape.num_experts and not shape.experts_per_token]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("llama 8b", "could be meta-llama/Meta-Llama-3-8B, meta-llama/Llama-3.1-8B"),
        ("lama 3 8b", "near names: meta-llama/Meta-Llama-3-8B"),
        ("mistrall 7b", "mistralai/Mistral-7B-v0.1"),
        ("no such thing", "no such model in the catalogue"),
        ("", "has no name"),
        ("./not/there", "no such file"),
        ("x" * 100_000, "no such model"),
    ],
)
def test_unknown_and_ambiguous_names_get_one_line(asked: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        load_model_shape(asked)
    assert "\n" not in str(caught.value)


def test_names_of_any_content_are_answered_quickly() -> None:
    for text in ("1b" * 50_000, "-" * 100_000, "(" * 100_000, "a1" * 50_000, "llama " * 20_000):
        assert find_by_loose_name(text) is None or True


@pytest.mark.parametrize("name", ["", "config.json"])
def test_a_folder_and_its_config_give_the_same_shape(tmp_path: Path, name: str) -> None:
    write_config(tmp_path)
    shape = load_model_shape(str(tmp_path / name))
    assert (shape.hidden_size, shape.num_kv_heads, shape.head_dim) == (64, 2, 16)


def test_the_library_s_defaults_fill_what_a_config_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gemma"}')
    shape = load_model_shape(str(tmp_path))
    assert shape.hidden_size == model_defaults()["gemma"]["hidden_size"]
    assert shape.tie_word_embeddings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "must hold an object"),
        (b'{"hidden_size": 4}', "model_type is missing"),
        (b'{"model_type": "llama", "hidden_size": "wide"}', "must be a whole number"),
        (b'{"model_type": "llama", "hidden_size": -4}', "must be from 0"),
        (b'{"model_type": "llama", "hidden_size": 0}', "must be at least 1"),
        (b'{"model_type": "llama", "num_hidden_layers": 2.5}', "must be a whole number"),
        (b'{"model_type": "llama", "num_hidden_layers": 1e11}', "must be at most 10000"),
        (b'{"model_type": "llama", "hidden_size": NaN}', "must be a whole number"),
        (b'{"model_type": "mamba", "num_hidden_layers": 1e11}', "must be at most 10000"),
        (b"[" * 100_000, "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
    ],
)
def test_a_malformed_config_gets_one_line_with_the_path(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as caught:
        load_model_shape(str(path))
    assert str(path) in str(caught.value)


def test_a_config_of_50_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as stream:
        stream.truncate(50 << 20)
    with pytest.raises(BadInput, match="52428800 bytes"):
        load_model_shape(str(path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "innocent.json", "config.json"])
def test_a_pickle_is_refused_by_name_and_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(BadInput, match="pickle"):
        load_model_shape(str(path))


def test_an_adapter_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}')
    with pytest.raises(BadInput, match=r"adapter.*'gpt2'"):
        load_model_shape(str(tmp_path))


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    header = json.dumps(
        {name: {"dtype": "BF16", "shape": list(size), "data_offsets": [0, 0]} for name, size in shapes.items()}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def llama_tensors(layers: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (500, 1024), "model.norm.weight": (1024,)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        shapes |= {f"{prefix}self_attn.{name}.weight": (1024, 1024) for name in ("q_proj", "o_proj")}
        shapes |= {f"{prefix}self_attn.{name}.weight": (256, 1024) for name in ("k_proj", "v_proj")}
        shapes |= {f"{prefix}mlp.{name}.weight": (3000, 1024) for name in ("gate_proj", "up_proj")}
        shapes |= {f"{prefix}mlp.down_proj.weight": (1024, 3000)}
        shapes |= {f"{prefix}{name}.weight": (1024,) for name in ("input_layernorm", "post_attention_layernorm")}
    return shapes


def test_a_safetensors_header_alone_gives_the_sizes(tmp_path: Path) -> None:
    shapes = llama_tensors(3)
    write_safetensors(tmp_path / "model.safetensors", shapes)
    shape = load_model_shape(str(tmp_path / "model.safetensors"))
    assert (shape.num_layers, shape.num_heads, shape.num_kv_heads, shape.source) == (3, 8, 2, "safetensors")
    values = sum(size[0] * (size[1] if len(size) > 1 else 1) for size in shapes.values())
    assert count_parameters(shape).total == values


def test_an_index_leads_to_its_shards_and_not_out_of_its_folder(tmp_path: Path) -> None:
    shapes = llama_tensors(2)
    names = sorted(shapes)
    write_safetensors(tmp_path / "a.safetensors", {name: shapes[name] for name in names[::2]})
    write_safetensors(tmp_path / "b.safetensors", {name: shapes[name] for name in names[1::2]})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "../../b.safetensors"}}))
    assert load_model_shape(str(index)).num_layers == 2
    index.write_text(json.dumps({"weight_map": {"x": "missing.safetensors"}}))
    with pytest.raises(BadInput, match=r"config\.json"):
        load_model_shape(str(index))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, struct.pack("<Q", 4) + b"null", struct.pack("<Q", 99) + b"{}"])
def test_a_damaged_safetensors_gets_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="safetensors"):
        load_model_shape(str(path))


def write_gguf(path: Path, architecture: str, sizes: dict[str, int], *, tied: bool) -> None:
    import numpy
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    for key, value in sizes.items():
        writer.add_uint32(f"{architecture}.{key}", value)
    writer.add_array("tokenizer.ggml.tokens", [f"token{number}" for number in range(5000)])
    writer.add_array("tokenizer.ggml.scores", [0.5] * 5000)
    for name in ("token_embd.weight", *(() if tied else ("output.weight",))):
        writer.add_tensor(name, numpy.zeros((5000, sizes["embedding_length"]), dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_gives_its_sizes(tmp_path: Path, tied: bool) -> None:
    path = tmp_path / "model.gguf"
    sizes = {"embedding_length": 64, "block_count": 3, "attention.head_count": 4, "attention.head_count_kv": 2}
    write_gguf(path, "qwen2", sizes | {"feed_forward_length": 160, "context_length": 512}, tied=tied)
    shape = load_model_shape(str(path))
    assert (shape.model_type, shape.source, shape.tie_word_embeddings) == ("qwen2", "gguf", tied)
    assert (shape.hidden_size, shape.num_layers, shape.num_kv_heads, shape.vocab_size) == (64, 3, 2, 5000)


def test_a_gguf_cut_anywhere_gets_one_line(tmp_path: Path) -> None:
    whole = tmp_path / "whole.gguf"
    sizes = {"embedding_length": 64, "block_count": 3, "attention.head_count": 4}
    write_gguf(whole, "llama", sizes, tied=False)
    content = whole.read_bytes()
    for length in (4, 12, 24, 60, 150, 40_000):
        cut = tmp_path / f"{length}.gguf"
        cut.write_bytes(content[:length])
        with pytest.raises(BadInput, match="GGUF"):
            load_model_shape(str(cut))


def test_a_gguf_with_absurd_counts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "absurd.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1 << 62, 1 << 62))
    with pytest.raises(BadInput, match="GGUF"):
        load_model_shape(str(path))


@pytest.mark.parametrize("junk", [None, True, -1, 2.5, 1e30, "x", [], ["a"], {}, [[1]], 10**30])
@pytest.mark.parametrize("name", ["llama 3.1 8b", "gemma-3-4b-it", "deepseek v3", "gpt2", "t5-small", "llama 4 scout"])
def test_no_value_in_a_config_breaks_more_than_its_own_line(name: str, junk: object) -> None:
    config = dict(load_model_shape(name).config)
    parts = {key: part for key, part in config.items() if isinstance(part, dict)}
    damaged = [{**config, key: junk} for key in config]
    damaged += [{**config, key: {**part, inner: junk}} for key, part in parts.items() for inner in part]
    for changed in damaged:
        try:
            shape = shape_from_config("damaged", "file", changed)
            is_plain = text_part(changed) is changed
            is_closed = is_plain and has_closed_form(read_config_values(changed), shape.architecture)
            if is_closed or has_vision_form(changed):
                count_parameters(shape)
        except BadInput as error:
            assert "\n" not in str(error)
