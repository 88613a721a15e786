"""Makes secrets of every kind that are well-formed but random, and the lines that carry them.

Prefixes are put together from pieces at run time, so no scanner takes this file for a leak.
"""

import base64
import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

ALPHANUMERIC = string.ascii_letters + string.digits
HEXADECIMAL = "0123456789abcdef"
OPAQUE = ALPHANUMERIC + "_-"
BASE64 = ALPHANUMERIC + "+/"
BLOCK_KINDS = ("pem_block", "openssh_block", "pem_in_json")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of secret: how it is made, the names it goes by, and whether it is known by its looks alone."""

    make: Callable[[Random], str]
    names: tuple[str, ...]
    is_bare: bool = True


def draw(random: Random, characters: str, length: int) -> str:
    """A random string that holds a digit, as generated keys of this length do."""
    text = "".join(random.choices(characters, k=length - 1))
    at = random.randrange(length)
    return text[:at] + random.choice("0123456789") + text[at:]


def _after(prefix: str, characters: str, length: int) -> Callable[[Random], str]:
    return lambda random: prefix.replace("~", "") + draw(random, characters, length)


def _encode(random: Random, length: int) -> str:
    return base64.b64encode(random.randbytes(length)).decode()


def _url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _jwt(random: Random) -> str:
    head = _url_safe(json.dumps({"alg": random.choice(["HS256", "RS256"]), "typ": "JWT"}))
    body = _url_safe(json.dumps({"sub": draw(random, ALPHANUMERIC, 12), "iat": random.randrange(10**9, 2 * 10**9)}))
    return f"{head}.{body}.{draw(random, OPAQUE, 43)}"


def _neptune(random: Random) -> str:
    body = {"api_address": "https://app.neptune.ai", "api_key": draw(random, HEXADECIMAL, 36)}
    return base64.b64encode(json.dumps(body).encode()).decode()


def _password(random: Random) -> str:
    word = random.choice(["hunter", "Sommer", "correct", "tr0ub4dor", "letmein"])
    return word + random.choice(["!", "#", "_", "-", ""]) + draw(random, ALPHANUMERIC, random.choice([3, 6, 9]))


def _user(random: Random) -> str:
    return random.choice(["mkowalski", "annav", "j.doe", "tbauer", "liwei"]) + str(random.randrange(10, 99))


def _address(random: Random) -> str:
    domain = random.choice(["uni-ulm.example.org", "corp-mail.com", "lab.ac.uk", "gmx.net"])
    return f"{_user(random)}@{domain}"


def _link(random: Random) -> str:
    scheme = random.choice(["postgres", "mysql+pymysql", "redis", "mongodb+srv", "amqp", "https", "http", "ftp"])
    user = random.choice(["svc", "oauth2", "admin", ""])
    return f"{scheme}://{user}:{draw(random, ALPHANUMERIC + '!$*-', 14)}@db-7.internal:5432/runs"


def _home(root: str, separator: str) -> Callable[[Random], str]:
    return lambda random: f"{root}{_user(random)}{separator}"


def _telegram(random: Random) -> str:
    return f"{random.randrange(10**8, 10**10)}:" + "A" + "A" + draw(random, OPAQUE, 33)


def _pem(label: str, num_bytes: int) -> Callable[[Random], str]:
    def make(random: Random) -> str:
        body = _encode(random, num_bytes)
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        return "\n".join(["-----" + f"BEGIN {label}-----", *lines, "-----" + f"END {label}-----"])

    return make


def _pem_in_json(random: Random) -> str:
    return json.dumps(_pem("PRIVATE " + "KEY", 600)(random) + "\n")[1:-1]


KINDS: dict[str, Kind] = {
    "hub": Kind(_after("h~f_", ALPHANUMERIC, 34), ("HF_TOKEN", "hub_token", "HUGGING_FACE_HUB_TOKEN")),
    "hub_organisation": Kind(_after("api~_org_", string.ascii_letters, 34), ("hub_token", "token")),
    "wandb_40": Kind(_after("", HEXADECIMAL, 40), ("WANDB_API_KEY", "wandb_key", "wandb_api_key"), is_bare=False),
    "wandb_86": Kind(_after("", OPAQUE, 86), ("WANDB_API_KEY", "wandb_api_key"), is_bare=False),
    "wandb_v1": Kind(_after("wandb~_v1_", OPAQUE, 77), ("WANDB_API_KEY",)),
    "openai_old": Kind(_after("s~k-", ALPHANUMERIC, 48), ("OPENAI_API_KEY", "openai_key")),
    "openai_project": Kind(_after("s~k-pr~oj-", OPAQUE, 120), ("OPENAI_API_KEY", "api_key")),
    "openai_service": Kind(_after("s~k-svc~acct-", OPAQUE, 100), ("OPENAI_API_KEY",)),
    "anthropic": Kind(_after("s~k-an~t-api03-", OPAQUE, 95), ("ANTHROPIC_API_KEY", "anthropic_api_key")),
    "openrouter": Kind(_after("s~k-or~-v1-", HEXADECIMAL, 64), ("OPENROUTER_API_KEY",)),
    "aws_id": Kind(_after("AK~IA", string.ascii_uppercase + "234567", 16), ("AWS_ACCESS_KEY_ID", "aws_access_key_id")),
    "aws_session_id": Kind(_after("AS~IA", string.ascii_uppercase + "234567", 16), ("AWS_ACCESS_KEY_ID",)),
    "aws_secret": Kind(_after("", BASE64, 40), ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"), is_bare=False),
    "aws_session": Kind(_after("IQoJ", BASE64, 420), ("AWS_SESSION_TOKEN", "aws_session_token"), is_bare=False),
    "gcp_key": Kind(_after("AI~za", OPAQUE, 35), ("GOOGLE_API_KEY", "gemini_api_key")),
    "gcp_oauth": Kind(_after("ya~29.", OPAQUE, 140), ("access_token", "GCP_TOKEN")),
    "gcp_secret": Kind(_after("GOC~SPX-", OPAQUE, 28), ("client_secret",)),
    "azure_storage": Kind(lambda random: _encode(random, 64), ("AccountKey", "AZURE_STORAGE_KEY"), is_bare=False),
    "azure_openai": Kind(_after("", HEXADECIMAL, 32), ("AZURE_OPENAI_API_KEY", "azure_openai_key"), is_bare=False),
    "azure_client": Kind(_after("q8Q~", OPAQUE, 34), ("AZURE_CLIENT_SECRET", "client_secret"), is_bare=False),
    "slack_bot": Kind(
        lambda r: f"xo{'xb'}-{draw(r, '0123456789', 12)}-{draw(r, ALPHANUMERIC, 24)}", ("SLACK_BOT_TOKEN",)
    ),
    "slack_user": Kind(lambda r: f"xo{'xp'}-{draw(r, '0123456789', 12)}-{draw(r, HEXADECIMAL, 32)}", ("slack_token",)),
    "slack_app": Kind(lambda r: f"xa{'pp'}-1-A{draw(r, '0123456789', 10)}-{draw(r, HEXADECIMAL, 64)}", ("app_token",)),
    "slack_webhook": Kind(
        lambda r: f"https://hooks.sl{'ack'}.com/services/T{draw(r, ALPHANUMERIC, 9)}/B0/{draw(r, ALPHANUMERIC, 24)}",
        ("webhook_url", "SLACK_WEBHOOK"),
    ),
    "github_classic": Kind(_after("gh~p_", ALPHANUMERIC, 36), ("GITHUB_TOKEN", "GH_TOKEN")),
    "github_app": Kind(_after("gh~s_", ALPHANUMERIC, 36), ("GITHUB_TOKEN",)),
    "github_fine": Kind(_after("github~_pat_", ALPHANUMERIC + "_", 82), ("GH_TOKEN", "github_token")),
    "gitlab": Kind(_after("gl~pat-", OPAQUE, 20), ("GITLAB_TOKEN", "CI_JOB_TOKEN")),
    "jwt": Kind(_jwt, ("id_token", "jwt", "ACCESS_TOKEN")),
    "neptune": Kind(_neptune, ("NEPTUNE_API_TOKEN", "neptune_api_token")),
    "comet": Kind(_after("", ALPHANUMERIC, 25), ("COMET_API_KEY", "comet_api_key"), is_bare=False),
    "clearml": Kind(_after("", ALPHANUMERIC, 50), ("CLEARML_API_SECRET_KEY", "secret_key"), is_bare=False),
    "mlflow": Kind(_after("", ALPHANUMERIC, 32), ("MLFLOW_TRACKING_TOKEN", "mlflow_tracking_token"), is_bare=False),
    "databricks": Kind(_after("da~pi", HEXADECIMAL, 32), ("DATABRICKS_TOKEN", "databricks_token")),
    "replicate": Kind(_after("r~8_", ALPHANUMERIC, 37), ("REPLICATE_API_TOKEN",)),
    "groq": Kind(_after("gs~k_", ALPHANUMERIC, 52), ("GROQ_API_KEY", "groq_key")),
    "mistral": Kind(_after("", ALPHANUMERIC, 32), ("MISTRAL_API_KEY", "mistral_api_key"), is_bare=False),
    "cohere": Kind(_after("", ALPHANUMERIC, 40), ("COHERE_API_KEY", "CO_API_KEY"), is_bare=False),
    "together": Kind(_after("", HEXADECIMAL, 64), ("TOGETHER_API_KEY", "together_api_key"), is_bare=False),
    "fireworks": Kind(_after("f~w_", ALPHANUMERIC, 24), ("FIREWORKS_API_KEY",)),
    "xai": Kind(_after("xa~i-", ALPHANUMERIC, 80), ("XAI_API_KEY",)),
    "nvidia": Kind(_after("nva~pi-", OPAQUE, 64), ("NVIDIA_API_KEY", "NGC_API_KEY")),
    "kaggle": Kind(_after("", HEXADECIMAL, 32), ("KAGGLE_KEY", "kaggle_key"), is_bare=False),
    "pypi": Kind(_after("pyp~i-AgEIcHlwaS5vcmc", OPAQUE, 140), ("PYPI_TOKEN", "TWINE_PASSWORD")),
    "npm": Kind(_after("np~m_", ALPHANUMERIC, 36), ("NPM_TOKEN", "_authToken")),
    "docker": Kind(_after("dck~r_pat_", OPAQUE, 27), ("DOCKER_PASSWORD",)),
    "stripe": Kind(_after("sk~_li~ve_", ALPHANUMERIC, 24), ("STRIPE_SECRET_KEY",)),
    "twilio": Kind(_after("", HEXADECIMAL, 32), ("TWILIO_AUTH_TOKEN", "auth_token"), is_bare=False),
    "sendgrid": Kind(lambda r: f"S{'G'}.{draw(r, OPAQUE, 22)}.{draw(r, OPAQUE, 43)}", ("SENDGRID_API_KEY",)),
    "telegram": Kind(_telegram, ("TELEGRAM_BOT_TOKEN", "bot_token")),
    "discord_webhook": Kind(
        lambda r: f"https://discord.com/api/web{'hooks'}/{draw(r, '123456789', 18)}/{draw(r, OPAQUE, 68)}",
        ("webhook_url", "DISCORD_WEBHOOK"),
    ),
    "langsmith": Kind(
        lambda r: f"lsv2{'_pt_'}{draw(r, HEXADECIMAL, 32)}_{draw(r, HEXADECIMAL, 10)}", ("LANGSMITH_API_KEY",)
    ),
    "password": Kind(_password, ("password", "DB_PASSWORD", "passphrase", "user_password"), is_bare=False),
    "api_key": Kind(_after("", ALPHANUMERIC, 24), ("api_key", "X-Api-Key", "apiKey", "SERVICE_API_KEY"), is_bare=False),
    "token": Kind(
        _after("", ALPHANUMERIC, 28), ("token", "auth_token", "accessToken", "use_auth_token"), is_bare=False
    ),
    "secret": Kind(_after("", OPAQUE, 32), ("secret", "client_secret", "webhookSecret", "APP_SECRET"), is_bare=False),
    "email": Kind(_address, ("email", "author", "GIT_AUTHOR_EMAIL")),
    "link": Kind(_link, ("DATABASE_URL", "tracking_uri", "HTTPS_PROXY", "url")),
    "home_linux": Kind(_home("/home/", "/"), ("output_dir", "HOME", "path")),
    "home_mac": Kind(_home("/Users/", "/"), ("output_dir", "cache_dir")),
    "home_windows": Kind(_home("C:\\Users\\", "\\"), ("output_dir", "USERPROFILE")),
}
BLOCKS: dict[str, Callable[[Random], str]] = {
    "pem_block": _pem("RSA PRIVATE " + "KEY", 1190),
    "openssh_block": _pem("OPENSSH PRIVATE " + "KEY", 400),
    "pem_in_json": _pem_in_json,
}

PREFIXES = (
    "",
    "    ",
    "2025-03-11 09:14:07,113 - INFO - ",
    "[rank3]: ",
    "I0311 09:14:07.113 42 train.py:88] ",
    "\x1b[32m2025-03-11\x1b[0m | ",
    "(worker pid=4117, ip=10.0.0.4) ",
    "node-3: ",
    "+ ",
    "# ",
    "3: ",
    "{'time': '09:14'} ",
)
ENDINGS = ("", " ", "\r", " \\", ",", "  # from the vault", "\x1b[0m")
# How a name and its secret are written. Even rows served for development, odd ones were held out.
NAMED = (
    "{name}={secret}",
    "{name}: '{secret}'",
    "export {name}={secret}",
    '"{name}": "{secret}",',
    "{name}: {secret}",
    "train(lr=1e-4, {name}='{secret}', epochs=3)",
    "python train.py --{name} {secret} --epochs 3",
    "environ({{'PATH': '/usr/bin', '{name}': '{secret}', 'LANG': 'C'}})",
    "Namespace(lr=0.1, {name}='{secret}', seed=1)",
    "docker run -e {name}={secret} -it image",
    "python train.py --{name}={secret}",
    'os.environ["{name}"] = "{secret}"',
    "TrainingArguments(output_dir='out', {name}={secret}, seed=1)",
    '{{"level": "info", "message": "{name}=\\"{secret}\\" was set"}}',
    "{name} = {secret}",
    "\x1b[33m{name}\x1b[0m=\x1b[36m{secret}\x1b[0m",
    '{{"{name}":"{secret}","seed":1}}',
    "GET https://host.internal/v1/runs?{name}={secret}&limit=3 401",
    '  {name}: str = "{secret}"',
    "│ {name} = '{secret}' │",
    'declare -x {name}="{secret}"',
    "{name} => {secret}",
    "- name: {name}\n  value: {secret}",
    "curl -H '{name}: {secret}' https://host.internal",
    "ENV {name} {secret}",
    "`{name}`: `{secret}`",
    "ValueError: cannot log in with {name}={secret}",
    "({{'{name}': '{secret}'}},)",
    'msg="starting" {name}="{secret}" step=0',
    "<{name}>{secret}</{name}>",
    "set {name}={secret}",
    "--{name} \\\n    {secret} \\",
)
BARE = (
    "login failed for {secret}",
    "huggingface-cli login --token {secret}",
    "401 Client Error: Unauthorized for '{secret}'",
    'print("{secret}")',
    "using ({secret}) from the environment",
    "\x1b[1;31m{secret}\x1b[0m rejected",
    "Traceback: KeyError: '{secret}'",
    "first line\\n{secret}\\nthird line",
    "{secret}",
    "[{secret}]",
    "Authorization: Bearer {secret}",
    "see {secret}; then retry.",
    "Paste your key here: {secret}",
    "<{secret}>",
    "key is\t{secret}",
    "a={secret}|b=2",
)


def find_carriers(kind: Kind, *, is_held_out: bool) -> list[str]:
    """The notations a kind can stand in; a kind that only its name gives away is never written bare."""
    first = 1 if is_held_out else 0
    named = NAMED[first::2]
    return [*named, *BARE[first::2]] if kind.is_bare else list(named)


def plant(name: str, random: Random, *, is_held_out: bool) -> tuple[str, str]:
    """A secret of a kind and a text that carries it."""
    if name in BLOCKS:
        secret = BLOCKS[name](random)
        return secret, "\n".join(_number(random, secret.split("\n")))
    kind = KINDS[name]
    secret = kind.make(random)
    carrier = random.choice(find_carriers(kind, is_held_out=is_held_out))
    line = carrier.format(name=random.choice(kind.names), secret=secret)
    return secret, random.choice(PREFIXES) + line + random.choice(ENDINGS)


def _number(random: Random, lines: list[str]) -> Iterator[str]:
    prefix = random.choice(PREFIXES)
    return (prefix + line for line in lines)


def secret_part(name: str, secret: str) -> str:
    """What of it must not be seen: not the host of a link, nor a prefix that stands in every documentation."""
    if name.endswith("webhook"):
        return secret.rsplit("/", 1)[1]
    if name == "link":
        return secret.split("@", maxsplit=1)[0].rsplit(":", 1)[1]
    return secret.removeprefix("github_pat_")


def find_leak(secret: str, text: str, length: int = 7) -> str | None:
    """A part of the secret of this length that the text still holds; of short ones the whole."""
    for line in secret.replace("\\n", "\n").split("\n"):
        if not line or line.startswith("-----"):
            continue
        size = min(length, len(line))
        for at in range(len(line) - size + 1):
            if line[at : at + size] in text:
                return line[at : at + size]
    return None
