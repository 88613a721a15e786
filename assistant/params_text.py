"""A count of parameters as a person reads it."""

from collections.abc import Iterator

from tools.adaptation import Adaptation
from tools.model_shape import ModelShape
from tools.parameters import ParameterCount

_HOW = {"closed_form": "from its config", "meta_device": "built without weights by transformers"}
_TITLES = {"lora": "LoRA", "rslora": "rsLoRA", "dora": "DoRA", "ia3": "IA3", "prompt": "prompt tuning"}
_SHOWN = 16


def write_count(shape: ModelShape, adaptation: Adaptation, count: ParameterCount) -> Iterator[str]:
    """The lines of the text view: the model by parts, the adapter by place, what other programs print."""
    yield f"{shape.name}: {count.base_total:,} parameters, counted {_HOW[count.how]}"
    for part, number in sorted(count.parts.items(), key=lambda item: -item[1]):
        yield f"  {part:<12} {number:>18,}  {number / count.base_total:6.1%}"
    if count.active != count.total:
        experts = f"a token passes {shape.experts_per_token} of {shape.num_experts} experts"
        yield f"  {'active':<12} {count.active:>18,}  {experts}"
    if adaptation.method == "full":
        yield f"trainable: all of them ({count.trainable:,}); with --rank R, those of LoRA"
        return
    yield from _write_adapter(adaptation, count)


def _write_adapter(adaptation: Adaptation, count: ParameterCount) -> Iterator[str]:
    title = _TITLES.get(adaptation.method, adaptation.method)
    yield f"{title} of rank {adaptation.rank}:" if adaptation.is_lora else f"{title}:"
    for item in count.additions[:_SHOWN]:
        places = f"{item.num_places:,} x {item.num_values:,}" if item.num_places > 1 else ""
        yield f"  {item.name.replace('{}', '*'):<52} {item.total:>14,}  {places}".rstrip()
    if len(count.additions) > _SHOWN:
        yield f"  and {len(count.additions) - _SHOWN} more places"
    share = f"trainable%: {100 * count.trainable / count.total:.4f}"
    yield f"trainable: {count.trainable:,} of {count.total:,}"
    yield f"PEFT prints: trainable params: {count.trainable:,} || all params: {count.total:,} || {share}"
    yield (
        f"in 4 bits, programs that count stored values say {count.packed_total:,} in all: "
        "bitsandbytes holds two weights in a byte; PEFT's own line doubles them back"
    )
