"""The tools as LangChain calls them: results as compact JSON, errors as text, each call told while it runs."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from assistant.events import ToolFinished, ToolStarted
from assistant.redaction import redact
from assistant.tool_reports import Report
from tools.errors import FtchatError

MAX_RESULT_CHARACTERS = 4000
SEEN = "this call was made already with the same arguments, and its result stands above; call another, or answer"
ENOUGH = "no more calls are left; answer with what is known"

Tell = Callable[[ToolStarted | ToolFinished, Report | None], None]
"""Takes a call's beginning, and its end with what it gave; None after an error."""


def adapt_tools(functions: Sequence[Callable[..., Report]], tell: Tell, max_calls: int) -> list[BaseTool]:
    """Make LangChain tools of plain functions; they run one after the other, no call twice, and so many in all."""
    caller = _Caller(tell, max_calls)
    return [caller.adapt(function) for function in functions]


class _Caller:
    """Runs calls, and remembers which were made."""

    def __init__(self, tell: Tell, max_calls: int) -> None:
        self._tell, self._max_calls = tell, max_calls
        self._seen, self._lock = set[str](), threading.Lock()

    def adapt(self, function: Callable[..., Report]) -> BaseTool:
        def call(**arguments: Any) -> str:
            with self._lock:
                return self._call(function, arguments)

        described = StructuredTool.from_function(function, parse_docstring=True)
        return StructuredTool(
            name=described.name,
            description=described.description,
            args_schema=described.args_schema,
            func=call,
            handle_tool_error=True,
            handle_validation_error=_tell_invalid,
        )

    def _call(self, function: Callable[..., Report], arguments: Mapping[str, Any]) -> str:
        name = function.__name__
        key = json.dumps([name, arguments], sort_keys=True, default=str)
        if key in self._seen:
            raise ToolException(SEEN)
        if len(self._seen) >= self._max_calls:
            raise ToolException(ENOUGH)
        self._seen.add(key)
        self._tell(ToolStarted(name, arguments), None)
        started = time.perf_counter()
        try:
            report = function(**arguments)
        except FtchatError as error:
            text = redact(str(error))
            self._tell(ToolFinished(name, arguments, {"error": text}, time.perf_counter() - started), None)
            raise ToolException(text) from None
        self._tell(ToolFinished(name, arguments, render_report(report), time.perf_counter() - started), report)
        return _shorten(json.dumps(render_report(report), ensure_ascii=False, separators=(",", ":")))


def render_report(report: Report) -> dict[str, Any]:
    """A report as an object for JSON; what is empty is left out."""
    if not is_dataclass(report):
        return {"cards": [asdict(card) for card in report]}
    return {name: value for name, value in asdict(report).items() if value not in ("", (), None)}


def _tell_invalid(error: Any) -> str:
    """What is wrong with a call's arguments, for a model to mend."""
    faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return f"the arguments cannot be used: {'; '.join(faults)}"


def _shorten(text: str) -> str:
    """A result as the model reads it: without secrets, and not longer than its window bears."""
    text = redact(text)
    left = len(text) - MAX_RESULT_CHARACTERS
    return text if left <= 0 else f"{text[:MAX_RESULT_CHARACTERS]}… ({left:,} more characters left out)"
