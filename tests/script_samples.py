"""Scripts as people write them to train a model, each with the settings that it names."""

from config_samples import Values

UNSLOTH = """from unsloth import FastLanguageModel
max_seq_length = 2048
LEARNING_RATE = 2e-4
model, tokenizer = FastLanguageModel.from_pretrained(
    model_name="unsloth/Llama-3.2-1B", max_seq_length=max_seq_length, load_in_4bit=True, dtype=None)
model = FastLanguageModel.get_peft_model(
    model,
    r=16,
    target_modules=["q_proj",
                    "v_proj"],
    lora_alpha=2 * 16,
)
trainer = SFTTrainer(args=SFTConfig(
    learning_rate=LEARNING_RATE,
    per_device_train_batch_size=2,
    bf16=is_bfloat16_supported(),
    optim="adamw_8bit",
))
model.generate(max_length=64)
"""
PLAIN_LOOP = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=7)
args = parser.parse_args()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=args.weight_decay)
loader = DataLoader(rows, batch_size=8, shuffle=True)
"""
ALPACA_LORA = """def train(base_model: str = "", batch_size: int = 128, micro_batch_size: int = 4,
          learning_rate: float = 3e-4, lora_r: int = 8, lora_target_modules: list = ["q_proj", "v_proj"]):
    pass
"""
SHELL = """#!/bin/bash
LR=2e-4
export BATCH=4
torchrun --nproc_per_node 2 train.py \\
    --learning_rate ${LR} \\
    --per_device_train_batch_size $BATCH \\
    --max_steps ${STEPS:-100} \\
    --lora_target_modules q_proj v_proj \\
    --bf16
"""

SCRIPTS: dict[str, tuple[str, Values]] = {
    "unsloth.py": (
        UNSLOTH,
        {
            "model_name_or_path": "unsloth/Llama-3.2-1B",
            "max_length": 2048,
            "load_in_4bit": True,
            "lora_r": 16,
            "target_modules": "q_proj,v_proj",
            "lora_alpha": 32,
            "learning_rate": 2e-4,
            "per_device_train_batch_size": 2,
            "optim": "adamw_8bit",
        },
    ),
    "loop.py": (
        PLAIN_LOOP,
        {"num_train_epochs": 3, "seed": 7, "learning_rate": 5e-5, "per_device_train_batch_size": 8},
    ),
    "alpaca.py": (
        ALPACA_LORA,
        {"per_device_train_batch_size": 4, "learning_rate": 3e-4, "lora_r": 8, "target_modules": "q_proj,v_proj"},
    ),
    "run.sh": (
        SHELL,
        {
            "learning_rate": 2e-4,
            "per_device_train_batch_size": 4,
            "max_steps": 100,
            "num_gpus": 2,
            "target_modules": "q_proj,v_proj",
            "bf16": True,
        },
    ),
}
