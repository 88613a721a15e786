"""What names a person or opens a server without being a key: addresses, home folders, passwords inside links."""

import re
from base64 import b64decode
from collections.abc import Iterator, Set

from assistant.secret_shapes import Span, skip_escape

RANK = 200
MAX_LINK_SECRET = 512


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LOCAL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}([A-Za-z]{2,24})(?![A-Za-z0-9_@-])")
_VERSION_LABEL = re.compile(r"v?\d+\.")
# Endings of files and units that are written where an address has its country.
_NOT_COUNTRIES = _words(
    "py json jsonl txt log pt pth bin yaml yml toml safetensors gguf csv so whl png jpg service socket mean norm"
)
_NO_PERSON = frozenset({"git", "hg", "svn"})
_LINK_USER = re.compile(rf"([^\s/@:<>\"'`\\]{{0,128}}):([^\s@<>\"'`\\]{{1,{MAX_LINK_SECRET - 140}}})@(?=[\w\[.-])")
_LINK_KEY = re.compile(r"(?=[A-Za-z_-]{0,64}\d)[A-Za-z0-9_-]{16,256}@(?=[\w\[.-])")
_HOME_NAME = re.compile(r"(?=[A-Za-z_])[A-Za-z0-9_][\w.@+-]{0,63}(?<![.,:;])")
_WINDOWS_NAME = re.compile(
    r"[^\\/:*?\"'<>|\r\n\t ]{1,64}(?: [^\\/:*?\"'<>|\r\n\t ]{1,32}){0,2}(?=\\)|[^\\/:*?\"'<>|\r\n\t ]{1,64}"
)
_WINDOWS_HOME = re.compile(r"(?:[A-Za-z]:)?(?:\\{1,4}|/)\Z")
_TELEGRAM = re.compile(r":AA[\w-]{30,40}")
_BEARER = re.compile(r"[ \t]{1,4}(?=[A-Za-z_.~+/=-]{0,256}\d)[\w.~+/=-]{12,4096}")
_BASIC = re.compile(r"[ \t]{1,4}([A-Za-z0-9+/]{8,1024}={0,2})")
# Accounts of machines and containers, and words that folders are called: they name nobody.
_SHARED_NAMES = _words(
    "root user users ubuntu debian centos runner jovyan work data app model models ec2-user admin node home public "
    "shared default guest test train project projects code src scratch share local opt tmp var checkpoints"
)


def find_details(text: str) -> Iterator[Span]:
    """Addresses, home folders, passwords in links and headers; each search is bounded around its mark."""
    links = list(_find_link_secrets(text))
    yield from links
    yield from _find_addresses(text, {link.end for link in links})
    yield from _find_homes(text)
    yield from _find_telegram(text)
    yield from _find_headers(text)


def _find_all(text: str, mark: str) -> Iterator[int]:
    position = text.find(mark)
    while position >= 0:
        yield position
        position = text.find(mark, position + 1)


def _find_addresses(text: str, ends_of_passwords: Set[int]) -> Iterator[Span]:
    for at in _find_all(text, "@"):
        if at in ends_of_passwords:
            continue
        start = at
        while start > 0 and at - start < 64 and text[start - 1] in _LOCAL_CHARACTERS:
            start -= 1
        start = skip_escape(text, start, at)
        while start < at and text[start] in ".-%+":
            start += 1
        if start == at or text[start:at] in _NO_PERSON:
            continue
        domain = _DOMAIN.match(text, at + 1)
        if domain and domain[1].lower() not in _NOT_COUNTRIES and not _VERSION_LABEL.match(domain[0]):
            yield Span(start, domain.end(), "EMAIL", RANK)


def _find_link_secrets(text: str) -> Iterator[Span]:
    for mark in _find_all(text, "://"):
        if text.find("@", mark, mark + MAX_LINK_SECRET) < 0:
            continue
        match = _LINK_USER.match(text, mark + 3) or _LINK_KEY.match(text, mark + 3)
        if match:
            yield Span(mark + 3, match.end() - 1, "URL_PASSWORD", 150)


def _find_homes(text: str) -> Iterator[Span]:
    for mark in ("/home/", "/Users/", "/users/"):
        for start in _find_all(text, mark):
            if not _is_in_web_link(text, start):
                yield from _home(text, start, _HOME_NAME.match(text, start + len(mark)))
    for users in _find_all(text, "Users"):
        root = _WINDOWS_HOME.search(text[max(0, users - 6) : users])
        slashes = len(text[users + 5 : users + 9]) - len(text[users + 5 : users + 9].lstrip("\\"))
        if root and (slashes or text[users + 5 : users + 6] == "/") and (slashes or ":" in root[0]):
            name = _WINDOWS_NAME.match(text, users + 5 + max(slashes, 1))
            yield from _home(text, users - len(root[0]), name)


def _home(text: str, start: int, name: re.Match[str] | None) -> Iterator[Span]:
    if name and name[0] not in {"...", "USER", "USERNAME"} and name[0].strip("."):
        yield Span(start, name.end(), "HOME", RANK + 1, text[start : name.end()])


def _is_in_web_link(text: str, start: int) -> bool:
    """Whether this is a page of a site; what a link passes on after `?` may be a folder again."""
    window = text[max(0, start - 200) : start]
    scheme = max(window.rfind("http://"), window.rfind("https://"))
    return scheme >= 0 and not any(character in " \t\n?=" for character in window[scheme:])


def read_user_name(home: Span) -> str | None:
    """The name that a home folder gives away; None for accounts that every container has."""
    name = home.identity.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return name if len(name) >= 3 and name.lower() not in _SHARED_NAMES else None


def find_user_name(text: str, name: str, since: int) -> Iterator[Span]:
    """Where a user's name stands as a folder of some other path, after its home folder was seen."""
    for slash in ("/", "\\"):
        position = text.find(slash + name, since)
        while position >= 0:
            end = position + 1 + len(name)
            if not (text[end : end + 1].isalnum() or text[end : end + 1] in {"_", "-"}):
                yield Span(position + 1, end, "USER", RANK + 2)
            position = text.find(slash + name, end)


def _find_telegram(text: str) -> Iterator[Span]:
    for colon in _find_all(text, ":AA"):
        start = colon
        while start > 0 and colon - start < 12 and text[start - 1].isdigit():
            start -= 1
        match = _TELEGRAM.match(text, colon)
        if match and 8 <= colon - start <= 11:
            yield Span(start, match.end(), "TELEGRAM_TOKEN", 100)


def _find_headers(text: str) -> Iterator[Span]:
    for scheme in ("bearer", "Bearer", "BEARER"):
        for start in _find_all(text, scheme):
            match = _BEARER.match(text, start + 6)
            if match:
                yield Span(match.end() - len(match[0].lstrip()), match.end(), "BEARER_TOKEN", 151)
    for scheme in ("basic ", "Basic "):
        for start in _find_all(text, scheme):
            match = _BASIC.match(text, start + 5)
            if match and is_user_and_password(match[1]):
                yield Span(match.start(1), match.end(1), "BASIC_AUTH", 151)


def is_user_and_password(text: str) -> bool:
    """Whether base64 text holds a name, a colon and a password.

    Example:
        >>> is_user_and_password("bWU6c2VjcmV0")
        True
    """
    try:
        plain = b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except ValueError:
        return False
    return ":" in plain and plain.isprintable()
