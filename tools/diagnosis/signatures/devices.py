"""CUDA and its relatives: kernels, drivers, devices, and indices that lie outside of a table."""

from tools.diagnosis.signatures.signature import Signature

VERSION = "dependency_version"

DEVICE_SIGNATURES = (
    Signature(
        "device_side_assert",
        "device_side_assert",
        r"device-side assert triggered|HSA_STATUS_ERROR_EXCEPTION|device kernel image.{0,40}assert",
        "A check inside a GPU kernel failed, most often because of a token or label index outside of its range; the "
        "frame shown "
        "is not the cause, since kernels run later than they are called.",
        "certain",
    ),
    Signature(
        "index_outside_embedding",
        "tokenizer_vocab_mismatch",
        r"IndexError: index out of range in self",
        "A token index is larger than the embedding has rows.",
        "certain",
        stack=r"embedding|wte\(|embed_tokens|sparse\.py",
    ),
    Signature(
        "index_outside_table",
        "tokenizer_vocab_mismatch",
        r"IndexError: index out of range in self",
        "An index is larger than the table has rows that it is looked up in, most often the embedding.",
    ),
    Signature(
        "vocabulary_sizes_differ",
        "tokenizer_vocab_mismatch",
        r"vocab(?:ulary)?[_ ]?size.{0,60}(?:mismatch|does(?: not|n'?t) match|differ|larger than|exceed)"
        r"|Untrained tokens|[Tt]oken ?ids?.{0,40}(?:out of (?:range|vocabulary|bounds)|exceeds? (?:the )?vocab)"
        r"|outside of? (?:the )?vocab",
        "The tokenizer has tokens that the model's embedding lacks or was never trained on.",
    ),
    Signature(
        "token_target_out_of_bounds",
        "tokenizer_vocab_mismatch",
        r"Target (?P<index>\d{4,9}) is out of bounds",
        "The label {index} is no token of the model's output: the vocabulary is larger than the model has logits.",
    ),
    Signature(
        "class_target_out_of_bounds",
        "device_side_assert",
        r"Target -?(?P<index>\d{1,3}) is out of bounds",
        "The label {index} is outside of the classes that the model has: on a GPU this is the device-side assert.",
    ),
    Signature(
        "no_kernel_image",
        VERSION,
        r"no kernel image is available for execution|not compatible with the current PyTorch installation"
        r"|invalid device function|device kernel image is invalid",
        "This build of the library has no code for the GPU's architecture.",
        "certain",
    ),
    Signature(
        "driver_too_old",
        VERSION,
        r"NVIDIA driver on your system is too old(?: \(found version (?P<driver>\d{1,9})\))?"
        r"|driver version is insufficient|compiled with an unsupported toolchain|system has unsupported display driver"
        r"|forward compatibility was attempted",
        "The NVIDIA driver is too old for the CUDA that the library was built with.",
        "certain",
    ),
    Signature(
        "torch_without_cuda",
        VERSION,
        r"Torch not compiled with CUDA enabled|PyTorch was compiled without CUDA|doesn'?t have NCCL built in"
        r"|Torch not compiled with XPU",
        "This PyTorch was built without CUDA.",
        "certain",
    ),
    Signature(
        "flash_attention_needs_ampere",
        VERSION,
        r"Flash ?Attention only supports Ampere GPUs or newer"
        r"|FlashAttention.{0,60}requires.{0,40}(?:Ampere|Hopper|compute capability)",
        "This FlashAttention needs an Ampere GPU or newer; take another attention implementation on this card.",
        "certain",
    ),
    Signature(
        "flash_attention_missing",
        VERSION,
        r"[Ff]lash ?_?[Aa]tt(?:entio)?n.{0,20}(?:has been toggled on, but it cannot be used|seems to be not installed"
        r"|is not (?:installed|available)|package .{0,30}not)|No module named '?flash_attn",
        "FlashAttention was asked for, and its package is not installed.",
        "certain",
    ),
    Signature(
        "xformers_operator",
        VERSION,
        r"No operator found for `?memory_efficient_attention|xFormers (?:can'?t|wasn'?t) (?:load|build)",
        "xFormers has no kernel for this GPU, number type or build of PyTorch.",
    ),
    Signature(
        "triton_missing",
        VERSION,
        r"[Cc]annot find a working triton installation|No module named '?triton|TritonMissing"
        r"|triton.{0,20}is not (?:installed|available)",
        "Triton is missing, and the compiled kernels need it.",
        "certain",
    ),
    Signature(
        "triton_shared_memory",
        "hardware_limits",
        r"out of resource: shared memory, Required: (?P<needed>\d{1,9}), Hardware limit: (?P<limit>\d{1,9})",
        "A Triton kernel wants {needed} bytes of shared memory, and this GPU has {limit}.",
        "certain",
    ),
    Signature(
        "no_gpu",
        "",
        r"No CUDA GPUs are available|Found no NVIDIA driver|only supported with GPUs, no GPUs found"
        r"|no CUDA-capable device is detected|torch\.cuda\.is_available\(\) is False|only works on NVIDIA GPUs"
        r"|cannot find any torch accelerator|No GPU (?:found|detected|available)|need a (?:NVIDIA )?GPU|requires a GPU",
        "The program sees no GPU.",
        "certain",
    ),
    Signature(
        "device_index",
        "",
        r"device >= 0 && device < num_gpus|invalid device ordinal|device_index.{0,20}out of range",
        "A GPU was addressed that the process does not see; compare CUDA_VISIBLE_DEVICES with the number of processes.",
        "certain",
    ),
    Signature(
        "devices_differ",
        "",
        r"Expected all tensors to be on the same device(?:, but found at least two devices, "
        r"(?P<first>\S{1,12}) and (?P<second>\S{1,12})!)?"
        r"|is not on the expected device|is on (?:cpu|cuda).{0,40}but expected on|[Ee]xpected device \S{1,12} but got"
        r"|Input and .{0,30}tensors are not at the same device",
        "Tensors lie on different devices.",
        "certain",
    ),
    Signature(
        "illegal_memory_access",
        "",
        r"illegal memory access was encountered|misaligned address|Memory access fault by GPU",
        "A GPU kernel read or wrote outside of its memory; set CUDA_LAUNCH_BLOCKING=1 to see which one.",
    ),
    Signature(
        "gpu_fault",
        "",
        r"uncorrectable (?:ECC|NVLink) error|unspecified launch failure|GPU (?:is lost|has fallen off)|hardware error"
        r"|CUDA-capable device\(s\) is/are busy|unknown error.{0,60}CUDA|CUDA error: unknown error",
        "The GPU or its driver failed.",
    ),
    Signature(
        "cublas_failure",
        "",
        r"CUBLAS_STATUS_(?P<status>EXECUTION_FAILED|NOT_INITIALIZED|INTERNAL_ERROR|INVALID_VALUE|NOT_SUPPORTED)",
        "A matrix product failed on the GPU ({status}); an index out of range or memory that ran out shortly before "
        "looks the same.",
        "possible",
    ),
    Signature(
        "cudnn_failure",
        "",
        r"cuDNN error|CUDNN_STATUS_\w{1,40}|Unable to find a valid cuDNN algorithm|GET was unable to find an engine",
        "cuDNN failed; little free memory or a mismatched build are the usual reasons.",
        "possible",
    ),
    Signature(
        "cuda_error",
        "",
        r"(?:CUDA|HIP|Ascend|Triton) (?:driver )?[Ee]rror(?: \[\w{1,8}\])?: (?P<what>[^\n]{1,80})"
        r"|E[EZ]9999: (?P<code>[^\n]{1,60})",
        "A call to the GPU failed: {what}: {code}.",
        "possible",
    ),
    Signature(
        "mps_operator",
        "",
        r"not (?:currently )?implemented for the MPS device|MPSNDArray|MPSGraph|\[METAL\]"
        r"|Placeholder storage has not been allocated on MPS",
        "Apple's GPU backend cannot do this operation.",
    ),
    Signature(
        "fork_with_cuda",
        "",
        r"Cannot re-initialize CUDA in forked subprocess|bootstrapping phase",
        "A process was forked after CUDA had started; use the spawn method or start workers earlier.",
        "certain",
    ),
    Signature(
        "meta_tensor",
        "",
        r"Cannot copy out of meta tensor|on the meta device, we need|on meta device",
        "Some weights were never loaded: they are still placeholders without data.",
    ),
)
