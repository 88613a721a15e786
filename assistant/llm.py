"""The local language model as a LangChain chat model: llama.cpp does the work, and prints nothing."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from ctypes import POINTER, c_float, cast, pointer
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import langsmith
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from tools.errors import BadInput, NotAvailable

ROLES = {"system": "system", "human": "user", "ai": "assistant"}
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


class LlamaChat(BaseChatModel):
    """A chat model that runs a GGUF file with llama.cpp; a call takes grammar, stop, max_tokens, temperature and seed.

    One answer is written at a time: a call waits until the stream before it has ended or was closed. To make one turns
    LangSmith's tracing off for the process, whatever the environment says: what it reads stays on this machine.

    Attributes:
        model_path: the GGUF file, whose own chat template is used.
        context_tokens: room for prompt and answer together.
        max_tokens: longest answer.
        temperature: 0 takes the likeliest token at each step; above it, tokens are drawn.
        seed: of the draw.
        num_threads: of the processor; None for all that this process may use.
    """

    model_path: Path
    context_tokens: int = 4096
    max_tokens: int = 160
    temperature: float = 0.0
    seed: int = 0
    num_threads: int | None = None
    _engine: Engine | None = PrivateAttr(default=None)
    _loading: Any = PrivateAttr(default_factory=threading.Lock)
    _answering: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "llama_cpp"

    def model_post_init(self, _: Any, /) -> None:
        """Keep prompts and answers from LangSmith."""
        langsmith.configure(enabled=False)

    def load(self) -> Engine:
        """Load the model if that was not done yet; a thread may do it before the first question comes.

        Raises:
            NotAvailable: llama-cpp-python is not installed, or the file cannot be loaded.
        """
        with self._loading:
            if self._engine is None:
                self._engine = _load(self.model_path, self.context_tokens, self.num_threads or _count_processors())
            return self._engine

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **options))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,  # noqa: ARG002  LangChain passes it
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        wishes = {"grammar": None, **self.model_dump(include={"max_tokens", "temperature", "seed"})}
        if unknown := sorted(options.keys() - wishes):
            raise TypeError(f"a call takes {', '.join(wishes)} and stop, got {unknown[0]}")
        wishes |= {name: wish for name, wish in options.items() if wish is not None}
        engine = self.load()
        prompt = _render_prompt(engine, messages)
        _check_fit(len(prompt), wishes["max_tokens"], min(self.context_tokens, engine.trained_tokens))
        pieces = engine.llama.create_completion(prompt, stream=True, stop=stop or [], **wishes)
        ending: dict[str, Any] = {"model_name": self.model_path.stem}
        with self._answering, closing(pieces):
            for piece in _survive(pieces):
                choice = piece["choices"][0]
                ending["finish_reason"] = choice["finish_reason"]
                if choice["text"]:
                    yield ChatGenerationChunk(message=AIMessageChunk(content=choice["text"]))
            # The token drawn last is never read back, whether it is the end mark or the one that reached the limit.
            answer_tokens = engine.llama.n_tokens - len(prompt) + 1
        total = len(prompt) + answer_tokens
        usage = UsageMetadata(input_tokens=len(prompt), output_tokens=answer_tokens, total_tokens=total)
        last = AIMessageChunk(content="", usage_metadata=usage, chunk_position="last")
        yield ChatGenerationChunk(message=last, generation_info=ending)


def _survive(pieces: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give a model's pieces, and one clear line where llama.cpp gives up in the middle of an answer."""
    try:
        yield from pieces
    except (RuntimeError, ValueError) as error:
        raise NotAvailable(
            f"the model stopped in the middle of its answer ({error}); ask again or name another"
        ) from None


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


def _load(path: Path, context_tokens: int, num_threads: int) -> Engine:
    with _library_lock:
        api = _open_library()
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
    spelled = {name: _spell_token(api, vocabulary, token) for name, token in marks.items()}
    template = api.llama_chat_format.Jinja2ChatFormatter(text, **spelled)
    engine = Engine(api, llama, vocabulary, template, api.llama_model_n_ctx_train(llama.model))
    llama._init_sampler = partial(_make_sampler, engine, llama._init_sampler)
    return engine


def _make_sampler(engine: Engine, make_chain: Callable[..., Any], *, grammar: str | None, **options: Any) -> Any:
    chain = make_chain(**options)
    return chain if grammar is None else _GrammarSampler(engine, chain, grammar)


@cache
def _open_library() -> Any:
    """Import llama_cpp and make it fit to share a process: it logs nothing and leaves the streams alone."""
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


def _render_prompt(engine: Engine, messages: list[BaseMessage]) -> list[int]:
    """Write the messages with the file's chat template, as tokens."""
    if unknown := [message.type for message in messages if message.type not in ROLES]:
        raise BadInput(f"the local model reads system, human and ai messages, got {unknown[0]!r}")
    turns = [{"role": ROLES[each.type], "content": _defuse(engine, str(each.text))} for each in messages]
    text = _fill_template(engine.template, turns)
    return list(engine.llama.tokenize(text.encode(), add_bos=False, special=True))


def _fill_template(template: Any, turns: list[dict[str, str]]) -> str:
    """Fill a template; where it refuses a system turn, as Gemma's does, that becomes part of the turn that follows."""
    try:
        return str(template(messages=turns).prompt)
    except ValueError as error:
        if len(turns) < 2 or turns[0]["role"] != "system":
            raise BadInput(f"the chat template of the model refuses these messages ({error})") from None
    first, second, *rest = turns
    return _fill_template(template, [{**second, "content": f"{first['content']}\n\n{second['content']}"}, *rest])


def _defuse(engine: Engine, text: str) -> str:
    """Break up what the model would read as a control token, so that no text can pose as another turn."""
    text = text.encode(errors="replace").decode()
    for token in set(engine.llama.tokenize(text.encode(), add_bos=False, special=True)):
        if engine.api.llama_vocab_is_control(engine.vocabulary, token):
            mark = _spell_token(engine.api, engine.vocabulary, token)
            text = text.replace(mark, f"{mark[:1]} {mark[1:]}")
    return text


def _spell_token(api: Any, vocabulary: Any, token: int) -> str:
    """Return a token's own text; -1, which a vocabulary without such a token gives, has none."""
    return "" if token < 0 else str(api.llama_vocab_get_text(vocabulary, token).decode())


def _check_fit(prompt_tokens: int, answer_tokens: int, context_tokens: int) -> None:
    if answer_tokens < 1:
        raise BadInput(f"max_tokens must be at least 1, got {answer_tokens}")
    if prompt_tokens + answer_tokens > context_tokens:
        raise BadInput(
            f"the prompt is too long: {prompt_tokens} tokens, and {answer_tokens} for the answer, must fit in "
            f"{context_tokens}; shorten the question or what is attached, or choose a model with a longer context"
        )


def _count_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
