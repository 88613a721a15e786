"""T5 with its encoder and decoder, and BERT with its head for masked words."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tools.config_values import ConfigValues
from tools.modules import Module, embedding, linear, norm, output_head


def _t5(values: ConfigValues) -> list[Module]:
    """T5; the published T5 1.1 and Flan-T5 store a head of their own, which ``tie_word_embeddings: false`` says."""
    num_layers = values.num_layers
    layers, decoder_layers = range(num_layers), range(values.size("num_decoder_layers", num_layers))
    hidden, shared = values.hidden, embedding("shared", values.vocab, values.hidden, role="token_embedding")
    return [
        shared,
        replace(shared, name="encoder.embed_tokens", role="", tied=("weight",)),
        *_t5_stack(values, "encoder", layers, ("SelfAttention",)),
        replace(shared, name="decoder.embed_tokens", role="", tied=("weight",)),
        *_t5_stack(values, "decoder", decoder_layers, ("SelfAttention", "EncDecAttention")),
        output_head("lm_head", values.vocab, hidden, is_tied=values.ties_embeddings),
    ]


def _t5_stack(values: ConfigValues, stack: str, layers: Sequence[int], attentions: Sequence[str]) -> list[Module]:
    hidden, inner = values.hidden, values.size("head_dim") * values.num_heads
    modules: list[Module] = []
    for position, attention in enumerate(attentions):
        prefix = f"{stack}.block.{{}}.layer.{position}."
        sizes = (("q", inner, hidden), ("k", inner, hidden), ("v", inner, hidden), ("o", hidden, inner))
        modules += [linear(f"{prefix}{attention}.{name}", out, in_, layers=layers) for name, out, in_ in sizes]
        modules.append(norm(f"{prefix}layer_norm", hidden, layers=layers))
    buckets = values.size("relative_attention_num_buckets")
    bias = f"{stack}.block.{{}}.layer.0.SelfAttention.relative_attention_bias"
    modules.append(embedding(bias, buckets, values.num_heads, layers=layers[:1]))
    return [*modules, *_t5_mlp(values, stack, layers, len(attentions)), norm(f"{stack}.final_layer_norm", hidden)]


def _t5_mlp(values: ConfigValues, stack: str, layers: Sequence[int], position: int) -> list[Module]:
    hidden, width, prefix = values.hidden, values.intermediate, f"{stack}.block.{{}}.layer.{position}."
    is_gated = str(values.values.get("feed_forward_proj")).startswith("gated-")
    names = ("wi_0", "wi_1") if is_gated else ("wi",)
    return [
        *(linear(f"{prefix}DenseReluDense.{name}", width, hidden, layers=layers) for name in names),
        linear(f"{prefix}DenseReluDense.wo", hidden, width, layers=layers),
        norm(f"{prefix}layer_norm", hidden, layers=layers),
    ]


def _bert(values: ConfigValues) -> list[Module]:
    return [*_bert_stack(values, "bert"), *_bert_head(values, "cls.predictions", "transform.", "LayerNorm")]


def _roberta(values: ConfigValues) -> list[Module]:
    return [*_bert_stack(values, "roberta"), *_bert_head(values, "lm_head", "", "layer_norm")]


def _bert_stack(values: ConfigValues, root: str) -> list[Module]:
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    tables = f"{root}.embeddings."
    layer = f"{root}.encoder.layer.{{}}."
    sizes = [(f"attention.self.{name}", hidden, hidden) for name in ("query", "key", "value")]
    sizes += [("attention.output.dense", hidden, hidden)]
    sizes += [("intermediate.dense", width, hidden), ("output.dense", hidden, width)]
    return [
        embedding(f"{tables}word_embeddings", values.vocab, hidden, role="token_embedding"),
        embedding(f"{tables}position_embeddings", values.size("max_position_embeddings"), hidden),
        embedding(f"{tables}token_type_embeddings", values.size("type_vocab_size"), hidden),
        norm(f"{tables}LayerNorm", hidden, bias=True),
        *(linear(layer + name, d_out, d_in, bias=True, layers=layers) for name, d_out, d_in in sizes),
        norm(f"{layer}attention.output.LayerNorm", hidden, bias=True, layers=layers),
        norm(f"{layer}output.LayerNorm", hidden, bias=True, layers=layers),
    ]


def _bert_head(values: ConfigValues, root: str, dense: str, norm_name: str) -> list[Module]:
    """The head's bias is one parameter under two names, and its matrix is the token embedding where they are tied."""
    hidden, vocab = values.hidden, values.vocab
    decoder = output_head(f"{root}.decoder", vocab, hidden, is_tied=False, bias=True)
    return [
        Module(root, "other", (("bias", (vocab,)),)),
        linear(f"{root}.{dense}dense", hidden, hidden, bias=True),
        norm(f"{root}.{dense}{norm_name}", hidden, bias=True),
        replace(decoder, tied=("weight", "bias")) if values.ties_embeddings else decoder,
    ]


ENCODERS: dict[str, Callable[[ConfigValues], list[Module]]] = {
    "t5": _t5,
    "mt5": _t5,
    "bert": _bert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
}
