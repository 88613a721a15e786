"""Quantised weights: their libraries' set-up, and what cannot be done with them."""

from tools.diagnosis.signatures.signature import Signature

ID = "quantization_setup"

QUANTIZATION_SIGNATURES = (
    Signature(
        "bitsandbytes_cuda_setup",
        ID,
        r"CUDA S(?:etup|ETUP) (?:failed|error)|CUDA_SETUP.{0,80}fail|CUDA SETUP: Something unexpected",
        "bitsandbytes could not load its CUDA library although there is a GPU.",
        "certain",
    ),
    Signature(
        "bitsandbytes_without_gpu",
        ID,
        r"CUDA is required but not available for bitsandbytes"
        r"|None of the available devices .{0,80}are supported by the bitsandbytes"
        r"|bitsandbytes was compiled without GPU support",
        "bitsandbytes has no GPU that it can use here.",
        "certain",
    ),
    Signature(
        "bitsandbytes_missing",
        ID,
        r"(?:[Uu]sing|Loading) .{0,40}(?:bitsandbytes|4-?bit|8-?bit).{0,60}requires"
        r"|No package metadata was found for bitsandbytes|requires the latest version of .?bitsandbytes"
        r"|No module named '?bitsandbytes|Cannot import .?bitsandbytes"
        r"|[Pp]lease (?:`?pip )?install .{0,20}bitsandbytes",
        "Quantised loading was asked for, and bitsandbytes is missing or too old.",
        "certain",
    ),
    Signature(
        "bitsandbytes_library",
        ID,
        r"libbitsandbytes_\w{1,40}|undefined symbol: c(?:quantize|dequantize|get_managed_ptr|adam|lion)\w{0,60}"
        r"|cquantize_blockwise|cget_managed_ptr|cextension.{0,60}NoneType",
        "The native library of bitsandbytes is missing or does not match this CUDA.",
        "certain",
    ),
    Signature(
        "bitsandbytes_kernel",
        ID,
        r"Error (?P<what>named symbol not found|invalid (?:configuration argument|device function)"
        r"|no kernel image .{0,60}?) at line \d{1,5} in file",
        "A kernel of bitsandbytes does not run on this GPU: {what}.",
        "certain",
    ),
    Signature(
        "training_quantised_weights",
        ID,
        r"cannot perform fine-tuning on purely quantized models"
        r"|model you are (?:trying to fine-tune|using) is quantized with|fine-tune a quantized model"
        r"|[Tt]raining .{0,30}(?:4-?bit|8-?bit).{0,40}not (?:yet )?supported",
        "The weights are quantised and no adapter was put on them; only an adapter can be trained there.",
        "certain",
    ),
    Signature(
        "moving_quantised_weights",
        ID,
        r"(?:`?\.to`?|`?\.cuda`?|Calling `cuda\(\)`).{0,40}is not supported for .{0,60}(?:bit|quantized)",
        "A quantised model was to be moved or cast; it must stay where and as it was loaded.",
        "certain",
    ),
    Signature(
        "quantised_on_another_device",
        ID,
        r"can'?t train a model that has been loaded (?:in|with) 8-bit(?: or 4-bit)? precision "
        r"(?:on a different device|with CPU)",
        "A quantised model was loaded on another device than the one that trains it.",
        "certain",
    ),
    Signature(
        "gptq_or_awq",
        ID,
        r"(?:GPTQ|gptq|AWQ|awq|HQQ|hqq|EETQ|AQLM|exllama|ExLlama|Exllama).{0,120}(?:requires|require |not supported"
        r"|is not available|not installed|[Pp]lease install|modules on cpu/disk|incompatible)"
        r"|No module named '(?:auto_gptq|gptqmodel|awq|hqq|optimum\.gptq)"
        r"|requires .{0,20}(?:optimum|auto-gptq|gptqmodel|autoawq)",
        "The model's quantisation needs a library or a device that is not there.",
    ),
    Signature(
        "packed_weight_shape",
        ID,
        r"mat1 and mat2 shapes cannot be multiplied \((?P<input>\d{1,9}x\d{1,9}) and "
        r"(?P<weight>1x\d{5,12}|\d{5,12}x1)\)",
        "A matrix product of {input} got a packed 4-bit weight ({weight}) as if it were a plain one.",
        "certain",
    ),
    Signature(
        "packed_weight_shape_mlx",
        ID,
        r"\[matmul\] Last dimension of first input with shape (?P<input>\([\d,]{1,60}\)) must match .{0,60}shape "
        r"(?P<weight>\([\d,]{1,60}\))",
        "The LoRA matrix {weight} does not fit its input {input}; on a quantised layer the shape of the packed weight "
        "is not the "
        "layer's.",
        "possible",
        stack=r"[Ll]o[Rr][Aa]",
    ),
    Signature(
        "mlx_quantized_operation",
        ID,
        r"\[(?:quantized_matmul|dequantize|quantize|gather_qmm)\] .{0,200}",
        "An operation on quantised weights got shapes or groups that it cannot do.",
        "certain",
    ),
    Signature(
        "gradient_of_integers",
        ID,
        r"[Oo]nly Tensors of floating point(?: and complex)? (?:dtype )?can require gradients",
        "Weights stored as integers, as quantised ones are, were to be trained.",
    ),
    Signature(
        "quantiser_unknown",
        ID,
        r"Unknown quantization type|quantization_config.{0,80}(?:not supported|unsupported|is not recognized)"
        r"|Unsupported quantization|[Qq]uantization method .{0,60}(?:not supported|is not supported)"
        r"|Only the following quantization",
        "The quantisation that the configuration asks for is not known to the library.",
    ),
    Signature(
        "fp8_hardware",
        ID,
        r"FP8 .{0,60}(?:requires|only supported).{0,60}compute capability|fp8e4nv not supported"
        r"|float8.{0,80}not supported",
        "fp8 needs a GPU of compute capability 8.9 or newer.",
    ),
)
