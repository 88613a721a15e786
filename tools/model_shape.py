"""What a model is made of, as counts and memory estimates need it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

NormKind = Literal["rms", "layer", "layer_unscaled"]


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of one model, from its config and never from its weights.

    Sizes that an architecture does not have are 0; a vision-language model gives the sizes of its text part, and
    its whole config in ``config``.

    Attributes:
        name: what a person calls it: hub id, catalogue name or path.
        source: where the config came from: ``catalogue``, ``hub``, ``folder``, ``file``, ``gguf`` or ``safetensors``.
        model_type: transformers' name of the architecture of the text part, such as ``llama``.
        architecture: class named in the config, such as ``LlamaForCausalLM``, or "" where none is.
        num_kv_heads: key and value heads; equal to num_heads without grouping.
        head_dim: width of one head of the query; MLA's is qk_nope_head_dim + qk_rope_head_dim.
        intermediate_size: width of the dense MLP.
        attention_bias: q, k and v have biases.
        attention_output_bias: the output projection has one.
        has_qk_norm: queries and keys are normalised before attention.
        norm: RMSNorm, LayerNorm, or LayerNorm without weights.
        is_gated_mlp: the MLP has three matrices (gate, up, down), not two.
        num_experts: routed experts of a mixture-of-experts layer; 0 for a dense model.
        experts_per_token: routed experts that one token passes.
        moe_intermediate_size: width of one routed expert.
        shared_expert_size: width of what every token passes beside the routed experts, all shared experts together.
        first_dense_layers: layers before the first mixture-of-experts layer.
        moe_layer_step: every how many layers a mixture of experts stands, after first_dense_layers.
        q_lora_rank: rank of MLA's compressed query (DeepSeek); 0 where the query is not compressed.
        kv_lora_rank: rank of MLA's compressed keys and values; 0 without MLA.
        sliding_window: window of local attention in tokens; 0 where all layers attend to everything.
        position_table_size: rows of a learned position table; 0 with rotary or ALiBi positions.
        max_positions: longest sequence the config allows, in tokens; 0 where it says none.
        dtype: type the published weights are stored in, such as ``bfloat16``, or "" where the config does not say.
        quantization: method of a checkpoint that is stored quantised (``bitsandbytes``, ``gptq``, ``mxfp4``), or "".
        num_encoder_layers: layers of the encoder of an encoder-decoder model; num_layers is then the decoder's.
        config: the whole config as it was found; not to be changed.
    """

    name: str
    source: str
    model_type: str
    architecture: str
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    tie_word_embeddings: bool
    attention_bias: bool
    attention_output_bias: bool
    mlp_bias: bool
    has_qk_norm: bool
    norm: NormKind
    is_gated_mlp: bool
    num_experts: int = 0
    experts_per_token: int = 0
    moe_intermediate_size: int = 0
    shared_expert_size: int = 0
    first_dense_layers: int = 0
    moe_layer_step: int = 1
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    sliding_window: int = 0
    position_table_size: int = 0
    max_positions: int = 0
    dtype: str = ""
    quantization: str = ""
    num_encoder_layers: int = 0
    config: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
