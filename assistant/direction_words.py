"""The words by which a sentence turns a knob, and those that turn a sentence round."""

from typing import Literal

from assistant.word_sets import word_set

Manner = Literal["amount", "compared", "switch", "weak", "inspect"]

_UP = """
    raise increase enlarge bump boost grow extend lengthen double triple quadruple multiply expand widen
    strengthen elevate
    heighten maximise maximize crank prolong upgrade
"""
_DOWN = """
    lower reduce decrease cut shrink halve drop trim shorten lessen slash curb weaken diminish minimise minimize
    divide
    limit restrict downgrade decimate quarter
"""
_ON = "enable activate add introduce include insert employ adopt apply employ reenable re-enable"
_OFF = "disable deactivate remove omit skip delete eliminate discard ditch abandon forgo forego drop-out uninstall"
_WEAK = """
    use set try choose pick select take give change switch adjust replace move tune put configure target load
    make clip
    turn bring dial tone scale push go crank keep let split collect deduplicate start pass leave
"""
_INSPECT = "inspect check look examine verify review read compare decode list print count"
_UP_COMPARED = "higher larger bigger more longer greater additional extra stronger further deeper wider"
_DOWN_COMPARED = "lower smaller fewer less shorter weaker tighter narrower reduced lesser"
UP_PARTICLES = frozenset({"up", "upwards"})
ON_PARTICLES = frozenset({"on"})
DOWN_PARTICLES = frozenset({"down", "back", "downwards"})
OFF_PARTICLES = frozenset({"off", "out"})
PARTICLE_VERBS = word_set("turn bring dial tone scale push go crank switch set take move step come ramp leave")
TOO_MUCH = word_set("high large many big long strong much aggressive great loose frequent")
TOO_LITTLE = word_set("low small few short little weak tiny")
_IRREGULAR = {
    "cut": "cut",
    "cutting": "cut",
    "took": "take",
    "gave": "give",
    "grown": "grow",
    "went": "go",
    "chose": "choose",
}

NEGATORS = word_set(
    "not never no avoid avoiding avoided without neither nor refuse refrain resist against cannot hardly "
    "unnecessary pointless useless needless nothing none unwise"
)
BAD_ENDS = word_set(
    "bad mistake wrong worse worsen worsens hurt hurts harm harms harmful unnecessary pointless useless "
    "dangerous backfire "
    "backfires aggravate aggravates avoided unhelpful counterproductive futile premature"
)
CONDITION_WORDS = word_set("if when where wherever while unless once provided only whenever")
ADVISING = word_set("should must need needs ought recommend recommended consider try would worth better could advise")
VALUE_WORDS = {
    "bf16": "precision", "fp16": "precision", "fp32": "precision", "float16": "precision", "float32": "precision",
    "bfloat16": "precision", "tf32": "precision", "sgd": "optimizer", "adamw": "optimizer", "adafactor": "optimizer",
    "adam": "optimizer", "paged_adamw_8bit": "optimizer", "adamw_8bit": "optimizer", "lion": "optimizer",
    "sdpa": "attention_kernel", "eager": "attention_kernel", "flash_attention_2": "attention_kernel",
    "cosine": "lr_schedule", "linear": "lr_schedule", "constant": "lr_schedule", "polynomial": "lr_schedule",
}  # fmt: skip
# Words for turning a knob that do not name it.
TOLD_EVENTS: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {
    ("train", "longer"): (("epochs",), 1),
    ("let", "it", "run"): (("epochs",), 1),
    ("let", "it", "train"): (("epochs",), 1),
    ("keep", "it", "running"): (("epochs",), 1),
    ("keep", "going"): (("epochs",), 1),
    ("continue", "the", "run"): (("epochs",), 1),
    ("continue", "the", "training"): (("epochs",), 1),
    ("resume", "training"): (("epochs",), 1),
    ("train", "for", "longer"): (("epochs",), 1),
    ("train", "more"): (("epochs",), 1),
    ("train", "further"): (("epochs",), 1),
    ("train", "on"): (("epochs",), 1),
    ("training", "longer"): (("epochs",), 1),
    ("training", "for", "longer"): (("epochs",), 1),
    ("training", "further"): (("epochs",), 1),
    ("longer", "training"): (("epochs",), 1),
    ("more", "training"): (("epochs",), 1),
    ("further", "training"): (("epochs",), 1),
    ("additional", "training"): (("epochs",), 1),
    ("extra", "training"): (("epochs",), 1),
    ("keep", "training"): (("epochs",), 1),
    ("keep", "on", "training"): (("epochs",), 1),
    ("continue", "training"): (("epochs",), 1),
    ("continue", "to", "train"): (("epochs",), 1),
    ("carry", "on", "training"): (("epochs",), 1),
    ("extend", "training"): (("epochs",), 1),
    ("prolong", "training"): (("epochs",), 1),
    ("longer", "run"): (("epochs",), 1),
    ("run", "longer"): (("epochs",), 1),
    ("give", "it", "more", "time"): (("epochs",), 1),
    ("train", "less"): (("epochs",), -1),
    ("train", "for", "less"): (("epochs",), -1),
    ("train", "shorter"): (("epochs",), -1),
    ("shorter", "training"): (("epochs",), -1),
    ("shorter", "run"): (("epochs",), -1),
    ("less", "training"): (("epochs",), -1),
    ("stop", "training"): (("epochs", "early_stopping"), -1),
    ("stop", "earlier"): (("epochs", "early_stopping"), -1),
    ("stop", "early"): (("epochs", "early_stopping"), -1),
    ("stop", "sooner"): (("epochs", "early_stopping"), -1),
    ("stop", "at"): (("epochs", "early_stopping"), -1),
    ("stop", "after"): (("epochs", "early_stopping"), -1),
    ("stop", "around"): (("epochs", "early_stopping"), -1),
    ("stop", "near"): (("epochs", "early_stopping"), -1),
    ("stop", "about"): (("epochs", "early_stopping"), -1),
    ("end", "training"): (("epochs", "early_stopping"), -1),
    ("end", "the", "run"): (("epochs", "early_stopping"), -1),
    ("finish", "at"): (("epochs", "early_stopping"), -1),
    ("stopping", "at"): (("epochs", "early_stopping"), -1),
    ("stopping", "after"): (("epochs", "early_stopping"), -1),
    ("stopping", "earlier"): (("epochs", "early_stopping"), -1),
    ("bigger", "model"): (("model_size",), 1),
    ("larger", "model"): (("model_size",), 1),
    ("smaller", "model"): (("model_size",), -1),
    ("smaller", "base", "model"): (("model_size",), -1),
    ("larger", "base", "model"): (("model_size",), 1),
    ("bigger", "base", "model"): (("model_size",), 1),
}


def _forms(word: str) -> set[str]:
    stem = word.removesuffix("e")
    doubled = word + word[-1] if len(word) <= 5 and word[-1] in "pbtgm" else stem
    ends = {word, word + "s", stem + "ing", stem + "ed", doubled + "ing", doubled + "ed"}
    return ends | {word + "es"} if word.endswith(("x", "sh", "ch", "o")) else ends


def _table(words: str, sign: int, manner: Manner) -> dict[str, tuple[int, Manner, str]]:
    return {form: (sign, manner, word) for word in words.split() for form in _forms(word)}


# form -> (sign, manner, dictionary form)
VERBS: dict[str, tuple[int, Manner, str]] = {
    **_table(_INSPECT, 0, "inspect"),
    **_table(_WEAK, 0, "weak"),
    **_table(_UP, 1, "amount"),
    **_table(_DOWN, -1, "amount"),
    **_table(_ON, 1, "switch"),
    **_table(_OFF, -1, "switch"),
}
VERBS |= {form: VERBS[word] for form, word in _IRREGULAR.items()}
VERBS["lesser"] = VERBS["lessen"]
COMPARATIVES: dict[str, int] = dict.fromkeys(_UP_COMPARED.split(), 1) | dict.fromkeys(_DOWN_COMPARED.split(), -1)
