"""Checkpoints and adapters that do not load, do not fit, or cannot be turned into another format."""

from tools.diagnosis.signatures.signature import Signature

RESUME = "checkpoint_resume"
LORA = "lora_misconfiguration"
EXPORT = "export_conversion"

CHECKPOINT_SIGNATURES = (
    Signature(
        "embedding_rows_differ",
        "tokenizer_vocab_mismatch",
        r"size mismatch for (?P<weight>\S{0,100}(?:embed|lm_head|wte|word_embeddings|output\.weight)\S{0,60}): "
        r".{0,60}?shape torch\.Size\(\[(?P<checkpoint_rows>\d{1,9})[^)]{0,60}\)"
        r".{0,80}?torch\.Size\(\[(?P<model_rows>\d{1,9})",
        "The checkpoint's {weight} has {checkpoint_rows} rows and the model's {model_rows}: the vocabularies differ.",
        "certain",
    ),
    Signature(
        "no_valid_checkpoint",
        RESUME,
        r"Can't find a valid checkpoint at (?P<path>\S{1,200})"
        r"|No valid checkpoint found in output directory \(?(?P<folder>[^)\n]{1,200})|Unable to find latest file at"
        r"|[Cc]heckpoint (?:path |directory |folder |dir )?\S{0,200} (?:does not exist|not found|is empty)"
        r"|No checkpoint (?:found|exists)",
        "There is no checkpoint to resume from ({path}) ({folder}).",
        "certain",
    ),
    Signature(
        "checkpoint_file_missing",
        RESUME,
        r"(?:FileNotFoundError|No such file or directory).{0,300}(?:trainer_state\.json|optimizer\.(?:pt|bin)"
        r"|scheduler\.pt|rng_state|checkpoint|global_step\d|\.ckpt|optim_states|model_states)",
        "A file of the checkpoint is missing.",
    ),
    Signature(
        "optimiser_groups_differ",
        RESUME,
        r"loaded state dict (?:contains a parameter group that doesn't match"
        r"|has a different number of parameter groups)|param_groups.{0,60}mismatch",
        "The saved optimiser state belongs to another set of trainable weights.",
        "certain",
    ),
    Signature(
        "world_size_differs",
        RESUME,
        r"DP world size of (?P<saved>\d{1,6}) but the current world size is (?P<now>\d{1,6})"
        r"|world size.{0,60}(?:does not match|mismatch|different from).{0,60}checkpoint|[Ee]lastic.{0,20}checkpoint",
        "The checkpoint was written by another number of ranks.",
        "certain",
    ),
    Signature(
        "state_dict_keys",
        RESUME,
        r"Error\(s\) in loading state_dict for (?P<model>\w{1,80})|parameters not in model|Missing \d{1,6} parameters"
        r"|(?:Missing|Unexpected) key\(s\) in state_dict|size mismatch for (?P<weight>\S{1,160}): copying a param",
        "The saved weights do not fit the model: names or shapes differ.",
        "certain",
    ),
    Signature(
        "wrapped_weight_name",
        RESUME,
        r"KeyError: ['\"](?P<key>(?:_orig_mod|module|_fsdp_wrapped_module|_forward_module)\.[\w.]{1,160})['\"]",
        "The weight is saved or looked up under a name that a wrapper (torch.compile, data-parallel) changed: {key}.",
    ),
    Signature(
        "weight_name_missing",
        RESUME,
        r"KeyError: ['\"](?P<key>\w{1,60}\.[\w.]{1,160}(?:weight|bias|weight_scale\w{0,10}|weight_offset|qweight"
        r"|scales|lora_[AB]\S{0,40}))['\"]",
        "The weight {key} is in the checkpoint and not in the model, or the other way round.",
    ),
    Signature(
        "checkpoint_key_missing",
        RESUME,
        r"KeyError: ['\"](?P<key>(?:\w{0,20}state_dict|optimizer\w{0,20}|lr_scheduler\w{0,20}|scheduler\w{0,10}"
        r"|global_step|iter_num|best_val_loss|model_args|param_groups|rng_state\w{0,10}|epoch))['\"]",
        "The checkpoint does not hold '{key}', which resuming needs.",
    ),
    Signature(
        "random_state_unpickled",
        RESUME,
        r"Weights only load failed|WeightsUnpickler",
        "The saved state holds objects that torch.load of this version refuses unless weights_only is off.",
        "likely",
        stack=r"rng_state|resume|_load_optimizer|load_checkpoint|_load_from_checkpoint",
    ),
    Signature(
        "checkpoint_broken",
        RESUME,
        r"PytorchStreamReader failed|invalid header or archive is corrupted"
        r"|unexpected EOF, expected \d{1,12} more bytes|Ran out of input|failed finding central directory"
        r"|corrupt(?:ed)? checkpoint",
        "The checkpoint file is cut short or damaged.",
    ),
    Signature(
        "target_modules_missing",
        LORA,
        r"[Tt]arget modules? (?P<modules>.{1,200}?) not found in the base model"
        r"|No modules were targeted for adaptation",
        "LoRA's target modules do not exist in this model: {modules}.",
        "certain",
    ),
    Signature(
        "target_modules_unset",
        LORA,
        r"specify `?target_modules`? in `?peft_config|No `?target_modules`? passed"
        r"|target_modules.{0,40}(?:must be|cannot be None|is None)",
        "LoRA was given no target modules, and it knows none for this architecture.",
        "certain",
    ),
    Signature(
        "adapters_already_there",
        LORA,
        r"already has LoRA adapters|already has a `?peft_config|adapter with name .{0,40} already exists",
        "Adapters were put on a model that already has some.",
        "certain",
    ),
    Signature(
        "target_module_unsupported",
        LORA,
        r"Target module (?P<module>.{1,120}?) is not supported",
        "LoRA cannot be put on this kind of layer ({module}).",
        "certain",
    ),
    Signature(
        "adapter_missing",
        "adapter_not_applied",
        r"Can't find '?adapter_config\.json'? at '?(?P<path>[^'\n]{1,200})"
        r"|adapter_model\.(?:bin|safetensors).{0,60}(?:not found|No such file)|No adapter (?:loaded|found)",
        "There is no adapter at the place that was named.",
        "certain",
    ),
    Signature(
        "converter_tensor",
        EXPORT,
        r"Can not map tensor '?(?P<tensor>[\w.]{1,160})"
        r"|Model (?:architecture )?'?(?P<architecture>\w{1,80})'? is not supported.{0,60}(?:gguf|GGUF|convert)?"
        r"|unknown model architecture: '?(?P<unknown>\w{1,80})|Architecture .{0,80}not supported"
        r"|BPE pre-tokenizer was not recognized|wrong (?:number|shape) of tensors",
        "The converter to GGUF does not know this model, tensor or tokenizer.",
        stack=r"convert|gguf|save_pretrained_gguf|llama\.?cpp",
    ),
    Signature(
        "converter_message",
        EXPORT,
        r"BPE pre-tokenizer was not recognized|unknown model architecture: '?(?P<architecture>\w{1,80})"
        r"|Can not map tensor '?(?P<tensor>[\w.]{1,160})"
        r"|Unsloth: (?:Quantization failed|Failed (?:to|compiling).{0,40}llama\.cpp|GGUF conversion failed)"
        r"|llama\.cpp.{0,60}(?:does not exist|not found|failed)|gguf\S{0,20}: .{0,40}(?:invalid magic|unsupported)",
        "The model could not be turned into GGUF.",
    ),
    Signature(
        "merge_into_quantised",
        EXPORT,
        r"Cannot merge (?:LORA|LoRA|adapter) .{0,60}(?:quantized|8-bit|4-bit|gptq)"
        r"|merge.{0,40}(?:8-?bit|4-?bit).{0,60}not supported",
        "An adapter was to be merged into quantised weights.",
        "certain",
    ),
    Signature(
        "shared_tensors",
        EXPORT,
        r"Some tensors share memory|shared tensors.{0,80}mismatching the transformers base"
        r"|RuntimeError: The weights trying to be saved",
        "Weights that share memory cannot be saved as they are in safetensors.",
    ),
)
