"""Secrets that show what they are by how they begin: one row a shape, matched only where its first letters stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

MAX_SECRET = 4096
_OPAQUE = r"[A-Za-z0-9_-]"
# What may stand directly before a secret although it ends in a letter: an escaped line end, a colour, a per cent code,
# a tag; not a placeholder, whose place was part of the same word.
_ESCAPE_BEFORE = re.compile(
    r"(?:(?<![A-Z])(?<![A-Z]_\d)>|[=-]>|\\[nrt]|\x1b\[[0-9;]{0,12}m|\[[0-9;]{1,12}m|%[0-9A-Fa-f]{2}|\\u00[0-9a-f]{2})\Z"
)

_COLOUR_END = re.compile(r"[0-9;]{0,12}m")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters to replace, the kind of secret, and its rank: of two kinds that overlap the lower rank names both."""

    start: int
    end: int
    name: str
    rank: int
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of secret: `anchor` is sought as plain text, `rest` is a pattern for what must follow it."""

    name: str
    anchor: str
    rest: str
    needs_edge: bool = False


def _rows(name: str, anchors: str, rest: str, *, needs_edge: bool = False) -> list[Shape]:
    return [Shape(name, anchor, rest, needs_edge) for anchor in anchors.split()]


_LETTERS = rf"[A-Za-z0-9]{{20,{MAX_SECRET}}}"
_MIXED = rf"{_OPAQUE}{{20,{MAX_SECRET}}}"
_AWS_ID = r"[A-Z0-9]{16}(?:[,:;| \t\"']{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?"
_JWT = r"[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,3072}(?:\.[A-Za-z0-9_-]{2,1024}){0,3}"
_OPENAI = rf"(?={_OPAQUE}{{0,120}}?[A-Za-z0-9]{{16}}){_MIXED}"

SHAPES: tuple[Shape, ...] = (
    *_rows("HUB_TOKEN", "hf_oauth_ hf_jwt_", rf"[\w.=-]{{20,{MAX_SECRET}}}"),
    *_rows("HUB_TOKEN", "hf_ api_org_", _LETTERS),
    *_rows("WANDB_KEY", "wandb_v1_", _MIXED),
    *_rows("ANTHROPIC_KEY", "sk-ant-", _MIXED),
    *_rows("OPENROUTER_KEY", "sk-or-v1-", _MIXED),
    *_rows("LANGFUSE_KEY", "sk-lf- pk-lf-", _MIXED),
    *_rows("API_KEY", "sk-proj- sk-svcacct- sk-admin-", _MIXED),
    *_rows("API_KEY", "sk-", _OPENAI, needs_edge=True),
    *_rows("GITHUB_TOKEN", "ghp_ gho_ ghu_ ghs_ ghr_", _LETTERS),
    *_rows("GITHUB_TOKEN", "github_pat_", rf"\w{{20,{MAX_SECRET}}}"),
    *_rows("GITLAB_TOKEN", "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent-", rf"[\w.-]{{18,{MAX_SECRET}}}"),
    *_rows("SLACK_TOKEN", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxe.xox xoxo- xoxp- xoxr- xoxs- xapp-", r"[\w.%-]{10,512}"),
    *_rows("SLACK_WEBHOOK", "hooks.slack.com/", r"(?:services|workflows|triggers)/[\w/+-]{10,512}"),
    *_rows("AWS_KEY", "AKIA ASIA ABIA ACCA", _AWS_ID),
    *_rows("GCP_KEY", "AIza", r"[A-Za-z0-9_-]{30,64}"),
    *_rows("GCP_TOKEN", "ya29.", rf"[\w.-]{{20,{MAX_SECRET}}}", needs_edge=True),
    *_rows("GCP_SECRET", "GOCSPX-", _MIXED),
    *_rows("GCP_TOKEN", "1//0", rf"{_OPAQUE}{{30,512}}", needs_edge=True),
    *_rows("NEPTUNE_TOKEN", "eyJhcGlf", rf"[\w+/=-]{{30,{MAX_SECRET}}}", needs_edge=True),
    *_rows("JWT", "eyJ", _JWT, needs_edge=True),
    *_rows("DATABRICKS_TOKEN", "dapi", r"[a-f0-9]{32}(?:-\d)?", needs_edge=True),
    *_rows("REPLICATE_TOKEN", "r8_", _LETTERS, needs_edge=True),
    *_rows("GROQ_KEY", "gsk_", _LETTERS, needs_edge=True),
    *_rows("FIREWORKS_KEY", "fw_ fpk_", _LETTERS, needs_edge=True),
    *_rows("XAI_KEY", "xai-", _LETTERS, needs_edge=True),
    *_rows("NVIDIA_KEY", "nvapi-", _MIXED),
    *_rows("TOGETHER_KEY", "tgp_v1_", _MIXED),
    *_rows("PERPLEXITY_KEY", "pplx-", _LETTERS),
    *_rows("CEREBRAS_KEY", "csk-", _LETTERS, needs_edge=True),
    *_rows("LANGSMITH_KEY", "lsv2_pt_ lsv2_sk_", r"[A-Za-z0-9_]{20,256}"),
    *_rows("RUNPOD_KEY", "rpa_", _LETTERS, needs_edge=True),
    *_rows("PINECONE_KEY", "pcsk_", rf"\w{{20,{MAX_SECRET}}}"),
    *_rows("API_KEY", "tvly- jina_ dop_v1_ sntrys_ sntryu_ glsa_ glc_ hvs. lin_api_ figd_ shpat_ ntn_ phx_", _MIXED),
    *_rows("SQUARE_TOKEN", "sq0atp- sq0csp-", _MIXED),
    *_rows("PYPI_TOKEN", "pypi-AgE pypi-AgN", rf"{_OPAQUE}{{40,{MAX_SECRET}}}"),
    *_rows("NPM_TOKEN", "npm_", _LETTERS, needs_edge=True),
    *_rows("DOCKER_TOKEN", "dckr_pat_ dckr_oat_", _MIXED),
    *_rows("STRIPE_KEY", "sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ whsec_", r"[A-Za-z0-9+/=]{16,512}"),
    *_rows("TWILIO_KEY", "AC SK", r"[0-9a-f]{32}", needs_edge=True),
    *_rows("SENDGRID_KEY", "SG.", r"[\w-]{16,64}\.[\w-]{16,128}", needs_edge=True),
    *_rows("DISCORD_WEBHOOK", "/api/webhooks/", r"\d{10,24}/[\w-]{20,256}"),
    *_rows("TEAMS_WEBHOOK", ".webhook.office.com/", r"[\w@/.-]{20,512}"),
    *_rows("AGE_KEY", "AGE-SECRET-KEY-1", r"[0-9A-Z]{40,80}"),
    *_rows("ARTIFACTORY_KEY", "AKCp", r"[A-Za-z0-9]{60,100}", needs_edge=True),
)


@cache
def _compile(rest: str) -> re.Pattern[str]:
    return re.compile(rest)


def find_shapes(text: str) -> Iterator[Span]:
    """Every secret that a shape names; a plain search for the anchors keeps text without any cheap."""
    for rank, shape in enumerate(SHAPES):
        start = text.find(shape.anchor)
        while start >= 0:
            after = start + len(shape.anchor)
            match = _compile(shape.rest).match(text, after) if _has_edge(text, start, shape) else None
            if match:
                after = match.end()
                yield Span(start, after, shape.name, rank)
            start = text.find(shape.anchor, after if match else start + 1)


def _has_edge(text: str, start: int, shape: Shape) -> bool:
    """Whether a word begins here; `disk-` and `mask-` are not keys that begin with `sk-`."""
    if not shape.needs_edge or start == 0:
        return True
    before = text[start - 1]
    if before.isalnum() or before in "_->":
        return _ESCAPE_BEFORE.search(text[max(0, start - 16) : start]) is not None
    return True


def skip_escape(text: str, start: int, end: int) -> int:
    r"""Where a word really begins whose first characters end an escape: the `n` of `\n`, the `33m` of a colour."""
    if text[start - 1 : start] == "[" and (colour := _COLOUR_END.match(text, start, end)):
        return colour.end()
    if text[start - 1 : start] == "\\" and text[start : start + 1] in {"n", "r", "t"}:
        return start + 1
    return start
