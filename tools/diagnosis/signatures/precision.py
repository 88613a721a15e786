"""Number types that do not fit each other or the hardware, and gradients that have no way back."""

from tools.diagnosis.signatures.signature import Signature

DTYPE = "dtype_precision"
NO_GRAD = "no_grad_path"

PRECISION_SIGNATURES = (
    Signature(
        "bf16_unsupported",
        DTYPE,
        r"setup doesn'?t support bf16|[Bb]f?loat16 is (?:only supported on GPUs with compute capability|not supported)"
        r"|does not support bfloat16|bf16.{0,40}(?:is not supported|isn't supported|not supported|requires Ampere)"
        r"|BFloat16 (?:is )?not supported",
        "bf16 was asked for, and this device cannot do it (NVIDIA cards can from Ampere on).",
        "certain",
    ),
    Signature(
        "fp16_unsupported_device",
        DTYPE,
        r"fp16 mixed precision requires a GPU|FP16 (?:Mixed precision|half precision).{0,200}can only be used on"
        r"|`?fp16`? (?:is|are) not supported on",
        "fp16 mixed precision was asked for on a device that cannot do it.",
        "certain",
    ),
    Signature(
        "both_precisions",
        DTYPE,
        r"At most one of fp16 and bf16 can be True",
        "fp16 and bf16 were both asked for; only one can be on.",
        "certain",
    ),
    Signature(
        "model_precision_differs",
        DTYPE,
        r"Model is in (?P<model_dtype>\w{1,20}) precision but you want to use (?P<wanted_dtype>\w{1,20}) precision",
        "The model was loaded in {model_dtype}, and the training asks for {wanted_dtype}.",
        "certain",
    ),
    Signature(
        "unscale_fp16",
        DTYPE,
        r"Attempting to unscale FP16 gradients",
        "The trainable weights are themselves in fp16, and the gradient scaler needs them in fp32.",
        "certain",
    ),
    Signature(
        "no_inf_checks",
        NO_GRAD,
        r"No inf checks were recorded for this optimizer",
        "No trainable weight had a gradient when the gradient scaler was to step, so nothing is being trained.",
    ),
    Signature(
        "loss_scale_at_minimum",
        DTYPE,
        r"Current loss scale already at minimum|loss scale (?:has )?(?:reached|at) (?:the )?minimum"
        r"|Minimum loss scale reached",
        "Every step overflowed in fp16 until the loss scale could not fall any further.",
        "certain",
    ),
    Signature(
        "scalar_type",
        DTYPE,
        r"expected scalar type (?P<expected>\w{1,30}) but found (?P<found>\w{1,30})",
        "A tensor of type {found} came where {expected} was needed.",
        "certain",
    ),
    Signature(
        "matrix_dtypes",
        DTYPE,
        r"(?:mat1 and mat2|m1 and m2|mat2|self and mat2|and mat2).{0,20}(?:must |to )have the same "
        r"dtype(?:,? but got:? (?P<dtypes>.{1,60}))?",
        "A matrix product got two number types ({dtypes}).",
        "certain",
    ),
    Signature(
        "attention_dtypes",
        DTYPE,
        r"Expected query, key,? and value to have the same dtype"
        r"|Flash ?Attention ?(?:2(?:\.0)?)? ?only supports? (?:torch\.)?(?:fp16|float16)"
        r"|query and key must have the same dtype",
        "The attention got number types that differ or that its kernel cannot do.",
        "certain",
    ),
    Signature(
        "index_put_dtypes",
        DTYPE,
        r"Index put requires the source and destination dtypes match, got (?P<destination>\w{1,20}) for the "
        r"destination and (?P<source>\w{1,20}) for the source",
        "Values of type {source} were to be written into a tensor of type {destination}.",
        "certain",
    ),
    Signature(
        "input_and_weight_types",
        DTYPE,
        r"Input type \((?P<input>[^)]{1,60})\) and (?:weight|bias) type \((?P<weight>[^)]{1,60})\) should be the same",
        "The input is of type {input} and the weight of type {weight}.",
        "certain",
    ),
    Signature(
        "kernel_not_for_dtype",
        DTYPE,
        r'"(?P<kernel>[\w.:<>]{1,120})" not implemented for \'(?P<dtype>\w{1,30})\'',
        "The operation {kernel} does not exist for {dtype} on this device.",
        "certain",
    ),
    Signature(
        "mps_dtype",
        DTYPE,
        r"MPS framework doesn'?t support (?P<dtype>\w{1,20})|BFloat16 is not supported on MPS"
        r"|MPS.{0,40}does not support (?:float64|bfloat16)",
        "Apple's GPU cannot do the number type that was asked for.",
        "certain",
    ),
    Signature(
        "uniform_dtype_to_shard",
        DTYPE,
        r"Must flatten tensors with uniform dtype but got (?P<first>\S{1,40}) and (?P<second>\S{1,40})",
        "Sharding needs one number type in each block, and found {first} beside {second}.",
        "certain",
    ),
    Signature(
        "found_dtype",
        DTYPE,
        r"Found dtype (?P<found>\w{1,30}) but expected (?P<expected>\w{1,30})"
        r"|result type (?P<result>\w{1,30}) can't be cast|Got unsupported ScalarType (?P<scalar>\w{1,30})",
        "A tensor has a number type that the operation cannot take.",
        "certain",
    ),
    Signature(
        "dtypes_differ",
        DTYPE,
        r"(?:must|should|to) (?:have|be) (?:of )?the same (?:dtype|data type)"
        r"|dtypes? (?:mismatch|does not match|do not match|don't match)",
        "Two tensors have different number types.",
    ),
    Signature(
        "no_grad_fn",
        NO_GRAD,
        r"does not require grad and does not have a grad_fn",
        "The loss does not depend on any trainable weight: nothing is trainable, or gradient checkpointing cuts the "
        "way back "
        "because the frozen embeddings give no gradient.",
        "certain",
    ),
    Signature(
        "no_grad_inputs",
        NO_GRAD,
        r"[Nn]one of (?:the )?outputs? ha(?:s|ve) requires_grad=True|differentiated Tensors does not require grad"
        r"|cannot register a hook on a tensor that doesn'?t require gradient",
        "A gradient was asked for along a path on which nothing requires one.",
    ),
    Signature(
        "nothing_to_optimise",
        NO_GRAD,
        r"optimizer got an empty parameter list|no trainable parameters|no parameters? (?:that )?requires? grad"
        r"|There are no parameters to optimize",
        "The optimiser got no trainable weight at all.",
    ),
    Signature(
        "checkpointing_with_ddp",
        NO_GRAD,
        r"Expected to mark a variable ready only once",
        "Re-entrant gradient checkpointing under data-parallel training gave one weight its gradient twice.",
    ),
    Signature(
        "recomputed_differs",
        "",
        r"Recomputed values for the following tensors have different metadata|A different number of tensors was saved",
        "Gradient checkpointing recomputed something else than the forward pass had computed; the model does not run "
        "the same way "
        "twice, or two kinds of checkpointing are on.",
    ),
    Signature(
        "graph_used_twice",
        "",
        r"Trying to backward through the graph a second time",
        "backward() was called twice on one graph.",
        "certain",
    ),
    Signature(
        "changed_in_place",
        "",
        r"modified by an inplace operation|leaf Variable that requires grad is being used in an in-place operation",
        "A tensor that the backward pass needs was overwritten in place.",
        "certain",
    ),
    Signature(
        "nan_in_backward",
        "loss_nan",
        r"returned nan values in its \d{1,3}(?:st|nd|rd|th) output|probability tensor contains either `?inf`?, `?nan`?"
        r"|(?:[Ll]oss|LOSS) (?:is|was|became|has become) (?:nan|NaN|inf|not finite)"
        r"|(?:nan|NaN) (?:loss|in loss|detected in loss)|Encountered (?:nan|NaN)|[Ll]oss is (?:nan|NaN), stopping"
        r"|(?:NaN|nan|Inf|inf) values? (?:found|detected|in)|contains? (?:NaN|nan)\b",
        "A value that is not a number came up in the computation.",
    ),
)
