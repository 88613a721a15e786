"""llama.cpp behind one door: it loads a model, prints nothing, obeys a grammar quickly and stops when asked to."""

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from ctypes import POINTER, c_float, cast, pointer
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tools.errors import BadInput, NotAvailable

BATCH_TOKENS = 64  # Ctrl-C is answered between two batches, and larger ones read a prompt no faster on a processor
LOG_LEVEL_ERROR = 4
_library_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model: llama_cpp, its Llama, what it knows of the file, and the context that it was trained with."""

    api: Any
    llama: Any
    vocabulary: Any
    template: Any
    trained_tokens: int


class Cancellation:
    """Stops one answer, from any thread: while it is written, and in the middle of a long prompt being read."""

    __slots__ = ("_mark",)

    def __init__(self) -> None:
        self._mark = ctypes.create_string_buffer(2)

    def set(self) -> None:
        """Stop the answer; it ends with the finish_reason 'cancelled'."""
        self._mark[0] = b"x"

    def is_set(self) -> bool:
        """Tell whether somebody has stopped the answer."""
        return bool(self._mark.value)

    @property
    def address(self) -> int:
        """Where a C text lies that is empty until somebody stops the answer."""
        return ctypes.addressof(self._mark)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer; the last one of an answer says why it ended: "stop", "length" or "cancelled"."""

    text: str
    finish_reason: str | None = None


def write(
    engine: Engine, prompt: list[int], cancelled: Cancellation, wishes: dict[str, Any]
) -> Generator[Piece, None, None]:
    """Write the answer to a prompt; what the prompt shares with the one before, and its answer, is not read again.

    Raises:
        BadInput: the grammar cannot be compiled.
        NotAvailable: llama.cpp gives up.
    """
    pieces: Generator[Any, None, None] = engine.llama.create_completion(prompt, stream=True, **wishes)
    with closing(pieces), _watching(engine, cancelled):
        try:
            for piece in pieces:
                if cancelled.is_set():
                    break
                choice = piece["choices"][0]
                yield Piece(choice["text"], choice["finish_reason"])
        except (RuntimeError, ValueError) as error:
            # A step that failed may have left half of its numbers where those of the step before were.
            engine.llama._requires_eval = True
            if not cancelled.is_set():
                raise NotAvailable(
                    f"the model stopped in the middle of its answer ({error}); ask again or name another"
                ) from None
        if cancelled.is_set():
            yield Piece("", "cancelled")


@contextmanager
def _watching(engine: Engine, cancelled: Cancellation) -> Iterator[None]:
    """Let llama.cpp stop in the middle of a batch once an answer is cancelled.

    It asks a C function about an address, some hundred times a batch. A Python function would wait for the global lock
    each time; strlen says 0 of a text that is empty, and more as soon as it is not.
    """
    bindings = engine.api.llama_cpp
    library = ctypes.CDLL("msvcrt" if os.name == "nt" else None)
    watcher = cast(library.strlen, bindings.ggml_abort_callback)
    bindings.llama_set_abort_callback(engine.llama.ctx, watcher, cancelled.address)
    try:
        yield
    finally:
        bindings.llama_set_abort_callback(engine.llama.ctx, bindings.ggml_abort_callback(), None)


def count_shared(engine: Engine, prompt: list[int]) -> int:
    """Count the tokens at a prompt's beginning that the model has read already."""
    read = engine.llama.input_ids[: engine.llama.n_tokens].tolist()
    shared = int(engine.llama.longest_token_prefix(read, prompt))
    return shared if shared < len(prompt) or shared == len(read) else shared - 1


class _GrammarSampler:
    """Asks the grammar about the token that was drawn, and about the whole vocabulary only when that one is refused.

    llama-cpp-python asks about the whole vocabulary at every step, which halves the speed of a small model.
    """

    def __init__(self, engine: Engine, chain: Any, grammar: str) -> None:
        self._api, self._chain, self._candidates = engine.api, chain, engine.llama._candidates
        self._rules = self._api.llama_sampler_init_grammar(engine.vocabulary, grammar.encode(), b"root")
        if not self._rules:
            raise BadInput(f"grammar must be GBNF with a rule 'root', got {grammar[:60]!r}")
        weakref.finalize(self, self._api.llama_sampler_free, self._rules)

    def sample(self, context: Any, index: int) -> int:
        token: int = self._chain.sample(context, index)
        if not self._allows(token):
            token = self._draw_from_allowed(self._api.llama_get_logits_ith(context.ctx, index))
        self._api.llama_sampler_accept(self._rules, token)
        return token

    def _allows(self, token: int) -> bool:
        candidate = self._api.llama_token_data(id=token)
        array = self._api.llama_token_data_array(data=pointer(candidate), size=1, selected=-1)
        self._api.llama_sampler_apply(self._rules, array)
        return bool(candidate.logit == 0.0)

    def _draw_from_allowed(self, logits: Any) -> int:
        self._candidates.copy_logits(cast(logits, POINTER(c_float * self._candidates.n_vocab)).contents)
        array = self._candidates.candidates
        array.selected = -1
        for sampler in (self._rules, self._chain.sampler):
            self._api.llama_sampler_apply(sampler, array)
        return int(array.data[array.selected].id)


def load_engine(path: Path, context_tokens: int, num_threads: int | None) -> Engine:
    """Load a GGUF file with its chat template.

    Args:
        path: the file.
        context_tokens: room for prompt and answer together.
        num_threads: of the processor; None for all that this process may use.

    Raises:
        NotAvailable: llama-cpp-python is not installed, or the file cannot be loaded.
    """
    num_threads = num_threads or _count_processors()
    with _library_lock:
        api = open_library()
        threads = {"n_threads": num_threads, "n_threads_batch": num_threads}
        open_model = partial(api.Llama, str(path), n_ctx=context_tokens, n_batch=BATCH_TOKENS, verbose=False, **threads)
        try:
            llama = open_model()
        except (OSError, ValueError) as error:
            reason = _hear_complaint(api, open_model) or str(error)
            raise NotAvailable(f"{path}: cannot be loaded ({reason}); fetch the file again or name another") from None
    text = llama.metadata.get("tokenizer.chat_template")
    if text is None:
        raise NotAvailable(f"{path}: carries no chat template; name a model that was tuned to follow instructions")
    vocabulary = api.llama_model_get_vocab(llama.model)
    marks = {"bos_token": llama.token_bos(), "eos_token": llama.token_eos()}
    spelled = {name: spell_token(api, vocabulary, token) for name, token in marks.items()}
    template = api.llama_chat_format.Jinja2ChatFormatter(text, **spelled)
    if "enable_thinking" in text:  # an answer of some hundred tokens would be thoughts alone
        template = partial(template, enable_thinking=False)
    engine = Engine(api, llama, vocabulary, template, api.llama_model_n_ctx_train(llama.model))
    llama._init_sampler = partial(_make_sampler, engine, llama._init_sampler)
    return engine


def _make_sampler(engine: Engine, make_chain: Callable[..., Any], *, grammar: str | None, **options: Any) -> Any:
    chain = make_chain(**options)
    return chain if grammar is None else _GrammarSampler(engine, chain, grammar)


@cache
def open_library() -> Any:
    """Import llama_cpp and make it fit to share a process: it logs nothing and leaves the streams alone.

    Raises:
        NotAvailable: llama-cpp-python is not installed.
    """
    # OpenMP's threads spin while they wait for each other; where another program wants a core too, that costs 20 times
    # the work itself. A thousand turns are enough to be as fast on an idle machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise NotAvailable(f"llama_cpp cannot be imported ({error}); run 'pip install llama-cpp-python'") from None
    _silence(llama_cpp)
    for module in (llama_cpp.llama, llama_cpp._internals):
        # With verbose=False these point file descriptors 1 and 2 at /dev/null, for every thread, while a model loads.
        module.suppress_stdout_stderr = lambda **_: nullcontext()
    if b"AMX_INT8 = 1" in llama_cpp.llama_print_system_info():
        _avoid_amx(llama_cpp.llama_cpp)
    return llama_cpp


def open_schema_converter() -> Any:
    """Open llama_cpp's converter of JSON schemas to GBNF rules, fresh."""
    converter = open_library().llama_grammar.SchemaConverter
    return converter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)


def _silence(api: Any) -> None:
    """Make llama.cpp log to a C function that takes nothing and does nothing.

    A Python function would wait for the global lock at each of the 2,000 lines that loading logs, and swallow a Ctrl-C.
    """
    api.llama_log_set(cast(api.llama_cpp._lib.llama_supports_mmap, api.llama_log_callback), None)


def _avoid_amx(bindings: Any) -> None:
    """Load models without the buffers that AMX instructions work on.

    gcc 12 compiles ggml's tile set-up away, and the first prompt then ends the process with SIGILL (llama.cpp, pull
    request 26954); from outside, a good build cannot be told from a bad one.
    """
    make_defaults = bindings.llama_model_default_params

    def make_params() -> Any:
        params = make_defaults()
        params.use_extra_bufts = False
        return params

    bindings.llama_model_default_params = make_params


def _hear_complaint(api: Any, open_model: Callable[[], Any]) -> str | None:
    """Load a model that failed to load once more, and return the first error that llama.cpp logs."""
    complaints: list[str] = []

    def listen(level: int, text: bytes, _: object) -> None:
        if level == LOG_LEVEL_ERROR:
            complaints.append(" ".join(text.decode(errors="replace").split()))

    listener = api.llama_log_callback(listen)
    api.llama_log_set(listener, None)
    with suppress(OSError, ValueError):
        open_model()
    _silence(api)
    return complaints[0] if complaints else None


def spell_token(api: Any, vocabulary: Any, token: int) -> str:
    """Return a token's own text; -1, which a vocabulary without such a token gives, has none."""
    return "" if token < 0 else str(api.llama_vocab_get_text(vocabulary, token).decode())


def _count_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
