"""Configs and scripts as people write them for many trainers, each with the settings that it names."""

Values = dict[str, float | str | bool]

AXOLOTL = """base_model: NousResearch/Llama-3.2-1B
load_in_4bit: true
adapter: qlora
datasets:
  - path: data.jsonl
    type: alpaca
val_set_size: 0.1
sequence_len: 2048
sample_packing: true
lora_r: 32
lora_target_linear: true
gradient_accumulation_steps: 4
micro_batch_size: 2
num_epochs: 1
optimizer: adamw_8bit
lr_scheduler: cosine
learning_rate: 2e-4
bf16: auto
vllm:
  dtype: float16
flash_attention: true
"""
LLAMA_FACTORY = """### model
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
### method
stage: sft
finetuning_type: lora
lora_rank: 8
lora_target: all
deepspeed: ds.json
cutoff_len: 2048
quantization_bit: 4
per_device_train_batch_size: 1
learning_rate: 1.0e-4
fp16: true
flash_attn: fa2
val_size: 0.1
"""
TORCHTUNE = """model:
  _component_: torchtune.models.llama3_1.lora_llama3_1_8b
  lora_attn_modules: ['q_proj', 'v_proj', 'output_proj']
  lora_rank: 8
  lora_alpha: 16
tokenizer: &tok
  max_seq_len: 1024
again: *tok
optimizer:
  _component_: torch.optim.AdamW
  weight_decay: 0.01
  lr: 3e-4
epochs: 1
batch_size: 2
clip_grad_norm: null
dtype: bf16
enable_activation_checkpointing: True
"""
LITGPT = """precision: bf16-true
quantize: bnb.nf4
devices: 1
lora_r: 32
train:
  global_batch_size: 8
  micro_batch_size: 2
  lr_warmup_steps: 10
  epochs: 1
  max_seq_length: 512
eval:
  interval: 25
optimizer:
  class_path: torch.optim.AdamW
  init_args:
    lr: 0.0002
seed: 1337
"""
MLX = """model: "mlx-community/Llama-3.2-1B"
fine_tune_type: lora
batch_size: 4
iters: 1000
learning_rate: 1e-5
steps_per_eval: 200
grad_checkpoint: true
num_layers: 16
lora_parameters:
  keys: ["self_attn.q_proj", "self_attn.v_proj"]
  rank: 8
  dropout: 0.0
"""
DEEPSPEED = """{
  "bf16": {"enabled": true},
  "fp16": {"enabled": "auto"},
  "optimizer": {"type": "AdamW", "params": {"lr": 3e-5, "weight_decay": "auto"}},
  "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}},
  "train_micro_batch_size_per_gpu": 4,
  "gradient_clipping": 1.0
}
"""
ACCELERATE = """compute_environment: LOCAL_MACHINE
mixed_precision: bf16
num_processes: 8
deepspeed_config:
  zero_stage: 2
"""
ADAPTER = """{
  "lora_alpha": 32,
  "peft_type": "LORA",
  "r": 16,
  "target_modules": [
    "q_proj",
    "v_proj"
  ]
}
"""
TORCHTITAN = """[optimizer]
name = "AdamW"
lr = 8e-4
[training]
local_batch_size = 8
seq_len = 2048  # tokens
steps = 1000
"""

CASES: dict[str, tuple[str, Values]] = {
    "axolotl.yaml": (
        AXOLOTL,
        {
            "model_name_or_path": "NousResearch/Llama-3.2-1B",
            "load_in_4bit": True,
            "adapter": "qlora",
            "val_set_size": 0.1,
            "max_length": 2048,
            "packing": True,
            "lora_r": 32,
            "target_modules": "all-linear",
            "gradient_accumulation_steps": 4,
            "per_device_train_batch_size": 2,
            "num_train_epochs": 1,
            "optim": "adamw_8bit",
            "lr_scheduler_type": "cosine",
            "learning_rate": 2e-4,
            "attn_implementation": "flash_attention_2",
        },
    ),
    "llama_factory.yaml": (
        LLAMA_FACTORY,
        {
            "model_name_or_path": "meta-llama/Meta-Llama-3-8B-Instruct",
            "adapter": "lora",
            "lora_r": 8,
            "target_modules": "all",
            "max_length": 2048,
            "load_in_4bit": True,
            "per_device_train_batch_size": 1,
            "learning_rate": 1e-4,
            "fp16": True,
            "attn_implementation": "flash_attention_2",
            "val_set_size": 0.1,
        },
    ),
    "torchtune.yaml": (
        TORCHTUNE,
        {
            "target_modules": "q_proj,v_proj,output_proj",
            "lora_r": 8,
            "lora_alpha": 16,
            "max_length": 1024,
            "optim": "torch.optim.AdamW",
            "weight_decay": 0.01,
            "learning_rate": 3e-4,
            "num_train_epochs": 1,
            "per_device_train_batch_size": 2,
            "torch_dtype": "bf16",
            "gradient_checkpointing": True,
        },
    ),
    "litgpt.yaml": (
        LITGPT,
        {
            "bf16": True,
            "load_in_4bit": True,
            "num_gpus": 1,
            "lora_r": 32,
            "total_train_batch_size": 8,
            "per_device_train_batch_size": 2,
            "warmup_steps": 10,
            "num_train_epochs": 1,
            "max_length": 512,
            "eval_steps": 25,
            "optim": "torch.optim.AdamW",
            "learning_rate": 2e-4,
            "seed": 1337,
        },
    ),
    "mlx.yaml": (
        MLX,
        {
            "model_name_or_path": "mlx-community/Llama-3.2-1B",
            "adapter": "lora",
            "per_device_train_batch_size": 4,
            "max_steps": 1000,
            "learning_rate": 1e-5,
            "eval_steps": 200,
            "gradient_checkpointing": True,
            "target_modules": "self_attn.q_proj,self_attn.v_proj",
            "lora_r": 8,
            "lora_dropout": 0,
        },
    ),
    "deepspeed.json": (
        DEEPSPEED,
        {
            "bf16": True,
            "optim": "AdamW",
            "learning_rate": 3e-5,
            "zero_stage": 3,
            "offload_optimizer": "cpu",
            "per_device_train_batch_size": 4,
            "max_grad_norm": 1,
        },
    ),
    "accelerate.yaml": (ACCELERATE, {"mixed_precision": "bf16", "bf16": True, "world_size": 8, "zero_stage": 2}),
    "adapter_config.json": (
        ADAPTER,
        {"lora_alpha": 32, "adapter": "LORA", "lora_r": 16, "target_modules": "q_proj,v_proj"},
    ),
    "titan.toml": (
        TORCHTITAN,
        {
            "optim": "AdamW",
            "learning_rate": 8e-4,
            "per_device_train_batch_size": 8,
            "max_length": 2048,
            "max_steps": 1000,
        },
    ),
}
