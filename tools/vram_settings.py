"""How a model is fine-tuned, as far as memory depends on it."""

from dataclasses import dataclass
from typing import Literal

Adapter = Literal["none", "lora", "dora", "ia3", "prompt"]
Quantization = Literal["none", "nf4", "int8", "gptq", "awq"]
Precision = Literal["fp32", "bf16", "fp16"]
Compute = Literal["pure", "autocast", "master"]
Checkpointing = Literal["none", "selective", "full", "offloaded"]
Attention = Literal["eager", "sdpa", "flash"]
Loss = Literal["plain", "fused_cross_entropy", "fused_linear", "chunked"]
FusedLayers = Literal["none", "norm", "all"]
Sharding = Literal["none", "ddp", "zero1", "zero2", "zero3", "fsdp", "fsdp2"]
Objective = Literal["sft", "dpo", "orpo", "grpo"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Everything about a run that the estimate looks at; the defaults are those of a plain LoRA run.

    Attributes:
        adapter: what is trained; ``none`` is full fine-tuning.
        quantization: how the frozen base is stored.
        is_double_quantized: nf4's constants are quantised as well (bitsandbytes' ``bnb_4bit_use_double_quant``).
        weights: type of the resident weights that are not quantised.
        compute: ``pure`` runs in the weights' type; ``autocast`` casts per operation; ``master`` keeps fp32 master
            weights beside 16-bit ones (DeepSpeed).
        upcasts_rest: what a k-bit base does not quantise is made fp32, and with it the residual stream
            (PEFT's ``prepare_model_for_kbit_training``).
        fused_layers: kernels that keep less: of the norms (16-bit input, no fp32 copy), or of the MLP too (no product).
        keeps_experts: quantisation leaves stacked experts in 16 bits.
        micro_batch: sequences in one forward pass on one GPU.
        seq_len: tokens in one of them; with padding, the longest of the batch.
        is_packed: every batch has the same length, so the allocator meets the same sizes again.
        accumulation: micro-batches before one optimiser step.
        dropout: LoRA dropout; above 0 a mask is kept for every adapted matrix.
        steps_in_backward: each parameter is updated as its gradient arrives, so gradients never stand side by side.
        targets: adapted modules as PEFT takes them, joined with commas; "" stands for the framework's default.
        modules_to_save: modules trained in full beside the adapter, joined with commas.
        num_gpus: GPUs that share the work by data parallelism.
        offloads_optimizer: optimiser states live in the memory of the host.
        offloads_parameters: weights live there too and visit the GPU layer by layer.
        has_reference: a frozen copy of the model stays on the GPU (DPO without adapters).
        evaluation_batch: sequences in one evaluation pass; 0 leaves evaluation out.
        framework: whose training loop it is; see ``tools.vram_frameworks``.
        capacity_bytes: usable memory of the GPU, which caps what the allocator keeps in reserve; 0 is not known.
        is_length_assumed: seq_len was not given.
    """

    adapter: Adapter = "lora"
    quantization: Quantization = "none"
    is_double_quantized: bool = True
    weights: Precision = "bf16"
    compute: Compute = "autocast"
    optimizer: str = "adamw"
    steps_in_backward: bool = False
    micro_batch: int = 1
    seq_len: int = 1024
    is_packed: bool = False
    accumulation: int = 1
    checkpointing: Checkpointing = "full"
    attention: Attention = "sdpa"
    upcasts_rest: bool = False
    loss: Loss = "plain"
    fused_layers: FusedLayers = "none"
    keeps_experts: bool = False
    rank: int = 16
    dropout: float = 0.0
    targets: str = ""
    modules_to_save: str = ""
    num_gpus: int = 1
    sharding: Sharding = "none"
    offloads_optimizer: bool = False
    offloads_parameters: bool = False
    objective: Objective = "sft"
    has_reference: bool = False
    evaluation_batch: int = 0
    framework: str = "transformers"
    capacity_bytes: int = 0
    is_length_assumed: bool = False

    @property
    def activation_bytes(self) -> int:
        """Bytes of one activation in the matrices' type."""
        return 4 if self.weights == "fp32" and self.compute == "pure" else 2

    @property
    def tokens(self) -> int:
        """Tokens of one forward pass: a preference pair is two sequences."""
        return self.micro_batch * self.seq_len * (2 if self.objective in ("dpo", "orpo") else 1)

    @property
    def shards_weights(self) -> bool:
        """Every GPU holds a part of the weights."""
        return self.num_gpus > 1 and self.sharding in ("zero3", "fsdp", "fsdp2")

    @property
    def weight_shards(self) -> int:
        """Parts that the weights are cut into."""
        return self.num_gpus if self.sharding in ("zero3", "fsdp", "fsdp2") else 1

    @property
    def gradient_shards(self) -> int:
        """Parts that the gradients are cut into."""
        return self.num_gpus if self.sharding in ("zero2", "zero3", "fsdp", "fsdp2") else 1

    @property
    def optimizer_shards(self) -> int:
        """Parts that the optimiser's states are cut into."""
        return self.num_gpus if self.sharding in ("zero1", "zero2", "zero3", "fsdp", "fsdp2") else 1
