"""A question as its words tell it: settings, model, GPU, the numbers it is after, and whether it follows up."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from assistant.question_choices import read_choices
from assistant.question_facts import Reading, read_numbers
from assistant.question_gpus import read_gpu, read_gpu_count
from assistant.question_models import read_model
from assistant.question_turns import FollowUp, Want, read_bare_number, read_follow_up, read_wants
from tools.run import Line, Setting

YOU = "you"
"""Source of a setting that the person said in words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the words of a question tell.

    Attributes:
        settings: by Hugging Face's name; the line of each holds the words, its source is "you".
        spans: where the words of each stand in the question, in characters; "model" and "gpu" as well.
        model: as ``load_model_shape`` takes it without a network, "" where none or none for sure is named.
        gpu: the catalogue's name, or a size such as "24GiB".
        unknown_model, unknown_gpu: words that name one which is not known.
        wants: the numbers that the question is after.
        follow_up: what it asks of the answer before it; the conversation decides whether there is one.
        bare_number: the number of a question that is nothing else.
    """

    question: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    model: str = ""
    gpu: str = ""
    unknown_model: str = ""
    unknown_gpu: str = ""
    wants: frozenset[Want] = frozenset()
    follow_up: FollowUp = ""
    bare_number: str = ""


def read_question(question: str) -> Asked:
    """Read what a question's words tell; nothing is looked up on a network or in a file.

    Example:
        >>> asked = read_question("will llama 3.1 8b with rank 64 fit on a 4090?")
        >>> asked.model, asked.gpu, asked.settings["lora_r"].value, sorted(asked.wants)
        ('meta-llama/Llama-3.1-8B', 'RTX 4090', 64.0, ['memory'])
    """
    model, gpu = read_model(question), read_gpu(question)
    named = [(one.start, one.end) for one in (model, gpu) if one is not None]
    readings = [one for one in _read_settings(question) if not any(one.start < b and a < one.end for a, b in named)]
    count = read_gpu_count(question, gpu)
    readings += [count] if count else []
    settings = {one.name: _to_setting(one, question) for one in readings}
    spans = {one.name: (one.start, one.end) for one in readings}
    spans |= {name: (one.start, one.end) for name, one in (("model", model), ("gpu", gpu)) if one is not None}
    others = _count_other_words(question, spans) if spans else None
    return Asked(
        question=question,
        settings=settings,
        spans=spans,
        model=model.name if model else "",
        gpu=gpu.name if gpu else "",
        unknown_model=model.words if model and not model.name else "",
        unknown_gpu=gpu.words if gpu and not gpu.name else "",
        wants=read_wants(question),
        follow_up=read_follow_up(question, others),
        bare_number=read_bare_number(question),
    )


def _read_settings(question: str) -> Iterator[Reading]:
    yield from read_numbers(question)
    yield from read_choices(question)


def _to_setting(reading: Reading, question: str) -> Setting:
    return Setting(reading.name, reading.value, Line(0, question[reading.start : reading.end].strip(), YOU))


def _count_other_words(question: str, spans: Mapping[str, tuple[int, int]]) -> int:
    """Words that name no setting; a model's are counted, since a question that names one has its own subject."""
    inside = [False] * len(question)
    for start, end in (span for name, span in spans.items() if name != "model"):
        inside[start:end] = [True] * (end - start)
    words = re.finditer(r"\w[\w'-]*", question)
    return sum(1 for word in words if not inside[word.start()])
