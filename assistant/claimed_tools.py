"""Whether a sentence claims work that no tool did: "I ran ...", "the dataset was inspected", "a test shows"."""

import re
from collections.abc import Collection

_FIRST = re.compile(r"\b(?:i|we|i've|we've|i'd|we'd|my|our|me|us|let's|i'm|we're|i'll|we'll)\b")
_WORK = re.compile(
    r"\b(?:ran|run|running|executed|tested|test|tests|testing|tried|checked|measured|profiled|"
    r"benchmarked|inspected|verified|examined|"
    r"analy[sz]ed|opened|downloaded|installed|compared|counted|estimated|computed|calculated|searched|looked|read|"
    r"parsed|diagnosed|trained|evaluated|reproduced|simulated|confirmed|scanned|monitored|logged|"
    r"queried|asked|called|"
    r"reviewed|found|saw|noticed|detected|discovered|observed|fixed|changed|applied|restarted|killed|"
    r"deleted|contacted|"
    r"retrained|validated|experimented|sampled|decoded|loaded)\b"
)
_PASSIVE = re.compile(
    r"\b(?:was|were|been|being|got)\s(?:\w{1,20}\s)?(?:tested|profiled|benchmarked|inspected|"
    r"verified|examined|analy[sz]ed|"
    r"scanned|monitored|reviewed|reproduced|simulated|queried|validated|checked|measured|confirmed|"
    r"decoded|retrained|re-run)\b"
)
_SHOWN = re.compile(
    r"\b(?:after|upon|by|from|when)\s(?:\w{1,20}\s)?(?:testing|running|inspecting|checking|profiling|"
    r"measuring|benchmarking|"
    r"analy[sz]ing|examining|reviewing|scanning|verifying|searching|executing|reproducing|simulating|monitoring)\b"
    r"|\b(?:test|profiler?|profiling|experiment|benchmark|inspection|search|simulation|measurement|"
    r"nvidia-smi|nvtop|htop|dmesg|"
    r"wandb|tensorboard|trial|test run|rerun|re-run|audit|scan|check|analysis|review|documentation|"
    r"docs|github|forum|paper|study|studies|"
    r"research|google|internet|web)\s(?:\w{1,20}\s){0,3}?(?:shows?|showed|says?|said|reports?|"
    r"reported|reveals?|revealed|confirms?|"
    r"confirmed|indicates?|indicated|found|proves?|proved|recommends?|suggests?)\b"
)
_OPINION = re.compile(
    r"\b(?:i|we)(?:'d| would| can| could| cannot| can't| do not| don't| am|'m| have no| recommend|"
    r" suggest| advise| see| think|"
    r" know| only|'ll| will)\b|\bmy (?:suggestion|advice|recommendation|view|guess|reading|answer)\b"
)
_BY_TOOL = {
    "parse_log": "read parsed found saw see looked noticed observed log detected",
    "diagnose": "diagnosed checked found looked detected examined",
    "estimate_vram": "estimated computed calculated memory measured",
    "count_parameters": "counted computed calculated",
    "search_cards": "searched looked cards",
    "inspect_dataset": "inspected checked looked dataset found examined scanned",
    "compare_settings": "compared",
}
_OBJECTS = {
    "log": ("parse_log", "diagnose"),
    "dataset": ("inspect_dataset",),
    "data": ("inspect_dataset",),
    "rows": ("inspect_dataset", "parse_log"),
    "samples": ("inspect_dataset",),
    "memory": ("estimate_vram",),
    "vram": ("estimate_vram",),
    "parameters": ("count_parameters",),
    "cards": ("search_cards",),
    "run": ("parse_log", "diagnose"),
    "losses": ("parse_log",),
    "loss": ("parse_log", "diagnose"),
}


def find_claimed_tool(bare: str, tools: Collection[str]) -> str | None:
    """Tell which piece of work is claimed that no tool did."""
    text = bare.lower().replace("’", "'")
    if _SHOWN.search(text):
        return "speaks of a test or a source that was not made use of"
    if (match := _PASSIVE.search(text)) and not _was_done(text, match[0].split(" ")[-1], tools):
        return f"claims that something {match[0]}, and no tool did that"
    for first in _FIRST.finditer(text):
        following = text[first.end() : first.end() + 60]
        opinion = _OPINION.match(text, first.start())
        work = _WORK.search(text[opinion.end() :] if opinion and _is_future(opinion[0]) else following)
        if work and not (opinion and _is_future(opinion[0])) and not _was_done(text, work[0], tools):
            return f"claims '{work[0]}', and no tool did that"
        if not work and not opinion:
            return "speaks of itself"
    return None


def _is_future(opinion: str) -> bool:
    return not opinion.endswith((" have no", " see", " know", " only", " am", "'m"))


def _was_done(text: str, verb: str, tools: Collection[str]) -> bool:
    """Whether the tools that were called did it, to what the sentence names."""
    able = {tool for tool in tools if verb in _BY_TOOL.get(tool, "").split()}
    named = [set(owners) for word, owners in _OBJECTS.items() if re.search(rf"\b{word}\b", text)]
    return bool(able) and bool(named) and all(able & owners for owners in named)
