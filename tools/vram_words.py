"""The words by which trainers, tables and people name training settings; the first that occurs in a text decides."""

Words = tuple[tuple[str, str], ...]

METHODS = "full, lora, dora, qlora, gptq, 8bit, rslora, ia3, prompt, each with dpo, orpo or grpo"

ADAPTERS: Words = (
    ("dora", "dora"),
    ("full", "none"),
    ("finetune", "none"),
    ("fft", "none"),
    ("sft", "none"),
    ("ia3", "ia3"),
    ("prompt", "prompt"),
    ("prefix", "prompt"),
    ("p-tuning", "prompt"),
    ("p_tuning", "prompt"),
    ("ln_tuning", "ia3"),
    ("beft", "ia3"),
    ("tokens", "prompt"),
    ("adaption", "prompt"),
    ("lora", "lora"),
    ("peft:", "lora"),
    ("adapter", "lora"),
    ("gptq", "lora"),
    ("awq", "lora"),
    ("bit", "lora"),
    ("dpo", "none"),
    ("orpo", "none"),
    ("grpo", "none"),
)
"""What is trained, by the method's name."""

WEIGHTS: Words = (
    ("32", "fp32"),
    ("fp16", "fp16"),
    ("float16", "fp16"),
    ("half", "fp16"),
    ("16", "bf16"),
    ("mixed", "bf16"),
    ("4", "bf16"),
    ("8", "bf16"),
    ("auto", "bf16"),
    ("master", "bf16"),
)
"""Type of the weights that are not quantised."""

COMPUTE: Words = (
    ("no autocast", "pure"),
    ("no amp", "pure"),
    ("pure", "pure"),
    ("true", "pure"),
    ("master", "master"),
    ("autocast", "autocast"),
    ("mixed", "autocast"),
    ("amp", "autocast"),
    ("auto", "autocast"),
    ("16", "autocast"),
    ("32", "pure"),
    ("half", "autocast"),
)
"""Type of the computation."""

SHARDINGS: Words = (
    ("fsdp2", "fsdp2"),
    ("fully_shard", "fsdp2"),
    ("fsdp", "fsdp"),
    ("zero-3", "zero3"),
    ("zero3", "zero3"),
    ("zero 3", "zero3"),
    ("stage3", "zero3"),
    ("stage 3", "zero3"),
    ("zero-2", "zero2"),
    ("zero2", "zero2"),
    ("zero 2", "zero2"),
    ("zero-1", "zero1"),
    ("zero1", "zero1"),
    ("zero 1", "zero1"),
    ("zero", "zero2"),
    ("deepspeed", "zero2"),
    ("ddp", "ddp"),
    ("none", "none"),
    ("no", "none"),
    ("device_map", "none"),
    ("sequence", "ddp"),
    ("data", "ddp"),
    ("full", "fsdp"),
)
"""How GPUs share the states."""

CHECKPOINTING: Words = (
    ("offload", "offloaded"),
    ("unsloth", "offloaded"),
    ("selective", "selective"),
    ("block", "full"),
)
"""What is computed again in the backward pass, beside yes and no."""

ATTENTIONS: Words = (
    ("flash", "flash"),
    ("flex", "flash"),
    ("fa2", "flash"),
    ("fa3", "flash"),
    ("xformers", "flash"),
    ("sdpa", "sdpa"),
    ("eager", "eager"),
    ("default", "sdpa"),
    ("manual", "eager"),
    ("math", "eager"),
    ("vanilla", "eager"),
)
"""The kernel of attention."""

LOSSES: Words = (
    ("liger|cut|\\bcce\\b|fused[-_ ]linear|unsloth", "fused_linear"),
    ("foak|fast kernels|cross[-_ ]entropy|\\bfused[-_ ]ce\\b|in[-_ ]?place", "fused_cross_entropy"),
    ("chunk", "chunked"),
)
"""How the loss is computed: patterns."""
