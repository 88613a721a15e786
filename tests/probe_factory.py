"""A chat model that replies to the probe's cases as a script says."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from assistant.probe_case import Case, load_cases
from assistant.probe_grades import Reply
from assistant.probe_prompts import build_messages, list_tools

Script = Callable[[Case], Reply]


class ScriptedModel(BaseChatModel):
    """Replies to each case as a script says; it knows a case by the last message."""

    script: Any
    can_call: bool = True
    has_tools: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        assert tools == list_tools()
        if not self.can_call:
            raise NotImplementedError
        return self.model_copy(update={"has_tools": True})

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        (case,) = [case for case in load_cases() if build_messages(case)[1][1] == messages[-1].text]
        assert self.has_tools == (case.group == "tools")
        reply = self.script(case)
        calls = [{"name": name, "args": arguments, "id": name} for name, arguments in reply.calls]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=reply.text, tool_calls=calls))])


def reply_perfectly(case: Case) -> Reply:
    rest = case.rest
    if case.group == "choice":
        return Reply(rest["letter"])
    if case.group == "tools":
        arguments = {name: values[0] for name, values in rest["call"]["arguments"].items()}
        return Reply("", [(rest["call"]["name"], arguments)])
    if case.group == "numbers":
        return Reply(f"It is {rest['number']} {rest['unit']} [E1].")
    if case.group == "direction":
        return Reply(rest["move"])
    return Reply("The facts do not say." if rest["answer"] is None else f"It is {rest['answer'][0]}.")
