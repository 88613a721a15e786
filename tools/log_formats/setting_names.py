"""The names that trainers give to their settings, under the one that Hugging Face uses, and what a value may be."""

from typing import Literal

Kind = Literal["number", "truth", "word", "list"]

# Hugging Face's name -> the names that other trainers use and that mean nothing else wherever they stand.
_NUMBERS = {
    "learning_rate": "peak_learning_rate initial_learning_rate",
    "num_train_epochs": "num_epochs max_epochs",
    "max_steps": "train_iters max_iters max_train_steps num_train_steps num_training_steps train_max_steps",
    "total_steps": "",
    "per_device_train_batch_size": "micro_batch_size train_micro_batch_size_per_gpu per_gpu_train_batch_size "
    "per_device_batch_size device_train_microbatch_size local_batch_size",
    "per_device_eval_batch_size": "per_gpu_eval_batch_size device_eval_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_iters grad_accum_steps grad_accumulation_steps "
    "gradient_accumulation accumulate_grad_batches accumulative_counts",
    "total_train_batch_size": "global_batch_size global_train_batch_size effective_batch_size total_batch_size",
    "warmup_ratio": "lr_warmup_fraction warmup_fraction warmup_proportion lr_warmup_ratio",
    "warmup_steps": "lr_warmup_steps num_warmup_steps lr_warmup_iters warmup_iters",
    "weight_decay": "",
    "max_grad_norm": "clip_grad grad_clip gradient_clipping gradient_clip_val clip_grad_norm gradient_clip "
    "clip_grad_max_norm",
    "adam_beta1": "",
    "adam_beta2": "",
    "adam_epsilon": "adam_eps",
    "label_smoothing_factor": "label_smoothing",
    "neftune_noise_alpha": "",
    "lora_r": "lora_rank",
    "lora_alpha": "",
    "lora_dropout": "",
    "max_length": "max_seq_length max_seq_len sequence_len cutoff_len model_max_length seq_length sequence_length",
    "max_prompt_length": "",
    "max_completion_length": "",
    "num_generations": "",
    "logging_steps": "log_interval steps_per_report log_every_n_steps",
    "eval_steps": "eval_interval steps_per_eval",
    "save_steps": "save_interval save_every",
    "save_total_limit": "",
    "early_stopping_patience": "",
    "val_set_size": "val_size",
    "dataloader_num_workers": "",
    "seed": "random_seed",
    "vocab_size": "",
    "padded_vocab_size": "",
    "hidden_size": "n_embd",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "num_key_value_heads": "num_query_groups",
    "intermediate_size": "ffn_hidden_size",
    "max_position_embeddings": "",
    "num_examples": "num_train_examples num_train_samples",
    "trainable_parameters": "trainable_params",
    "all_parameters": "all_params",
    "zero_stage": "zero_optimization_stage",
    "world_size": "dist_world_size num_processes",
    "num_gpus": "nproc_per_node n_gpus num_devices",
    "tensor_parallel_size": "tensor_model_parallel_size",
    "pipeline_parallel_size": "pipeline_model_parallel_size pipe_parallel_size",
    "initial_loss_scale": "initial_dynamic_scale",
    "loss_scale": "",
}
_TRUTHS = {
    "bf16": "bfloat16_enabled",
    "fp16": "fp16_enabled",
    "tf32": "",
    "load_in_4bit": "",
    "load_in_8bit": "",
    "gradient_checkpointing": "grad_checkpoint enable_activation_checkpointing use_gradient_checkpointing",
    "packing": "sample_packing",
    "group_by_length": "",
    "load_best_model_at_end": "",
    "train_on_inputs": "",
    "mask_prompt": "",
    "completion_only_loss": "",
    "assistant_only_loss": "",
    "use_dora": "",
    "use_rslora": "",
    "do_eval": "",
    "torch_compile": "",
    "use_liger_kernel": "",
    "tie_word_embeddings": "",
}
_WORDS = {
    "lr_scheduler_type": "lr_scheduler lr_decay_style",
    "optim": "optimizer_name",
    "eval_strategy": "evaluation_strategy",
    "save_strategy": "",
    "logging_strategy": "",
    "attn_implementation": "_attn_implementation attn_impl",
    "torch_dtype": "params_dtype",
    "mixed_precision": "",
    "bnb_4bit_quant_type": "",
    "bnb_4bit_compute_dtype": "",
    "model_type": "",
    "model_name_or_path": "base_model _name_or_path pretrained_model_name_or_path",
    "adapter": "peft_type finetuning_type train_type fine_tune_type",
    "task_type": "",
    "metric_for_best_model": "",
    "loss_type": "",
}
_LISTS = {
    "target_modules": "lora_target_modules lora_target lora_attn_modules",
    "modules_to_save": "lora_modules_to_save additional_target",
}
# Names that mean this only among other settings, on a command line or inside the section that they belong to.
_WEAK = {
    "learning_rate": "lr max_lr",
    "num_train_epochs": "epochs n_epochs total_epochs",
    "max_steps": "iters",
    "per_device_train_batch_size": "batch_size device_batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "total_train_batch_size": "train_batch_size",
    "max_grad_norm": "max_norm",
    "lora_r": "r",
    "max_length": "seq_len block_size",
    "num_gpus": "devices",
    "optim": "optimizer optimizer_type",
    "lr_scheduler_type": "scheduler lr_schedule",
    "torch_dtype": "dtype",
    "model_name_or_path": "model model_id model_name",
    "precision": "precision",
    "quantize": "quantize quantization_bit",
    "packing": "packed",
    "beta": "beta",
    "flash_attention": "flash_attention flash_attn",
    "lora_target_linear": "lora_target_linear",
}
# A setting inside a section, by the end of its dotted path.
PATHS = {
    "optimizer.lr": "learning_rate",
    "optim.lr": "learning_rate",
    "optimizer.params.lr": "learning_rate",
    "optimizer.init_args.lr": "learning_rate",
    "optimizer.weight_decay": "weight_decay",
    "optimizer.type": "optim",
    "optimizer.name": "optim",
    "optimizer._component_": "optim",
    "optimizer.class_path": "optim",
    "optim.name": "optim",
    "scheduler.type": "lr_scheduler_type",
    "scheduler.name": "lr_scheduler_type",
    "lr_schedule.name": "lr_scheduler_type",
    "lr_schedule.warmup": "warmup_steps",
    "lr_scheduler._component_": "lr_scheduler_type",
    "scheduler.t_warmup": "warmup_steps",
    "sched.warmup_steps": "warmup_steps",
    "lora_parameters.rank": "lora_r",
    "lora_parameters.dropout": "lora_dropout",
    "lora_parameters.scale": "lora_scale",
    "lora_parameters.alpha": "lora_alpha",
    "lora_parameters.keys": "target_modules",
    "lora.r": "lora_r",
    "lora.rank": "lora_r",
    "lora.alpha": "lora_alpha",
    "lora.dropout": "lora_dropout",
    "model.lora_rank": "lora_r",
    "zero_optimization.stage": "zero_stage",
    "zero_optimization.offload_optimizer.device": "offload_optimizer",
    "zero_optimization.offload_param.device": "offload_param",
    "deepspeed_config.zero_stage": "zero_stage",
    "bf16.enabled": "bf16",
    "bfloat16.enabled": "bf16",
    "fp16.enabled": "fp16",
    "fp16.initial_scale_power": "initial_scale_power",
    "tokenizer.max_seq_len": "max_length",
    "dataset.packed": "packing",
    "trainer.devices": "num_gpus",
    "trainer.precision": "precision",
    "train.epochs": "num_train_epochs",
    "train.max_norm": "max_grad_norm",
    "model.encoder_seq_length": "max_length",
    "training.steps": "max_steps",
    "eval.interval": "eval_steps",
}

_TABLES: tuple[tuple[Kind, dict[str, str]], ...] = (
    ("number", _NUMBERS),
    ("truth", _TRUTHS),
    ("word", _WORDS),
    ("list", _LISTS),
)
KINDS: dict[str, Kind] = {name: kind for kind, table in _TABLES for name in table} | {
    "precision": "word",
    "quantize": "word",
    "flash_attention": "word",
    "lora_target_linear": "truth",
    "beta": "number",
    "lora_scale": "number",
    "offload_optimizer": "word",
    "offload_param": "word",
    "initial_scale_power": "number",
}
CONFIG_NAMES: dict[str, str] = {
    name: canonical
    for _, table in _TABLES
    for canonical, others in table.items()
    for name in (canonical, *others.split())
}
WEAK_NAMES: dict[str, str] = {name: canonical for canonical, names in _WEAK.items() for name in names.split()}
_NOT_THE_MODEL = "vllm teacher ref ref_model reward_model critic critic_model"
_NOT_TRAINING = "log_history generation generation_config generation_kwargs sampling sampling_params profiler wandb"
_NOT_TRAINING_DATA = "eval_dataset test validation_ds test_ds"
OTHER_SECTIONS = frozenset(f"{_NOT_THE_MODEL} {_NOT_TRAINING} {_NOT_TRAINING_DATA}".split())
"""What stands in these sections is not about the model that is trained."""
SECTIONS = frozenset(part for path in PATHS for part in path.split(".")[:-1])
KNOWN_ENDS = frozenset(CONFIG_NAMES) | frozenset(WEAK_NAMES) | frozenset(path.rpartition(".")[2] for path in PATHS)
