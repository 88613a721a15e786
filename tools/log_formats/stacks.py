"""The frames of a traceback, in every form that Python, notebooks and rich draw them, and what they say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern
from tools.run import Line

MAX_STACK_LINES = 400
MAX_STACK_TEXT = 6000

TRACEBACK = lazy_pattern(r"^(.{0,2000}?)Traceback \(most recent call last\)")
PLAIN_FRAME = lazy_pattern(r'\bFile "([^"\n]{1,400})", line (\d{1,7})(?:,? in (\S.{0,200}))?')
_IPYTHON_FRAME = lazy_pattern(r"^\s{0,8}File ([^\s\"].{0,400}?):(\d{1,7})(?:, in ([^\s(]{1,200}))?")
_CELL = lazy_pattern(r"^\s{0,8}((?:Cell|Input) In ?\[\d{1,6}\])(?:,? line (\d{1,6}))?(?:, in ([^\s(]{1,200}))?")
_OLD_IPYTHON_FRAME = lazy_pattern(r"^((?:[/~.\\]|<ipython|[A-Z]:\\)[^\s:]{0,400}) in ([\w.<>]{1,200})(?:\(|$)")
_BOX_FRAME = lazy_pattern(r"^\s{0,4}(\S.{0,400}?):(\d{1,7}) in ([\w.<>]{1,200})\s{0,200}$")
_BOX_SIDE = lazy_pattern(r"^\s{0,4}[│|] ?(.{0,1000}?)\s{0,200}[│|]\s{0,4}$")
_POINTED_CODE = lazy_pattern(r"^\s{0,12}(?:-{1,8}>\s{0,6}\d{1,6} ?|[❱>] \d{1,6} [│|][ │|]{0,40})(.{0,400})")
_CODE_AROUND = lazy_pattern(r"^\s{0,12}(?:\(\.\.\.\)|\d{1,6}(?:\s|$)|\d{1,6} [│|])")

_LIBRARY = lazy_pattern(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|^<(?!ipython)|torchinductor_|unsloth_compiled_cache"
    r"|[/\\](?:Python\d{1,4}|\w{0,12}conda\d?|envs[/\\][\w.-]{1,80})[/\\]lib[/\\]|python[\d.]{0,6}\.zip"
    r"|[/\\]bin[/\\](?:torchrun|accelerate|deepspeed|llamafactory-cli|axolotl|tune|swift|oumi)$"
    r"|[/\\](?:pytorch|transformers|trl|peft|accelerate|datasets|unsloth|bitsandbytes)[/\\](?:src[/\\])?"
    r"(?:torch|transformers|trl|peft|accelerate|datasets|unsloth|bitsandbytes)[/\\]"
    r"|[/\\](?:src|LLaMA-?Factory|axolotl|torchtune|vllm|mlx-lm|litgpt|DeepSpeed)[/\\](?:src[/\\])?"
    r"(?:llamafactory|axolotl|torchtune|vllm|mlx_lm|litgpt|deepspeed)[/\\]",
    re.IGNORECASE,
)
_MAIN = lazy_pattern(r"<module>|^<cell line|^run_name$")
_RUNNER = lazy_pattern(r"^<frozen runpy>|[/\\]runpy\.py$")

_EVALUATION = r"_?evaluate|evaluation_loop|prediction_(?:step|loop)|_?predict|estimate_loss|_?run_evaluation"
_EVALUATION += (
    r"|validat(?:e|ion_step|ion_epoch|ion_loop)|val_(?:step|epoch|loop)|test_step|eval_(?:step|epoch|loop|model)"
)
_PHASES = (
    ("evaluation", rf"in (?:[\w.<>]{{1,100}}\.)?(?:{_EVALUATION})\b"),
    (
        "generation",
        r"in (?:[\w.<>]{1,100}\.)?(?:generate|_sample|sample|beam_search|greedy_search)\b"
        r"|generation[/\\]utils\.py|\.generate\(",
    ),
    ("save", r"save_pretrained|in \S{0,100}_?save_checkpoint|_save_optimizer|in \S{0,100}save_model|torch\.save\("),
    (
        "load",
        r"from_pretrained|load_pretrained|load_state_dict|load_checkpoint|dispatch_model|load_model\b"
        r"|in _apply\b|in \S{0,80}module\.to\b|prepare_model_for_kbit_training|get_peft_model"
        r"|accelerator\.prepare\(|deepspeed\.initialize\(|in _prepare_deepspeed\b|in _configure_distributed_model\b",
    ),
    (
        "backward",
        r"in (?:[\w.<>]{1,100}\.)?backward\b|\.backward\(|_engine_run_backward|run_backward\("
        r"|in _do_optimizer_backward",
    ),
    (
        "optimiser",
        r"optimizer\.step\(|torch[/\\]optim[/\\]|bitsandbytes[/\\]optim|_optimizer_step|in optimizer_step\b"
        r"|in _take_model_step|_init_group",
    ),
    (
        "loss",
        r"cross_entropy|loss_function|ForCausalLMLoss|logits\.float\(|log_softmax|in (?:\w{1,60}\.)?get_batch_logps"
        r"|loss_fct\(|_get_per_token_logps",
    ),
    ("forward", r"in (?:[\w.<>]{1,100}\.)?\w{0,40}forward\b|compute_loss|_call_impl|in __call__|forward_call\("),
    ("data", r"_next_data|in (?:[\w.<>]{1,100}\.)?(?:fetch|collate\w{0,40}|_map_single|__getitem__)\b|_fetcher"),
)
_PHASE_PATTERNS = tuple((name, lazy_pattern(pattern)) for name, pattern in _PHASES)
_TRAINING = lazy_pattern(r"in (?:[\w.<>]{1,100}\.)?(?:training_step|\w{0,30}inner_training_loop|fit)\b")
_CLOSURE = lazy_pattern(r"in (?:[\w.<>]{1,100}\.)?closure\b")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: where, and what it ran.

    Attributes:
        path: of the file, "Cell In[3]" in a notebook; number and function are "" where the frame does not tell.
        line: of the log, where the frame stands.
    """

    path: str
    number: str
    function: str
    code: str
    line: Line

    @property
    def is_library(self) -> bool:
        """Whether it belongs to an installed package, the interpreter or generated code."""
        return bool(_LIBRARY.search(self.path))

    @property
    def place(self) -> str:
        """Where it is, short enough for a sentence."""
        name = re.split(r"[/\\]", self.path)[-1]
        where = f"{name}:{self.number}" if self.number and not name.startswith("Cell") else self.path_and_number
        return f"{where} in {self.function}" if self.function else where

    @property
    def path_and_number(self) -> str:
        """The path and the line in it."""
        separator = " line " if self.path.startswith(("Cell", "Input")) else ":"
        return f"{self.path}{separator}{self.number}" if self.number else self.path


def is_telling(text: str) -> bool:
    """Whether a line of a stack says something: notebooks and rich show the code around each frame as well.

    Example:
        >>> is_telling("---> 83 trainer.train()"), is_telling("     82 # 8. Train"), is_telling("  File 'x'")
        (True, False, True)
    """
    return not _CODE_AROUND.match(without_box(text))


def without_box(text: str) -> str:
    """Take the sides of a drawn box off a line.

    Example:
        >>> without_box("│ /opt/train.py:162 in main        │")
        '/opt/train.py:162 in main'
    """
    match = _BOX_SIDE.match(text)
    return match[1] if match else text


def read_frames(stack: Sequence[tuple[Line, str]]) -> tuple[Frame, ...]:
    """Read the frames of a stack, outermost first.

    Args:
        stack: lines as they stand in the log, and the same without colours and prefixes.
    """
    frames: list[Frame] = []
    for line, text in stack:
        bare = without_box(text)
        found = _read_frame(bare)
        if found:
            frames.append(Frame(*found, "", line))
        elif frames and not frames[-1].code and (code := _read_code(bare)):
            last = frames[-1]
            number = last.number or _pointed_number(bare)
            frames[-1] = Frame(last.path, number, last.function, code, last.line)
    return tuple(frames)


def _read_frame(text: str) -> tuple[str, str, str] | None:
    if match := PLAIN_FRAME.search(text):
        return match[1], match[2], (match[3] or "").strip()
    for pattern in (_IPYTHON_FRAME, _CELL, _BOX_FRAME):
        if match := pattern.match(text):
            return match[1], match[2] or "", match[3] or ""
    if match := _OLD_IPYTHON_FRAME.match(text):
        return match[1], "", match[2]
    return None


def _read_code(text: str) -> str:
    if match := _POINTED_CODE.match(text):
        return match[1].strip()
    is_code = text.startswith("    ") and not set(text.strip()) <= {"^", "~", " "}
    return text.strip() if is_code else ""


def _pointed_number(text: str) -> str:
    match = re.search(r"\d{1,6}", text)
    return match[0] if match else ""


def show_stack(frames: Sequence[Frame]) -> str:
    """The frames as text that patterns are searched in; of a long stack both ends.

    Returns:
        One line a frame, "path in function: code", at most MAX_STACK_TEXT characters.
    """
    text = "\n".join(f"{frame.path} in {frame.function or '?'}: {frame.code}" for frame in frames)
    return text if len(text) <= MAX_STACK_TEXT else f"{text[: MAX_STACK_TEXT // 2]}\n{text[-MAX_STACK_TEXT // 2 :]}"


def find_phase(frames: Sequence[Frame]) -> str:
    """What the stack was doing, "" where it does not tell.

    A closure that an optimiser runs holds a whole training step, so what stands before it says nothing; generation
    inside a training step is a part of that step.
    """
    text = show_stack(frames)
    closures = list(_CLOSURE.finditer(text))
    if closures:
        text = text[closures[-1].end() :]
    phase = next((name for name, pattern in _PHASE_PATTERNS if pattern.search(text)), "")
    return "rollout" if phase == "generation" and _TRAINING.search(text) else phase


def last_user_frame(frames: Sequence[Frame]) -> Frame | None:
    """The innermost frame of the person's own code."""
    return next((frame for frame in reversed(frames) if not frame.is_library), None)


def last_library_frame(frames: Sequence[Frame]) -> Frame | None:
    """The innermost frame of a library."""
    return next((frame for frame in reversed(frames) if frame.is_library), None)


def is_uncaught(frames: Sequence[Frame]) -> bool:
    """Whether the stack begins in a main program: what is caught and logged shows only the frames below the catcher."""
    if not frames:
        return False
    first = frames[0]
    if _RUNNER.search(first.path) or first.path.startswith(("Cell", "Input", "<ipython")):
        return True
    return bool(_MAIN.search(first.function)) and ("-packages" not in first.path)
