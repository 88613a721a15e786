"""Made-up console texts of runs that end in an error of a library; the messages are those of the libraries."""

from evals.case import Case
from evals.texts import BACKWARD, SITE, START, STEP, TRAINER, text, trace, train_for

LOAD = (
    "/work/train.py",
    31,
    "<module>",
    "model = AutoModelForCausalLM.from_pretrained(name)",
)
LINEAR = (f"{SITE}/torch/nn/modules/linear.py", 125, "forward", "return F.linear(input, self.weight, self.bias)")
EMBED = (f"{SITE}/torch/nn/functional.py", 2551, "embedding", "return torch.embedding(weight, input, padding_idx)")
MAKE = ("/work/train.py", 71, "<module>", "trainer = SFTTrainer(")
RESUME = (TRAINER, 2200, "train", "self._load_optimizer_and_scheduler(resume_from_checkpoint)")
PREPARE = ("/work/train.py", 52, "<module>", "rows = rows.map(tokenize)")
ASSERTS = "".join(
    f"../aten/src/ATen/native/cuda/Indexing.cu:1284: indexSelectLargeIndex: block: [{block},0,0], "
    f"thread: [{thread},0,0] Assertion `srcIndex < srcSelectDimSize` failed.\n"
    for block in (60, 61)
    for thread in range(40)
)
RUNNING: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "fp16 weights are not unscaled",
        trace(START, STEP) + "ValueError: Attempting to unscale FP16 gradients.\n",
        "dtype_precision",
        (),
    ),
    (
        "two dtypes meet",
        trace(START, STEP, LINEAR)
        + ("RuntimeError: expected mat1 and mat2 to have the same dtype, but got: float != c10::BFloat16\n"),
        "dtype_precision",
        (),
    ),
    (
        "nothing requires a gradient",
        trace(START, STEP, BACKWARD)
        + "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn\n",
        "no_grad_path",
        (),
    ),
    (
        "index beyond the table, on a GPU",
        ASSERTS
        + trace(START, STEP)
        + (
            "RuntimeError: CUDA error: device-side assert triggered\nCUDA kernel errors might be "
            "asynchronously reported at some other API call, so the stacktrace below might be "
            "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
        ),
        "device_side_assert",
        ("tokenizer_vocab_mismatch",),
    ),
    (
        "index beyond the table, on a CPU",
        trace(START, STEP, EMBED) + "IndexError: index out of range in self\n",
        "tokenizer_vocab_mismatch",
        ("device_side_assert",),
    ),
    (
        "the host has no memory left",
        trace(START, STEP)
        + (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 17179869184 bytes. Error code 12 "
            "(Cannot allocate memory)\n"
        ),
        "out_of_memory_cpu",
        (),
    ),
    (
        "a kill without a word",
        "train.sh: line 12: 48213 Killed                  python train.py\n",
        "out_of_memory_cpu",
        ("interrupted",),
    ),
    (
        "DeepSpeed sees a process killed",
        (
            "[2025-04-05 06:07:08,123] [ERROR] [launch.py:325:sigkill_handler] ['python', '-u', "
            "'train.py', '--local_rank=0'] exits with return code = -9\n"
        ),
        "out_of_memory_cpu",
        ("interrupted",),
    ),
    (
        "the scheduler asks to end",
        trace(START, STEP)
        + ("torch.distributed.elastic.multiprocessing.api.SignalException: Process 4711 got signal: 15\n"),
        "interrupted",
        (),
    ),
    (
        "the disk is full while weights are written",
        trace(START)
        + (
            "safetensors_rust.SafetensorError: Error while serializing: I/O error: No space left "
            "on device (os error 28)\n"
        ),
        "disk_full",
        (),
    ),
    (
        "memory of an Apple GPU",
        trace(START, STEP)
        + (
            "RuntimeError: MPS backend out of memory (MPS allocated: 8.45 GiB, other "
            "allocations: 96.00 KiB, max allowed: 9.07 GiB). Tried to allocate 1.20 GiB on "
            "private pool.\n"
        ),
        "out_of_memory_gpu",
        ("hardware_limits",),
    ),
    (
        "memory of an AMD GPU",
        trace(START, STEP)
        + (
            "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB. GPU 0 has a "
            "total capacity of 63.98 GiB of which 1.06 GiB is free.\n"
        ),
        "out_of_memory_gpu",
        ("hardware_limits",),
    ),
)
STARTING: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "bitsandbytes finds no CUDA",
        trace(LOAD)
        + (
            "RuntimeError: CUDA Setup failed despite GPU being available. Please run the "
            "following command to get more information:\n\n        python -m bitsandbytes\n"
        ),
        "quantization_setup",
        (),
    ),
    (
        "a gated repository",
        trace(LOAD)
        + (
            "OSError: You are trying to access a gated repo.\nMake sure to have access to it at "
            "https://huggingface.co/meta-llama/Llama-2-7b-hf.\n401 Client Error.\n"
        ),
        "gated_access",
        (),
    ),
    (
        "a keyword that is gone",
        trace(MAKE) + "TypeError: SFTTrainer.__init__() got an unexpected keyword argument 'max_seq_length'\n",
        "dependency_version",
        (),
    ),
    (
        "a name that is gone",
        trace(("/work/train.py", 3, "<module>", "from transformers import AdamW"))
        + (
            "ImportError: cannot import name 'AdamW' from 'transformers' "
            "(/opt/conda/lib/python3.11/site-packages/transformers/__init__.py)\n"
        ),
        "dependency_version",
        (),
    ),
    (
        "a column that is missing",
        trace(PREPARE, ("/work/train.py", 44, "tokenize", "return tokenizer(row['text'])")) + "KeyError: 'text'\n",
        "dataset_format",
        (),
    ),
    (
        "no column fits",
        trace(START)
        + (
            "ValueError: No columns in the dataset match the model's forward method signature. "
            "The following columns have been ignored: [text].\n"
        ),
        "dataset_format",
        (),
    ),
    (
        "no chat template",
        trace(PREPARE)
        + (
            "ValueError: Cannot use chat template functions because tokenizer.chat_template is "
            "not set and no template argument was passed!\n"
        ),
        "chat_template",
        (),
    ),
    (
        "the optimiser's state does not fit",
        trace(START, RESUME)
        + (
            "ValueError: loaded state dict contains a parameter group that doesn't match the "
            "size of optimizer's group\n"
        ),
        "checkpoint_resume",
        (),
    ),
)
FAULTS: tuple[Case, ...] = (
    *(text(name, train_for(14, 600, end), label, fair=(*fair, "interrupted")) for name, end, label, fair in RUNNING),
    *(text(name, f"Loading the model\n{end}".encode(), label, fair=fair) for name, end, label, fair in STARTING),
)
CAUGHT = "CUDA out of memory at batch size 16; retrying with batch size 8 to avoid OOM.\n"
FINE: tuple[Case, ...] = (text("memory that ran out and was caught", CAUGHT.encode() + train_for(40, 400, "")),)
