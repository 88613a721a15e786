"""Which format a row has, told by its column names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tools.dataset.report import Format

CHAT_KEYS = frozenset({"messages", "conversations", "conversation", "dialog", "dialogue", "turns", "chat"})
CHATS = ("messages", "conversations", "conversation")
TOKEN_KEYS = frozenset({"input_ids"})
PROMPTS = (
    "prompt",
    "instruction",
    "question",
    "query",
    "input",
    "inputs",
    "problem",
    "source",
    "src",
    "user",
    "human",
    "dialogue",
    "article",
    "context",
)
QUESTIONS = ("question", "query", "problem")
ANSWERS = (
    "completion",
    "response",
    "output",
    "outputs",
    "answer",
    "answers",
    "target",
    "targets",
    "tgt",
    "solution",
    "assistant",
    "reply",
    "summary",
    "highlights",
)
QUESTION_ANSWERS = ("answer", "answers", "solution")
TEXTS = (
    "text",
    "content",
    "sentence",
    "document",
    "body",
    "tweet",
    "review",
    "comment",
    "utterance",
    "message",
    "sms",
    "code",
)
PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("question1", "question2"),
)
LABELS = ("label", "labels", "label_text", "category", "class", "sentiment", "intent", "emotion", "topic", "target")
SYSTEMS = ("system", "system_prompt", "systemprompt")
CONTEXTS = ("context", "passage", "input", "background")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a row stand.

    Attributes:
        prompts: columns that make up the prompt, in order; the first must be a text, the others may be empty.
        missing: parts that a row with these columns ought to have and has not.
        has_unknown: there are columns of other names, in which what is missing may stand.
    """

    format: Format
    prompts: tuple[str, ...] = ()
    answer: str = ""
    rejected: str = ""
    label: str = ""
    system: str = ""
    chat: str = ""
    missing: tuple[str, ...] = field(default=())
    has_unknown: bool = False


def is_known_name(name: str) -> bool:
    """Whether a column's name is one that some format uses."""
    known = {*PROMPTS, *ANSWERS, *TEXTS, *LABELS, *SYSTEMS, *CONTEXTS, *CHAT_KEYS, "chosen", "rejected", "id"}
    return name.strip().lower() in known


def recognise_columns(columns: Iterable[str]) -> Layout:
    """Tell a row's format and where its parts stand from its columns alone.

    Example:
        >>> recognise_columns(["instruction", "input", "output"]).format
        'alpaca'
    """
    names = {str(name).strip().lower(): name for name in reversed(list(columns))}
    system = _first(names, SYSTEMS)
    for recognise in (_tokenised, _preference, _chat, _kto, _alpaca, _pair, _classification, _text):
        layout = recognise(names, system)
        if layout:
            return layout
    prompt, answer = _first(names, PROMPTS), _first(names, ANSWERS)
    missing = ("answer",) if prompt else ("prompt",) if answer else ()
    has_unknown = not all(map(is_known_name, names))
    prompts = (prompt,) if prompt else ()
    return Layout("unknown", prompts, answer=answer, missing=missing, has_unknown=has_unknown)


def _first(names: Mapping[str, str], wanted: Iterable[str]) -> str:
    return next((names[name] for name in wanted if name in names), "")


def _tokenised(names: Mapping[str, str], _: str) -> Layout | None:
    return Layout("tokenised", label=names.get("labels", "")) if "input_ids" in names else None


def _preference(names: Mapping[str, str], system: str) -> Layout | None:
    chosen, rejected = names.get("chosen", ""), names.get("rejected", "")
    if not (chosen or rejected):
        return None
    prompt = _first(names, (*PROMPTS, *CHATS))
    missing = () if chosen and rejected else ("rejected",) if chosen else ("chosen",)
    prompts = (prompt,) if prompt else ()
    return Layout("preference", prompts, answer=chosen, rejected=rejected, system=system, missing=missing)


def _chat(names: Mapping[str, str], system: str) -> Layout | None:
    chat = _first(names, CHATS)
    return Layout("sharegpt" if chat == "conversations" else "messages", chat=chat, system=system) if chat else None


def _kto(names: Mapping[str, str], system: str) -> Layout | None:
    if not {"prompt", "completion", "label"} <= names.keys():
        return None
    return Layout("kto", (names["prompt"],), answer=names["completion"], label=names["label"], system=system)


def _alpaca(names: Mapping[str, str], system: str) -> Layout | None:
    answer = _first(names, ("output", "response", "answer", "completion"))
    if "instruction" not in names or not answer:
        return None
    context = _first(names, ("input", "context"))
    return Layout("alpaca", (names["instruction"], *([context] if context else [])), answer=answer, system=system)


def _pair(names: Mapping[str, str], system: str) -> Layout | None:
    prompt = _first(names, PROMPTS)
    answer = _first(names, ANSWERS)
    if not answer or not (prompt or _first(names, TEXTS)) or ("label" in names and not prompt):
        return None
    is_question = prompt.strip().lower() in QUESTIONS and answer.strip().lower() in QUESTION_ANSWERS
    prompt = prompt or _first(names, TEXTS)
    context = next((names[name] for name in CONTEXTS if name in names and names[name] not in (prompt, answer)), "")
    prompts = (prompt, context) if context else (prompt,)
    return Layout("question_answer" if is_question else "prompt_completion", prompts, answer=answer, system=system)


def _classification(names: Mapping[str, str], _: str) -> Layout | None:
    label = _first(names, LABELS)
    if not label:
        return None
    pair = next((pair for pair in PAIRS if names.keys() >= set(pair)), ())
    texts = tuple(names[name] for name in pair) or tuple(filter(None, [_first(names, (*TEXTS, *PROMPTS, "title"))]))
    return Layout("classification", texts, label=label) if texts else None


def _text(names: Mapping[str, str], _: str) -> Layout | None:
    text = _first(names, TEXTS)
    is_prompted = any(name in names for name in ("prompt", "instruction", "question"))
    return Layout("text", answer=text) if text and not is_prompted else None
