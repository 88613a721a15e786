"""What training loops do differently with memory: a table of facts, one row a framework."""

from dataclasses import dataclass

from tools.vram_settings import Attention, Checkpointing, Compute, FusedLayers, Loss


@dataclass(frozen=True, slots=True)
class Framework:
    """One training loop's habits.

    Attributes:
        name: the key.
        title: what people call it.
        loss_forward_bytes: bytes for every logit while the plain loss is computed.
        loss_backward_bytes: the same while its gradient is made.
        is_before_upcast: some models' code leaves 16-bit logits as they are.
        converts_outputs: accelerate makes the model's outputs fp32.
        fused_logit_bytes: bytes for every logit with a fused cross-entropy that still has all logits.
        adapter_bytes: bytes of one adapter weight.
        upcasts_rest: what a k-bit model does not quantise is made fp32, and with it the residual stream.
        fused_layers: default; None follows the loss, since the kernels come together.
        checkpointing: default.
        attention: default.
        loss: default.
        fused_loss: what it means by a fused loss where no kernel is named.
        compute: default.
        is_packed: default.
        seq_len: tokens of the longest sequence in a usual batch where the length is not given.
        slack: share of what comes and goes that the allocator keeps beyond it, with varying lengths.
        dropout: default LoRA dropout.
        targets: default targets of LoRA.
        optimizer: default optimiser.
        loops_experts: experts run one after the other (transformers before 5), not all in one grouped product.
        expands_heads: keys and values are copied for every query head before attention.
        buffer_bytes: buffers that the loop holds for the whole run (DeepSpeed's buckets on a single GPU).
        doubt: how much more of what stands was seen, where figures are rounded or their method is not told.
        is_lora_input_kept: kernels keep one copy of the input for all adapters that read it.
    """

    name: str
    title: str
    loss_forward_bytes: float = 10
    loss_backward_bytes: float = 12
    is_before_upcast: bool = False
    converts_outputs: bool = False
    fused_logit_bytes: float = 4
    adapter_bytes: int = 4
    upcasts_rest: bool = False
    fused_layers: FusedLayers | None = None
    checkpointing: Checkpointing = "none"
    attention: Attention = "sdpa"
    loss: Loss = "plain"
    fused_loss: Loss = "fused_linear"
    compute: Compute = "autocast"
    is_packed: bool = False
    seq_len: int = 1024
    slack: float = 0.25
    dropout: float = 0.0
    targets: str = ""
    optimizer: str = "adamw"
    loops_experts: bool = False
    expands_heads: bool = False
    buffer_bytes: int = 0
    doubt: float = 0.0
    is_lora_input_kept: bool = False


# The bytes of a logit, with the copies that stand side by side at the worst moment:
# transformers >= 4.46 (loss/loss_utils.py, ForCausalLMLoss): 16-bit logits 2 + .float() 4 + log-softmax 4 = 10 forward;
#   log-softmax 4 + its gradient 4 + the logits' gradient 4 = 12 backward.
# transformers 4.37-4.45 (modeling_llama.py): also the contiguous shifted copy, 2 + 4 + 4 + 4 = 14 forward.
# Code from the hub of 2023 (Qwen, Baichuan): 16-bit logits 2 + shifted 2 + autocast to fp32 4 + log-softmax 4 = 12.
# litgpt (utils.py, chunked_cross_entropy): Fabric's half precision gives outputs in fp32, so logits 4 + log-softmax 4,
#   gradients chunk by chunk.
# torchtune (modules/loss, chunked): 16-bit logits 2 + fp32 log-softmax 4, an eighth of the rest at a time.
FRAMEWORKS = {
    framework.name: framework
    for framework in (
        Framework("transformers", "transformers Trainer", upcasts_rest=True),
        Framework("trl", "TRL", upcasts_rest=False, checkpointing="full"),
        Framework("peft_bench", "PEFT's method comparison", compute="pure", slack=0.11, seq_len=768),
        Framework(
            "fms",
            "fms-hf-tuning (TRL of 2024)",
            is_before_upcast=True,
            converts_outputs=True,
            loss_forward_bytes=14,
            fused_logit_bytes=8.5,
            fused_loss="fused_cross_entropy",
            checkpointing="full",
            attention="flash",
            is_packed=True,
            compute="pure",
            dropout=0.1,
            loops_experts=True,
            seq_len=4096,
        ),
        Framework(
            "remote_2023",
            "Trainer over hub code of 2023",
            loss_forward_bytes=12,
            is_before_upcast=True,
            buffer_bytes=900 << 20,
            slack=0.1,
            dropout=0.05,
            targets="all-linear",
            checkpointing="full",
            attention="flash",
        ),
        Framework(
            "swift",
            "ms-swift",
            loss_forward_bytes=12,
            checkpointing="full",
            attention="flash",
            slack=2.0,
            dropout=0.05,
            targets="all-linear",
            seq_len=2048,
        ),
        Framework(
            "llama_factory",
            "LLaMA-Factory",
            checkpointing="full",
            upcasts_rest=False,
            seq_len=1024,
        ),
        Framework(
            "axolotl",
            "axolotl",
            checkpointing="full",
            attention="flash",
            loss="fused_linear",
            is_packed=True,
            doubt=0.2,
            dropout=0.05,
            targets="all-linear",
            seq_len=2048,
        ),
        Framework(
            "unsloth",
            "Unsloth",
            checkpointing="offloaded",
            attention="flash",
            loss="fused_linear",
            fused_layers="all",
            is_lora_input_kept=True,
            targets="all-linear",
            optimizer="adamw_8bit",
            seq_len=1024,
            buffer_bytes=1200 << 20,
            slack=0.5,
        ),
        Framework(
            "litgpt",
            "LitGPT",
            loss_forward_bytes=8,
            loss_backward_bytes=9,
            expands_heads=True,
            adapter_bytes=2,
            compute="pure",
            dropout=0.05,
            seq_len=512,
        ),
        Framework(
            "torchtune",
            "torchtune",
            loss_forward_bytes=7,
            loss_backward_bytes=7.5,
            expands_heads=True,
            optimizer="adamw_fused",
            targets="q_proj,v_proj,o_proj,gate_proj,up_proj,down_proj",
            adapter_bytes=2,
            checkpointing="full",
            compute="pure",
            seq_len=512,
        ),
        Framework(
            "mistral_finetune",
            "mistral-finetune",
            checkpointing="full",
            attention="flash",
            is_packed=True,
            seq_len=8192,
            adapter_bytes=2,
            compute="pure",
        ),
        Framework(
            "xtuner",
            "xtuner",
            compute="master",
            loss_forward_bytes=2,
            loss_backward_bytes=4,
            checkpointing="full",
            attention="flash",
            is_packed=True,
            seq_len=4096,
        ),
    )
}

_WORDS = (
    ("unsloth", "unsloth"),
    ("fms", "fms"),
    ("metamath", "peft_bench"),
    ("peft", "transformers"),
    ("qwen", "remote_2023"),
    ("chatglm", "remote_2023"),
    ("badam", "llama_factory"),
    ("swift", "swift"),
    ("factory", "llama_factory"),
    ("axolotl", "axolotl"),
    ("litgpt", "litgpt"),
    ("lit-gpt", "litgpt"),
    ("lightning", "litgpt"),
    ("torchtune", "torchtune"),
    ("mistral", "mistral_finetune"),
    ("xtuner", "xtuner"),
    ("trl", "trl"),
)


def find_framework(text: str) -> Framework:
    """Find a framework in a description such as ``fms-hf-tuning/TRL SFTTrainer``; what is not known is transformers.

    Example:
        >>> find_framework("unsloth+TRL").name, find_framework("HF Trainer").name
        ('unsloth', 'transformers')
    """
    lowered = text.lower()
    return FRAMEWORKS[next((name for word, name in _WORDS if word in lowered), "transformers")]
