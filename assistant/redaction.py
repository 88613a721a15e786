"""The one boundary that text crosses before it leaves the process or is kept: secrets become placeholders.

Everything that goes to a remote model, to Slack, into an export or into the history passes here. Private addresses of
machines, run ids, hashes, phone and card numbers are left as they are: a log is full of numbers that look like them.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from assistant.secret_names import can_be_secret, classify_name
from assistant.secret_scanner import BLOCK, LOOK_AHEAD, LOOK_BACK, MAX_HELD, Scanner
from assistant.secret_shapes import Span

PLACEHOLDER_NOTE = (
    "Words like <HUB_TOKEN_1>, <EMAIL_1> or <HOME_1> stand for a secret, an address or a home folder that was taken "
    "out; the same word is always the same one. Repeat it as it is, and never guess or ask for what it stands for."
)
MAX_DEPTH = 60
_CUT_OFF = "<TOO_DEEP>"


class StreamRedactor:
    """Redacts text that comes in chunks: however it is cut, the output is that of the whole.

    Holds back the line that is not complete yet, of a very long one at most MAX_HELD characters.

    Example:
        >>> stream = StreamRedactor()
        >>> stream.feed("push with hf_abcdefghij"), stream.feed("klmnopqrstuvwxyz\\nas "), stream.close()
        ('', 'push with <HUB_TOKEN>\\n', 'as ')
    """

    def __init__(self, redactor: "Redactor | None" = None) -> None:
        self._scanner = Scanner(redactor.user_names if redactor else None)
        self._name = redactor.name_secret if redactor else _name_kind
        self._before = ""
        self._held = ""
        self._done = 0
        self._is_in_long_line = False

    def feed(self, chunk: str) -> str:
        """What can be shown after this chunk; the rest is held back."""
        self._held += chunk
        if "\n" not in chunk and len(self._held) < MAX_HELD:
            return ""
        return self._drain(is_last=False)

    def close(self) -> str:
        """What was held back."""
        return self._drain(is_last=True)

    def _drain(self, *, is_last: bool) -> str:
        text = self._before + self._held
        position, written = len(self._before), []
        while position < len(text):
            stop, is_whole = _find_stop(text, position, is_last=is_last, is_in_long_line=self._is_in_long_line)
            if stop == position:
                break
            written.append(self._write(text, position, stop, is_whole=is_whole))
            self._is_in_long_line = not is_whole and text[stop - 1] != "\n"
            position = stop
        self._before, self._held = _keep_before(text, position), text[position:]
        return "".join(written)

    def _write(self, text: str, start: int, stop: int, *, is_whole: bool) -> str:
        first, last = max(0, start - LOOK_BACK), stop if is_whole else min(len(text), stop + LOOK_AHEAD)
        window = text[first:last]
        position, end = start - first + self._done, stop - first
        parts = []
        for span in self._scanner.scan(window, start - first, end, is_whole=is_whole):
            if span.end <= position:
                continue
            parts += [window[position : max(position, span.start)], self._name(span, window)]
            position = span.end
        parts.append(window[position:end])
        self._done = max(0, position - end)
        return "".join(parts)


def _find_stop(text: str, start: int, *, is_last: bool, is_in_long_line: bool) -> tuple[int, bool]:
    """The end of what can be read now, and whether it is whole lines; the start when more must come first.

    Where it ends depends on the text alone, never on how it was cut.
    """
    stop = start
    while not is_in_long_line:
        line_end = text.find("\n", stop) + 1
        if line_end == 0 or line_end - stop > BLOCK:
            break
        stop = line_end
    if stop > start:
        return stop, True
    line_end = text.find("\n", start) + 1 or (len(text) if is_last else 0)
    size = (line_end or len(text)) - start
    if size <= BLOCK and not is_in_long_line:
        return (len(text), True) if is_last else (start, True)
    if line_end and size <= BLOCK:
        return line_end, False
    is_enough = line_end or size >= BLOCK + LOOK_AHEAD
    return (start + BLOCK, False) if is_enough else (start, False)


def _keep_before(text: str, position: int) -> str:
    """What the next part may need of the text before it: within a line its beginning, else the line before."""
    return text[max(0, position - LOOK_BACK) : position]


def _name_kind(span: Span, _window: str) -> str:
    return f"<{span.name}>"


class Redactor:
    """Redacts the texts of one conversation: the same secret gets the same numbered placeholder in all of them.

    Keeps no secret, only a digest of each for as long as it lives.

    Example:
        >>> redactor = Redactor()
        >>> redactor.redact("from a@example.org to b@example.org"), redactor.redact("b@example.org")
        ('from <EMAIL_1> to <EMAIL_2>', '<EMAIL_2>')
    """

    def __init__(self) -> None:
        self.user_names: dict[str, None] = {}
        self._placeholders: dict[tuple[str, bytes], str] = {}
        self._counts: dict[str, int] = {}

    def redact(self, text: str) -> str:
        """The text with numbered placeholders."""
        stream = StreamRedactor(self)
        return stream.feed(text) + stream.close()

    def redact_value(self, value: object) -> object:
        """A JSON-like value with every text redacted, keys too, and values beside a key that announces a secret."""
        return _redact_value(value, self.redact, self._name_text, 0)

    def stream(self) -> StreamRedactor:
        """A redactor for text in chunks that shares this conversation's placeholders."""
        return StreamRedactor(self)

    def name_secret(self, span: Span, window: str) -> str:
        """The placeholder of a secret."""
        return self._name_text(span.name, span.identity or window[span.start : span.end])

    def _name_text(self, kind: str, secret: str) -> str:
        key = (kind, sha256(secret.encode("utf-8", "surrogatepass")).digest())
        if key not in self._placeholders:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._placeholders[key] = f"<{kind}_{self._counts[kind]}>"
        return self._placeholders[key]


def redact(text: str) -> str:
    """Replace secrets, addresses and home folders.

    Example:
        >>> redact("push with hf_abcdefghijklmnopqrstuvwxyz as me@example.org")
        'push with <HUB_TOKEN> as <EMAIL>'
    """
    stream = StreamRedactor()
    return stream.feed(text) + stream.close()


def redact_value(value: object) -> object:
    """A JSON-like value with every text redacted, keys too, and values beside a key that announces a secret.

    Example:
        >>> redact_value({"api_key": "0123456789abcdef", "steps": 3})
        {'api_key': '<SECRET>', 'steps': 3}
    """
    return _redact_value(value, redact, lambda kind, _secret: f"<{kind}>", 0)


def _redact_value(value: object, text: Callable[[str], str], name: Callable[[str, str], str], depth: int) -> object:
    if isinstance(value, str):
        return text(value)
    if depth > MAX_DEPTH:
        return _CUT_OFF if isinstance(value, Mapping | list | tuple | set | frozenset) else value
    if isinstance(value, Mapping):
        announced = str(value.get("name", value.get("key", "")))
        return {
            text(key) if isinstance(key, str) else key: _redact_named(
                announced if key == "value" else str(key), item, text, name, depth + 1
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item, text, name, depth + 1) for item in value]
    return value


def _redact_named(
    key: str, item: object, text: Callable[[str], str], name: Callable[[str, str], str], depth: int
) -> object:
    """A value beside its key; a number can be a password."""
    demand = classify_name(key)
    if demand is None or isinstance(item, bool) or not isinstance(item, str | int | list | tuple):
        return _redact_value(item, text, name, depth)
    if isinstance(item, list | tuple):
        return [_redact_named(key, part, text, name, depth + 1) for part in item]
    secret = str(item)
    redacted = text(secret)
    if redacted == secret and can_be_secret(secret, demand):
        return name("SECRET", secret)
    return redacted if isinstance(item, str) else item
