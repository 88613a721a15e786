"""Models over images: the towers before the language models of Gemma 3, Qwen VL, Mistral 3 and Llama 4."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tools.architectures.decoder import LAYOUTS, list_decoder_modules
from tools.config_values import ConfigValues, read_config_values, rename_keys
from tools.modules import Module, convolution, embedding, linear, norm

_TEXT_LAYOUTS = {
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen3_vl_text": "qwen3",
    "ministral3": "mistral",
}
_TEXT_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")


@dataclass(frozen=True, slots=True)
class _Tower:
    """How one family puts images before its language model.

    Attributes:
        build: the modules of the tower and of what joins it to the language model.
        text: text model types that it may have.
        needed: keys of the tower's config without which the form is not closed.
        root: name of the language model.
        architecture: class whose modules these are.
    """

    build: Callable[["_Sizes", ConfigValues], list[Module]]
    text: tuple[str, ...]
    needed: tuple[str, ...]
    root: str
    architecture: str


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The tower's config, and the whole one for what joins the two."""

    tower: ConfigValues
    whole: Mapping[str, Any]

    def get(self, key: str, default: int = 0) -> int:
        return self.tower.size(key, default)


def has_vision_form(config: Mapping[str, Any]) -> bool:
    """Whether all sizes of a model over images are in its config, which names a class of a known family.

    Without a class, transformers builds some of these families without their tower.
    """
    tower = TOWERS.get(str(config.get("model_type")))
    text, vision = config.get("text_config"), config.get("vision_config")
    if tower is None or not isinstance(text, Mapping) or not isinstance(vision, Mapping):
        return False
    names = config.get("architectures")
    has_text = all(text.get(key) is not None for key in (*_TEXT_SIZES, "vocab_size"))
    is_known = text.get("model_type") in tower.text and names == [tower.architecture]
    has_vision = all(vision.get(key) is not None for key in tower.needed)
    return is_known and has_text and has_vision and isinstance(config.get("tie_word_embeddings"), bool)


def list_vision_modules(config: Mapping[str, Any]) -> list[Module]:
    """The modules of a model over images; ask ``has_vision_form`` first."""
    tower = TOWERS[str(config["model_type"])]
    plain = {**config["text_config"], "tie_word_embeddings": config["tie_word_embeddings"]}
    plain["model_type"] = _TEXT_LAYOUTS.get(plain["model_type"], plain["model_type"])
    text = read_config_values(plain)
    sizes = _Sizes(ConfigValues("vision", rename_keys(config["vision_config"])), config)
    language = list_decoder_modules(LAYOUTS[text.model_type], text)
    return [*tower.build(sizes, text), *(_moved(module, tower.root) for module in language)]


def _moved(module: Module, root: str) -> Module:
    """A module of the language model under the name that it has in the whole."""
    if root == "language_model":
        return replace(module, name=f"language_model.{module.name}")
    return replace(module, name=module.name.replace("model.", "model.language_model.", 1))


def _linears(prefix: str, sizes: Sequence[tuple[str, int, int]], layers: Sequence[int], *, bias: bool) -> list[Module]:
    return [linear(prefix + name, d_out, d_in, bias=bias, layers=layers) for name, d_out, d_in in sizes]


def _gemma3(sizes: _Sizes, text: ConfigValues) -> list[Module]:
    hidden, width, layers = sizes.get("hidden_size"), sizes.get("intermediate_size"), range(sizes.tower.num_layers)
    patch, root = sizes.get("patch_size", 16), "model.vision_tower."
    layer = f"{root}encoder.layers.{{}}."
    matrices = [(f"self_attn.{name}", hidden, hidden) for name in ("k_proj", "v_proj", "q_proj", "out_proj")]
    matrices += [("mlp.fc1", width, hidden), ("mlp.fc2", hidden, width)]
    projector = "model.multi_modal_projector"
    return [
        convolution(
            f"{root}embeddings.patch_embedding", hidden, sizes.get("num_channels", 3), (patch, patch), bias=True
        ),
        embedding(f"{root}embeddings.position_embedding", (sizes.get("image_size") // max(patch, 1)) ** 2, hidden),
        *_linears(layer, matrices, layers, bias=True),
        *(norm(f"{layer}{name}", hidden, bias=True, layers=layers) for name in ("layer_norm1", "layer_norm2")),
        norm(f"{root}post_layernorm", hidden, bias=True),
        Module(projector, "other", (("mm_input_projection_weight", (hidden, text.hidden)),)),
        norm(f"{projector}.mm_soft_emb_norm", hidden),
    ]


def _qwen2_vl(sizes: _Sizes, text: ConfigValues) -> list[Module]:
    width = sizes.get("embed_dim")
    inner = width * sizes.get("mlp_ratio", 4)
    mlp = [("mlp.fc1", inner, width), ("mlp.fc2", width, inner)]
    return _qwen_blocks(sizes, width, mlp, out=sizes.get("hidden_size") or text.hidden, norm_bias=True)


def _qwen2_5_vl(sizes: _Sizes, text: ConfigValues) -> list[Module]:
    width, inner = sizes.get("hidden_size"), sizes.get("intermediate_size")
    mlp = [("mlp.gate_proj", inner, width), ("mlp.up_proj", inner, width), ("mlp.down_proj", width, inner)]
    return _qwen_blocks(sizes, width, mlp, out=sizes.get("out_hidden_size") or text.hidden, norm_bias=False)


def _qwen_blocks(
    sizes: _Sizes, width: int, mlp: list[tuple[str, int, int]], *, out: int, norm_bias: bool
) -> list[Module]:
    """The tower of Qwen 2 and 2.5 VL: patches over two frames, blocks, and a merger of four patches."""
    layers, patch, root = range(sizes.get("depth")), sizes.get("patch_size", 14), "model.visual."
    window = (sizes.get("temporal_patch_size", 2), patch, patch)
    merged = width * sizes.get("spatial_merge_size", 2) ** 2
    matrices = [("attn.qkv", 3 * width, width), ("attn.proj", width, width), *mlp]
    block = f"{root}blocks.{{}}."
    return [
        convolution(f"{root}patch_embed.proj", width, sizes.get("in_channels", 3), window, bias=False),
        *_linears(block, matrices, layers, bias=True),
        *(norm(f"{block}{name}", width, bias=norm_bias, layers=layers) for name in ("norm1", "norm2")),
        norm(f"{root}merger.ln_q", width, bias=norm_bias),
        linear(f"{root}merger.mlp.0", merged, merged, bias=True),
        linear(f"{root}merger.mlp.2", out, merged, bias=True),
    ]


def _qwen3_vl(sizes: _Sizes, _: ConfigValues) -> list[Module]:
    width, inner, root = sizes.get("hidden_size"), sizes.get("intermediate_size"), "model.visual."
    layers, patch = range(sizes.get("depth")), sizes.get("patch_size", 16)
    window = (sizes.get("temporal_patch_size", 2), patch, patch)
    merged, out = width * sizes.get("spatial_merge_size", 2) ** 2, sizes.get("out_hidden_size")
    matrices = [("attn.qkv", 3 * width, width), ("attn.proj", width, width)]
    matrices += [("mlp.linear_fc1", inner, width), ("mlp.linear_fc2", width, inner)]
    block, deep = f"{root}blocks.{{}}.", f"{root}deepstack_merger_list.{{}}."
    merger = [("linear_fc1", merged, merged), ("linear_fc2", out, merged)]
    places = range(len(sizes.tower.numbers("deepstack_visual_indexes") or ()))
    return [
        convolution(f"{root}patch_embed.proj", width, sizes.get("in_channels", 3), window, bias=True),
        embedding(f"{root}pos_embed", sizes.get("num_position_embeddings", 2304), width),
        *_linears(block, matrices, layers, bias=True),
        *(norm(f"{block}{name}", width, bias=True, layers=layers) for name in ("norm1", "norm2")),
        norm(f"{root}merger.norm", width, bias=True),
        *(linear(f"{root}merger.{name}", d_out, d_in, bias=True) for name, d_out, d_in in merger),
        norm(f"{deep}norm", merged, bias=True, layers=places),
        *_linears(deep, merger, places, bias=True),
    ]


def _mistral3(sizes: _Sizes, text: ConfigValues) -> list[Module]:
    width, inner, root = sizes.get("hidden_size"), sizes.get("intermediate_size"), "model.vision_tower."
    layers, patch = range(sizes.tower.num_layers), sizes.get("patch_size", 16)
    layer, projector = f"{root}transformer.layers.{{}}.", "model.multi_modal_projector."
    matrices = [(f"feed_forward.{name}", inner, width) for name in ("gate_proj", "up_proj")]
    matrices += [("feed_forward.down_proj", width, inner)]
    matrices += [(f"attention.{name}", width, width) for name in ("k_proj", "v_proj", "q_proj", "o_proj")]
    merge, bias = (
        ConfigValues("", sizes.whole).size("spatial_merge_size", 2) ** 2,
        bool(sizes.whole.get("multimodal_projector_bias", False)),
    )
    return [
        convolution(f"{root}patch_conv", width, sizes.get("num_channels", 3), (patch, patch), bias=False),
        norm(f"{root}ln_pre", width),
        *_linears(layer, matrices, layers, bias=False),
        *(norm(f"{layer}{name}", width, layers=layers) for name in ("attention_norm", "ffn_norm")),
        norm(f"{projector}norm", width),
        linear(f"{projector}patch_merger.merging_layer", width, width * merge),
        linear(f"{projector}linear_1", text.hidden, width, bias=bias),
        linear(f"{projector}linear_2", text.hidden, text.hidden, bias=bias),
    ]


def _llama4(sizes: _Sizes, text: ConfigValues) -> list[Module]:
    width, inner, layers = sizes.get("hidden_size"), sizes.get("intermediate_size"), range(sizes.tower.num_layers)
    patch, root = sizes.get("patch_size"), "vision_model."
    positions = (sizes.get("image_size") // max(patch, 1)) ** 2 + 1
    layer, adapter = f"{root}model.layers.{{}}.", f"{root}vision_adapter.mlp."
    matrices = [(f"self_attn.{name}", width, width) for name in ("q_proj", "k_proj", "v_proj", "o_proj")]
    matrices += [("mlp.fc1", inner, width), ("mlp.fc2", width, inner)]
    tables = (("class_embedding", (width,)), ("positional_embedding_vlm", (positions, width)))
    middle, end = sizes.get("projector_input_dim"), sizes.get("projector_output_dim")
    norms = ("input_layernorm", "post_attention_layernorm")
    return [
        Module(root[:-1], "other", tables),
        linear(f"{root}patch_embedding.linear", width, sizes.get("num_channels", 3) * patch * patch),
        *(norm(f"{root}{name}", width, bias=True) for name in ("layernorm_pre", "layernorm_post")),
        *_linears(layer, matrices, layers, bias=True),
        *(norm(f"{layer}{name}", width, bias=True, layers=layers) for name in norms),
        linear(f"{adapter}fc1", middle, inner),
        linear(f"{adapter}fc2", end, end),
        linear("multi_modal_projector.linear_1", text.hidden, sizes.get("vision_output_dim")),
    ]


_SIGLIP = ("hidden_size", "intermediate_size", "num_hidden_layers", "image_size", "patch_size")
_INSIDE, _QWEN3_KEYS = "model.language_model", ("deepstack_visual_indexes", "out_hidden_size")
_LLAMA4_KEYS = (*_SIGLIP, "projector_input_dim", "projector_output_dim", "vision_output_dim")
TOWERS: dict[str, _Tower] = {
    "gemma3": _Tower(_gemma3, ("gemma3_text",), _SIGLIP, _INSIDE, "Gemma3ForConditionalGeneration"),
    "qwen2_vl": _Tower(
        _qwen2_vl, ("qwen2_vl_text",), ("depth", "embed_dim"), _INSIDE, "Qwen2VLForConditionalGeneration"
    ),
    "qwen2_5_vl": _Tower(
        _qwen2_5_vl,
        ("qwen2_5_vl_text",),
        ("depth", "hidden_size", "intermediate_size"),
        _INSIDE,
        "Qwen2_5_VLForConditionalGeneration",
    ),
    "qwen3_vl": _Tower(
        _qwen3_vl,
        ("qwen3_vl_text",),
        ("depth", "hidden_size", "intermediate_size", *_QWEN3_KEYS),
        _INSIDE,
        "Qwen3VLForConditionalGeneration",
    ),
    "mistral3": _Tower(
        _mistral3,
        ("mistral", "ministral3"),
        ("hidden_size", "intermediate_size", "num_hidden_layers", "patch_size"),
        _INSIDE,
        "Mistral3ForConditionalGeneration",
    ),
    "llama4": _Tower(_llama4, ("llama4_text",), _LLAMA4_KEYS, "language_model", "Llama4ForConditionalGeneration"),
}
