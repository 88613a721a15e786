"""The last resort: a line of unknown make that names a loss, gives its number, and says where in the run it belongs.

Precision comes before recall. Prose, code, settings and argument lists name losses as well, so a line counts only where
its numbers stand right behind their names, where it tells a step or an epoch (or is nothing but a loss), and where
little else stands on it.
"""

import re
from functools import lru_cache

from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, LineReader, reading_alone, to_number
from tools.log_formats.record import LogFormat, canonical_name

MAX_LINE = 2000
MAX_FOREIGN_WORDS = 8

_LOSS = r"(?:loss|losses|ce|nll|xent|cross[_ -]?entropy|ppl|perplexity|bpc|bpb|reward|cost)"
_VALUE = rf"(?:tensor\(|(?:np|numpy)\.\w{{1,12}}\(|\[|\()?({NUMBER})"
_END = r"(?=[\s,;|)\]}%/<>\[]|$|\.(?:\s|$)|(?:m?s|sec|min|h|[KMG]i?B?|BPC|BPB|x)\b|±)"

_HINT = re.compile(
    r"(?:oss(?:es)?|OSS|[Cc]e|CE|[Nn]ll|NLL|[Xx]ent|XENT|ntropy|[Pp]pl|PPL|erplexity|bpc|BPC|bpb|eward|[Cc]ost)"
    r"\b(?: ?\(\w{1,12}\))?\s{0,3}(?:[:=]|is)?\s{0,8}(?:tensor\(|np\.|\[|\()?(?:[-+]?[.\d]|-?nan|-?inf|NaN)"
)
_CODE = re.compile(
    r"[{}\\;$`]|\bf[\"']|\w\(\w{1,40}=|\b(?:def|import|return|lambda|print|self|assert|elif)\b|==|\+=|->|--\w|://|"
    r"\bdtype="
    r"|\w\[['\"]|\.(?:4|3|6|2|5)f\b"
)
_PROSE = re.compile(
    r"\b(?:sav(?:e|ed|es|ing)|improv\w{0,6}|best|lowest|minimum|early|stopp\w{0,4}|load\w{0,4}|restor\w{0,4}|"
    r"resum\w{0,4}|expect\w{0,4}"
    r"|should|would|because|than|warn\w{0,4}|error|target|threshold|initial|finished|reached|after training|the|was|"
    r"were|if|when)\b",
    re.IGNORECASE,
)
_PAIR = re.compile(
    rf"(?<![\w.$\"'/\\-])([A-Za-z][\w/@]{{0,40}}(?:[ -][A-Za-z][\w/@]{{0,20}}){{0,3}}(?: ?\(\w{{1,12}}\))?)"
    rf"(?: {{0,3}}[:=] {{0,8}}|\t{{1,2}}| {{1,3}})\**{_VALUE}{_END}"
)
_STEP = re.compile(
    r"\b(?:[Ss]teps?|STEP|[Ii]ter(?:ation)?s?|ITER|[Ii]t|[Uu]pdates?|(?:[Mm]ini-?)?[Bb]atch(?:es)?|global_?step|"
    r"num_updates)"
    r"\s?[:=#\[(|]{0,2}\s{0,8}(\d{1,12})(?![.\w])\s?(?:(?:/|of)\s{0,6}(\d{1,12}))?"
)
_EPOCH = re.compile(
    r"\b(?:[Ee]pochs?|EPOCH|[Ee]p)\s?[:=#\[(|]{0,2}\s{0,6}(\d{1,9}(?:\.\d{1,9})?)(?!\w)\s?(?:(?:/|of)\s{0,6}(\d{1,9}))?"
)
_FRACTION = re.compile(r"[\[(] {0,8}(\d{1,12}) ?/ {0,8}(\d{1,12}) {0,3}(?:\( ?[\d.]{1,6} ?%\) {0,2})?[\])]")
_AT_STEP = re.compile(
    rf"(?<![\w.-])((?:[A-Za-z]{{2,12}} ){{0,2}}[Ll]oss) (?:at|after|for|in) (step|epoch|iter|iteration|batch)"
    rf" #?(\d{{1,12}})(?:/\d{{1,12}})?"
    rf"(?: is|:| =| -|,)? {{1,3}}{_VALUE}{_END}",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"(?:^|[\]>|)]:? |^\d{{1,4}}: |INFO[: -]{{1,3}})\**((?:[A-Za-z]{{2,12}}[ _]){{0,3}}[Ll]oss)\**(?: ?[:=] ?|\t)"
    rf"\**{_VALUE}[^\n\w]{{0,3}}"
    r"(?:\s{0,4}$|, (?:device|grad_fn|dtype)=|\[)"
)
_EVAL_WORD = re.compile(
    r"(?<![\w./-])(?:\[ ?)?(?:Val|Valid|Validation|Validating|Eval|Evaluation|Evaluating|Test|Testing|Dev|VAL|VALID|"
    r"EVAL|TEST|DEV|eval|val|valid"
    r"|validation|dev|test)(?= ?[\]:|>-]| [A-Z\[(]| epoch| step| iter)"
)
_SECTION = re.compile(
    r"(?<![\w./-])(train(?:ing)?|val(?:id(?:ation)?)?|eval(?:uation)?|dev|test)(?: set)"
    r"? ?[:|>\]-]{1,2} {0,3}(?=[A-Za-z])",
    re.IGNORECASE,
)
_IS_LOSS = re.compile(rf"(?:\b|_){_LOSS}\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{3,}")

_TRAIN_WORDS = frozenset(
    [
        "train",
        "training",
        "average",
        "avg",
        "mean",
        "running",
        "batch",
        "step",
        "current",
        "curr",
        "cur",
        "total",
        "lm",
        "epoch",
        "iter",
        "minibatch",
        "ema",
    ]
)
_EVAL_WORDS = frozenset(["val", "valid", "validation", "eval", "evaluation", "dev", "test"])
_LOSS_WORDS = {
    **dict.fromkeys(("loss", "losses", "ce", "nll", "xent", "cost", "crossentropy", "cross_entropy"), "loss"),
    **dict.fromkeys(("ce_loss", "nll_loss", "lm_loss", "cross_entropy_loss", "crossentropy_loss"), "loss"),
    **dict.fromkeys(("ppl", "perplexity"), "perplexity"),
    "reward": "reward",
}
_BRACKETED = re.compile(r" ?\(\w{1,12}\)$")
_PLACES = frozenset(
    [
        "step",
        "steps",
        "iter",
        "iters",
        "iteration",
        "iterations",
        "it",
        "epoch",
        "epochs",
        "ep",
        "batch",
        "batches",
        "update",
        "updates",
        "global_step",
        "num_updates",
    ]
)
_NOT_NOW = frozenset(["best", "min", "lowest", "target", "prev", "previous", "last", "initial", "final"])
_TELLING = frozenset({"loss", "eval_loss", "perplexity", "eval_perplexity", "reward"})


@lru_cache(maxsize=4096)
def name_metric(name: str, is_eval: bool) -> str:
    """The canonical name of a metric of an unknown trainer.

    Example:
        >>> [name_metric(name, False) for name in ("Train Loss", "val loss", "Avg loss", "policy loss", "Acc", "lr")]
        ['loss', 'eval_loss', 'loss', 'policy_loss', 'acc', 'learning_rate']
        >>> name_metric("Loss", True), name_metric("PPL", True)
        ('eval_loss', 'eval_perplexity')
    """
    plain = re.sub(r"[ -]", "_", _BRACKETED.sub("", name.strip())).lower()
    words = [word for word in re.split(r"[_/]", plain) if word]
    kept = [word for word in words if word not in _EVAL_WORDS and word not in _TRAIN_WORDS]
    found = _LOSS_WORDS.get("_".join(kept), plain)
    canonical = canonical_name(found)
    is_eval = is_eval or not _EVAL_WORDS.isdisjoint(words)
    return canonical if not is_eval or canonical.startswith("eval_") else f"eval_{canonical}"


class _GenericReader:
    """Reads lines of unknown make; a lone evaluation gets the place of the training line before it."""

    def __init__(self) -> None:
        self._steps = EpochSteps()
        self._place: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        if len(text) > MAX_LINE:
            text = text[:MAX_LINE]
        if not _HINT.search(text):
            return _read_at_step(text)
        if _CODE.search(text):
            return None
        place, spans = _find_place(text)
        values = self._read_row(text, place, spans) if place else self._read_placeless(text)
        if values is not None and "loss" in values:
            self._place = {name: values[name] for name in ("epoch", "step") if name in values}
        return values

    def _read_row(self, text: str, place: dict[str, float], spans: list[tuple[int, int]]) -> dict[str, float] | None:
        first = min(spans)[0]
        pairs = [match for match in _PAIR.finditer(text) if _is_metric(match, first)]
        if not pairs:
            return _read_at_step(text)
        values = _read_metrics(text, pairs, min(first, pairs[0].start()), spans)
        return {**self._steps.place(place), **values} if values else None

    def _read_placeless(self, text: str) -> dict[str, float] | None:
        """Read a line that is nothing but a loss, or a loss and other metrics."""
        bare = _BARE.search(text)
        if bare and _is_of_now(bare):
            is_number = "." in bare[2] or "e" in bare[2] or bare[2][-1] in "nfNF"
            values = {name_metric(bare[1], False): to_number(bare[2])} if is_number else {}
        else:
            pairs = [match for match in _PAIR.finditer(text) if _is_metric(match, len(text))]
            first = next((index for index, match in enumerate(pairs) if _IS_LOSS.search(match[1])), len(pairs))
            pairs = pairs[first:]
            values = _read_metrics(text, pairs, pairs[0].start(), []) if len(pairs) > 1 else {}
        return {**self._place, **values} if "loss" not in values and values else values or None


def _find_place(text: str) -> tuple[dict[str, float], list[tuple[int, int]]]:
    """Find the step, the epoch and their totals, and where they stand."""
    place: dict[str, float] = {}
    spans: list[tuple[int, int]] = []
    epoch, step = _EPOCH.search(text), _STEP.search(text)
    if epoch:
        place["epoch"] = float(epoch[1])
        spans.append(epoch.span())
        if epoch[2]:
            place["num_epochs"] = float(epoch[2])
    fraction = None if step else _FRACTION.search(text, epoch.end() - 1 if epoch else 0)
    found = step or (
        fraction
        if (epoch and fraction and not epoch[2]) or (fraction and epoch and fraction.start() >= epoch.end())
        else None
    )
    if found:
        place["step"] = float(found[1])
        spans.append(found.span())
        if found[2]:
            place["total_steps"] = float(found[2])
    if "num_epochs" in place and not ("step" in place and "total_steps" in place):
        del place["num_epochs"]
    return place, spans


def _is_metric(match: re.Match[str], first_place: int) -> bool:
    """Whether a pair is a metric: no place, and none that a launcher or logger wrote in front of everything."""
    name = match[1]
    if name.rpartition(" ")[2].lower() in _PLACES:
        return False
    return (
        match.start() >= first_place
        or bool(_IS_LOSS.search(name))
        or (match.start() > 0 and match.string[match.start() - 1] not in "( ")
    )


def _is_of_now(match: re.Match[str]) -> bool:
    """Whether a name is not that of a best, last or wanted value."""
    return re.split(r"[ _]", match[1], maxsplit=1)[0].lower() not in _NOT_NOW


def _count_foreign_words(text: str, start: int, taken: list[tuple[int, int]]) -> int:
    """Count the words from a position on that belong to none of the spans."""
    return sum(not any(begin <= word.start() < end for begin, end in taken) for word in _WORD.finditer(text, start))


def _read_metrics(text: str, pairs: list[re.Match[str]], start: int, spans: list[tuple[int, int]]) -> dict[str, float]:
    """Read the pairs; what follows ``Val:`` or stands behind ``Validation Epoch`` is of an evaluation."""
    taken = [*(match.span() for match in pairs), *spans]
    if _PROSE.search(text, 0, pairs[0].start()) or _count_foreign_words(text, start, taken) > MAX_FOREIGN_WORDS:
        return {}
    is_eval = bool(_EVAL_WORD.search(text, 0, pairs[0].start() + 1))
    sections = [
        (match.start(), match[1][0] in "vVeEdD" or match[1].lower() == "test") for match in _SECTION.finditer(text)
    ]
    values: dict[str, float] = {}
    for match in pairs:
        section = [section_is_eval for position, section_is_eval in sections if position <= match.start()]
        if _is_of_now(match):
            values.setdefault(name_metric(match[1], section[-1] if section else is_eval), to_number(match[2]))
    return {} if _TELLING.isdisjoint(values) else values


def _read_at_step(text: str) -> dict[str, float] | None:
    """Read ``Loss after epoch 3: 0.5``."""
    match = _AT_STEP.search(text) if "oss" in text or "OSS" in text else None
    if not match or _CODE.search(text) or _PROSE.search(text, 0, match.start()):
        return None
    place = "epoch" if match[2].lower() == "epoch" else "step"
    return {place: float(match[3]), name_metric(match[1], False): to_number(match[4])}


def _new_reader() -> LineReader:
    return _GenericReader()


GENERIC_PAIRS = LogFormat(
    name="generic_pairs",
    title="console lines with a step and a loss",
    source="training scripts of all kinds",
    samples=(
        (
            "Epoch [3/10] Step [20/500] Loss: 0.5125",
            {"epoch": 3.0, "step": 1020.0, "total_steps": 5000.0, "loss": 0.5125},
        ),
        ("it 100 | loss 2.3125", {"step": 100.0, "loss": 2.3125}),
        ("[Epoch 1, Iter 10] loss=0.75 lr=0.001", {"epoch": 1.0, "step": 10.0, "loss": 0.75, "learning_rate": 0.001}),
        (
            "Epoch 3: train loss 0.4375 val loss 0.5625 acc 0.8125",
            {"epoch": 3.0, "loss": 0.4375, "eval_loss": 0.5625, "acc": 0.8125},
        ),
        (
            "Epoch 2 | Train: loss 0.5 acc 0.75 | Val: loss 0.625 acc 0.6875",
            {"epoch": 2.0, "loss": 0.5, "acc": 0.75, "eval_loss": 0.625, "eval_acc": 0.6875},
        ),
        ("Validation Epoch: 4, Loss: 0.375", {"epoch": 4.0, "eval_loss": 0.375}),
        ("Loss after epoch 5: 0.25", {"epoch": 5.0, "loss": 0.25}),
        ("loss: tensor(1.2500, device='cuda:0', grad_fn=<NllLossBackward0>)", {"loss": 1.25}),
        (
            "epoch 1 - iter 8/80 - loss 2.12500000 - time (sec): 4.50 - lr: 0.1",
            {"epoch": 1.0, "step": 8.0, "loss": 2.125, "time": 4.5, "learning_rate": 0.1},
        ),
    ),
    markers=(b"oss", b"OSS", b"ppl", b"PPL", b"erplexity", b"nll", b"NLL", b"eward"),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
