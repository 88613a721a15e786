"""Which names announce a secret, and which values can be one: `hub_token` and `api_key` do, `pad_token` does not."""

import re
from functools import lru_cache
from typing import Literal

Demand = Literal["any", "opaque", "strong"]

MAX_JUDGED = 128


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What stands in front of `token` when it is a piece of vocabulary or a count.
_VOCABULARY = _words(
    "pad eos bos unk sep cls mask image video audio special stop start end begin next prev previous first last max min "
    "new num per each one target source tool assistant system sentence word sub prompt decoder forced generated "
    "additional added input output media vision patch think content role"
)
_TOKEN_OWNERS = _words(
    "hub hf huggingface auth access api refresh id session security bearer bot slack github gh git gitlab wandb "
    "personal secret client deploy read write push login oauth pypi npm comet neptune mlflow databricks replicate "
    "telegram discord azure aws gcp google vault sentry csrf xsrf jupyter notebook registry docker upload identity sas "
    "service account admin app private webhook verification device cohere mistral together openai anthropic"
)
_KEY_OWNERS = _words(
    "api secret access private account auth subscription encryption signing master service client app application "
    "license deploy storage shared admin consumer ssh hub wandb kaggle comet openai azure anthropic cohere mistral "
    "together groq fireworks neptune clearml mlflow databricks aws gcp stripe twilio sendgrid session jwt webhook "
    "hf cohere nvidia runpod pinecone replicate"
)
_JOINED = ("apikey", "accesskey", "secretkey", "accountkey", "privatekey", "authkey", "authtoken", "accesstoken",
           "apitoken", "apisecret", "clientsecret", "hftoken", "sessiontoken", "refreshtoken", "hubtoken")  # fmt: skip
_PASSWORDS = frozenset({"password", "passwd", "passphrase", "pwd", "userpassword", "dbpassword", "rootpassword"})
_CREDENTIALS = frozenset({"auth", "credential", "credentials", "creds", "signature", "sig", "bearer", "dsn", "jwt"})
_HEADERS = frozenset({"authorization", "cookie"})
_SUFFIXES = _words("1 2 3 value prod production dev staging test main default primary secondary old new")
_NO_KEYS = _words("public cache primary foreign sort group partition hash dict column text message role metric")
_PASS_COUNTS = _words("forward backward first second single multi one two train eval each by data per this")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PARTS = re.compile(r"[_\-.\s]+")

_NEVER = _words(
    "none null nil true false yes no on off str string optional required bytes int float any empty undefined n/a na "
    "unset default required, prompt hidden redacted masked secret password token env environ auto self todo changeme"
)
_EXPRESSION = re.compile(
    r"[A-Za-z_]\w{0,40}(?:\.[A-Za-z_]\w{0,40}){0,6}[(\[]|\$[{(A-Za-z_]|%[(A-Z]|\{\{?|<|\*{2,}|f[\"']"
)
_PATH = re.compile(r"(?:~?/|\.{1,2}/|[A-Za-z]:[\\/]|[a-z][a-z0-9+.-]{1,12}://)")
_DOTTED = re.compile(r"[A-Za-z_]\w{0,15}(?:\.[A-Za-z_]\w{0,40}){1,8}\Z")
_NUMBER = re.compile(r"[-+]?[\d.,_]+(?:[eE][-+]?\d+)?[%kKMGT]?\Z")
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_.~%:!@#$^*?-]*")
_HEXADECIMAL = re.compile(r"(?:0x|sha\d+[:-])?[0-9a-fA-F]+\Z")
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_CHANGES = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])|(?<=[a-z])(?=[A-Z])")


MAX_JUDGED = 128
"""Characters of a value by which it is judged; a line can offer its whole rest as a value, again and again."""


@lru_cache(maxsize=4096)
def classify_name(name: str) -> Demand | None:
    """What a name demands of its value to be taken for a secret: anything, something opaque, or a random string.

    Example:
        >>> classify_name("WANDB_API_KEY"), classify_name("pad_token"), classify_name("db.password")
        ('opaque', None, 'any')
    """
    words = [word for word in _PARTS.split(_CAMEL.sub("_", name).lower()) if word]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    if not words:
        return None
    last, owners = words[-1], set(words[:-1])
    if last in _PASSWORDS or (last.endswith("password") and "password" not in owners):
        return "any"
    if last in _HEADERS or last.endswith(_JOINED) or (last in {"secret", "secrets"}):
        return "opaque"
    if last in {"pass", "pw", "passcode"}:
        return None if owners & _PASS_COUNTS else "opaque"
    if last in _CREDENTIALS or (last in {"hash", "base64", "b64"} and owners & _PASSWORDS):
        return "strong"
    return _classify_token_or_key(last, owners)


def _classify_token_or_key(last: str, owners: set[str]) -> Demand | None:
    if last == "token":
        if owners & _VOCABULARY and not owners & _TOKEN_OWNERS:
            return None
        return "opaque" if not owners or owners & _TOKEN_OWNERS else "strong"
    if last == "key" or (last == "keys" and owners & {"api", "secret", "access"}):
        if owners & _KEY_OWNERS and not owners & {"public", "cache"}:
            return "opaque"
        return None if owners & _NO_KEYS else "strong"
    return None


def can_be_secret(value: str, demand: Demand) -> bool:
    """Whether a value beside a telling name may be a secret: no path, number, expression, word or placeholder.

    Example:
        >>> can_be_secret("hunter2", "any"), can_be_secret("tokenizer.pad_token", "opaque")
        (True, False)
    """
    value = value[:MAX_JUDGED]
    if (
        len(value) < 3
        or value.lower().rstrip(".,;") in _NEVER
        or _EXPRESSION.match(value)
        or not value.strip("*xX.…-#")
    ):
        return False
    if demand == "any":
        return not is_path(value)
    run = _OPAQUE.match(value)
    value = run[0] if run else ""
    if len(value) < 8 or is_path(value) or _NUMBER.match(value):
        return False
    if demand == "opaque":
        return _is_opaque(value)
    return is_random(value) and not _HEXADECIMAL.match(value) and not _IDENTIFIER.match(value)


def is_path(value: str) -> bool:
    """Whether a value is a path or a link; base64 can begin with a slash too, but changes far more often."""
    is_base64 = len(value) >= 32 and "." not in value and len(_CHANGES.findall(value)) * 6 >= len(value)
    return _PATH.match(value) is not None and not is_base64


def _is_opaque(value: str) -> bool:
    if _DOTTED.match(value):
        return is_random(value)
    has_digit = any(character.isdigit() for character in value)
    has_letter = any(character.isalpha() for character in value)
    if has_digit:
        return has_letter or len(value) >= 16
    return len(value) >= 20 and len(_CHANGES.findall(value)) >= 4


def is_random(value: str, least: int = 16) -> bool:
    """Whether a string changes between letters and digits as only a random one does; names and versions do not.

    A random string of 16 letters and digits changes 4 times or more in 97 of 100 draws; `Llama-3.1-8B-Instruct` 1 time.
    """
    return len(value) >= least and len(_CHANGES.findall(value)) >= 4 and any(map(str.isdigit, value))
