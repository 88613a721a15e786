"""Measures what a language model may be trusted with: causes, calls of tools, numbers, directions, abstaining."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from assistant.probe_case import GROUPS, Case, case_version, load_cases
from assistant.probe_grades import Grade, Reply, grade
from assistant.probe_prompts import build_choice_grammar, build_messages, list_tools
from assistant.probe_score import ProbeScore, Tally, load_score, remote_key, save_score

__all__ = ["ProbeScore", "load_score", "remote_key", "run_probe", "save_score"]

LOCAL_MODEL = "llama_cpp"
MAX_TOKENS = 60
MAX_CALL_TOKENS = 96
PARAGRAPH = "\n\n"
_MESSAGES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "human": HumanMessage}


@dataclass(frozen=True, slots=True)
class Graded:
    """A case with what the model replied and how that was graded."""

    case: Case
    reply: Reply
    grade: Grade


def run_probe(
    model: BaseChatModel, name: str, report: Callable[[float, str], None], max_tokens: int | None = None
) -> tuple[ProbeScore, list[Graded]]:
    """Put all cases to a model.

    Args:
        model: local or behind a server.
        name: what to call it.
        report: is told how far the probe is, from 0 to 1, and in which group.
        max_tokens: of a reply of a model behind a server, thoughts included; None leaves that to the server.

    Returns:
        The score, and every case with its reply.

    Raises:
        NotAvailable: the model cannot be loaded or reached.
    """
    begun = time.monotonic()
    graded: list[Graded] = []
    for case, reply in _ask_all(model, report, max_tokens):
        graded.append(Graded(case, reply, grade(case, reply)))
    groups = {group: _count(graded, group) for group in GROUPS}
    num_inverted = sum(each.grade == "inverted" for each in graded)
    return ProbeScore(name, case_version(), groups, num_inverted, time.monotonic() - begun), graded


def _ask_all(
    model: BaseChatModel, report: Callable[[float, str], None], max_tokens: int | None
) -> Iterator[tuple[Case, Reply]]:
    """Ask case by case; a model that cannot call tools replies nothing to the cases of tools."""
    is_local = model._llm_type == LOCAL_MODEL
    limit: dict[str, Any] = {} if is_local or max_tokens is None else {"max_tokens": max_tokens}
    cases = load_cases()
    caller = _bind_tools(model, {"max_tokens": MAX_CALL_TOKENS} if is_local else limit)
    for number, case in enumerate(cases):
        report(number / len(cases), case.group)
        messages = [_MESSAGES[role](text) for role, text in build_messages(case)]
        if case.group == "tools":
            yield case, Reply("") if caller is None else _read_reply(caller.invoke(messages))
        else:
            yield case, _read_reply(model.invoke(messages, **(_options(case) if is_local else limit)))
    report(1.0, "done")


def _options(case: Case) -> dict[str, Any]:
    """A local model chooses under a grammar and has room for a sentence; a server's model may think first."""
    if case.group == "choice":
        return {"grammar": build_choice_grammar(), "max_tokens": 2}
    return {"max_tokens": MAX_TOKENS, "stop": [PARAGRAPH]}


def _bind_tools(model: BaseChatModel, options: dict[str, Any]) -> Runnable[Any, AIMessage] | None:
    """The model with the tools at hand, None where it cannot call any."""
    try:
        return model.bind_tools(list_tools(), **options)
    except NotImplementedError:
        return None


def _read_reply(message: AIMessage) -> Reply:
    return Reply(str(message.text), [(call["name"], call["args"]) for call in message.tool_calls])


def _count(graded: list[Graded], group: str) -> Tally:
    grades = [each.grade for each in graded if each.case.group == group]
    return Tally(grades.count("right"), len(grades))
