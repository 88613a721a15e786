"""From what was seen of a set to its report: which rows are defects, and what could not be looked for."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tools.dataset.example import RARE_TYPE
from tools.dataset.hits import Hit, make_defect
from tools.dataset.kinds import GRAVITY, KINDS
from tools.dataset.ledger import (
    MAX_COMPARED,
    ROLES,
    Ledger,
    Repeats,
    find_common_answer,
    find_contradictions,
    find_overlap,
    find_repeats,
    places,
)
from tools.dataset.report import MAX_PLACES, DatasetReport, Defect

if TYPE_CHECKING:
    from tools.dataset.inspection import Inspection
    from tools.dataset.ledger import Rows

BY_DESIGN_SHARE = 0.3
"""Share of prompts with several answers from which several answers a prompt are how the set was made."""
TEMPLATED_SHARE = 0.9
MIN_COMMON_ROWS = 10
MIN_COMMON_SHARE = 0.02
MIN_OPEN_ANSWERS = 50
"""Different long answers below which they are a closed set, as the replies of a help desk are."""
MIN_DISTINCT_ROWS = 50
MIN_CONSTANT_ROWS = 20
FEW_ROWS = 1000
VARIED_SHARE = 0.5


def judge(inspection: "Inspection", training: Sequence[Ledger]) -> DatasetReport:
    """Make the report of one set.

    Args:
        training: ledgers whose training rows must not occur among the held-out rows of this one.
    """
    repeats = find_repeats(inspection.ledger)
    near, shared = _find_near(inspection, repeats)
    defects = [
        *_from_rows(inspection),
        *inspection.schemas.defects(inspection.num_rows),
        *_from_repeats(inspection, repeats, near),
        *_from_overlap(inspection, training, shared),
        *_from_answers(inspection),
        *_from_size(inspection, repeats),
    ]
    defects.sort(key=lambda defect: (GRAVITY[defect.severity], -defect.share, defect.kind))
    lengths = {part: found for part, counts in inspection.lengths.items() if (found := counts.lengths())}
    skipped = _tell_skipped(inspection, training)
    return DatasetReport(
        name=inspection.name,
        format=inspection.schemas.format,
        num_rows=inspection.num_rows,
        num_bad=inspection.hits.count("unreadable_row"),
        splits=dict(inspection.splits),
        columns=inspection.schemas.columns,
        lengths=lengths,
        labels=inspection.labels.counts(),
        defects=tuple(defects),
        checked=tuple(kind for kind in KINDS if kind not in skipped),
        skipped=skipped,
        notes=(*inspection.notes, *_tell_bounds(inspection)),
    )


def _from_rows(inspection: "Inspection") -> Iterator[Defect]:
    """What single rows show, where enough of them do."""
    kinds, num_rows = inspection.hits.kinds, inspection.num_rows
    _settle_types(inspection)
    _settle_markers(inspection)
    for kind, hit in kinds.items():
        known = KINDS[kind]
        num_all = num_rows + hit.num_rows if kind == "unreadable_row" else num_rows
        if hit.num_rows >= known.fewest and hit.num_rows >= known.least_share * num_all:
            told = f"{inspection.limits.max_length:,} tokens, {_tell_measure(inspection)}" if kind == "too_long" else ""
            yield make_defect(kind, hit, num_all, told)


def _tell_measure(inspection: "Inspection") -> str:
    if inspection.schemas.format == "tokenised":
        return "counted"
    return "estimated at 4 bytes a token, without the template"


def _settle_types(inspection: "Inspection") -> None:
    """Numbers, lists and turns in place of texts are of the wrong type only where most rows have texts."""
    hit = inspection.hits.kinds.pop(RARE_TYPE, None)
    if hit is None:
        return
    if 2 * hit.num_rows < inspection.num_rows:
        wrong = inspection.hits.kinds.setdefault("wrong_type", Hit())
        wrong.num_rows += hit.num_rows
        wrong.places = sorted({*wrong.places, *hit.places}, key=lambda place: (place.file, place.row))[:MAX_PLACES]
        wrong.details += hit.details
        wrong.sample = wrong.sample or hit.sample
    elif "the answer is a number" in hit.details:
        inspection.notes.append("the answers are numbers; trainers that join texts need them as text")


def _settle_markers(inspection: "Inspection") -> None:
    """Markers in nearly every row of plain text or of finished prompts are how the set was rendered."""
    hits, found = inspection.hits, inspection.schemas.format
    hit = hits.kinds.get("template_tokens_in_text")
    is_plain = found in ("text", "prompt_completion", "unknown")
    if hit and is_plain and hit.num_rows >= TEMPLATED_SHARE * inspection.num_rows:
        markers = ", ".join(name for name, _ in hit.details.most_common(3))
        inspection.notes.append(f"rows are rendered with a template already ({markers}); let the trainer add no other")
        del hits.kinds["template_tokens_in_text"]
    elif not is_plain:
        hits.kinds.pop("missing_end_token", None)


def _from_repeats(inspection: "Inspection", repeats: Repeats, near: Sequence[int]) -> Iterator[Defect]:
    yield from _make(inspection, "exact_duplicate", repeats.exact)
    if len(repeats.loose) or near:
        yield from _make(inspection, "near_duplicate", _join(repeats.loose, near), _tell_near(len(repeats.loose), near))
    found = find_contradictions(inspection.ledger)
    if not len(found.rows):
        return
    if found.num_prompts >= BY_DESIGN_SHARE * found.num_distinct and inspection.schemas.format != "classification":
        inspection.notes.append(f"{found.num_prompts:,} of {found.num_distinct:,} prompts have several answers")
        return
    prompts = "1 such prompt" if found.num_prompts == 1 else f"{found.num_prompts:,} such prompts"
    yield from _make(inspection, "contradiction", found.rows, prompts)


def _find_near(inspection: "Inspection", repeats: Repeats) -> tuple[list[int], list[int]]:
    """Rows that nearly repeat one of their split, and held-out rows that nearly repeat a training row."""
    roles, held_out = inspection.ledger.roles, ROLES.index("validation")
    within, across = [], []
    for pair in inspection.near.find({*repeats.exact.tolist(), *repeats.loose.tolist()}):
        if max(pair) >= len(roles):
            continue
        row, original = sorted(pair, key=lambda index: (roles[index], index), reverse=True)
        if roles[row] >= held_out > roles[original]:
            across.append(row)
        elif roles[row] == roles[original]:
            within.append(row)
    return within, across


def _tell_near(num_loose: int, near: Sequence[int]) -> str:
    told = [f"{num_loose:,} with other case, space or punctuation"] if num_loose else []
    return ", ".join([*told, *([f"{len(near):,} with a few other words"] if near else [])])


def _join(rows: "Rows", others: Sequence[int]) -> "Rows":
    import numpy as np

    return np.union1d(rows, np.array(others, dtype=np.intp))


def _from_overlap(inspection: "Inspection", training: Sequence[Ledger], near: Sequence[int]) -> Iterator[Defect]:
    if not _has_held_out(inspection) or not any(map(_has_training, training)):
        return
    found = find_overlap(inspection.ledger, training)
    is_told = inspection.schemas.format != "classification" and _is_varied(inspection)
    prompts: list[int] = found.prompts.tolist() if is_told else []
    equal = {*found.exact.tolist(), *found.loose.tolist(), *prompts}
    near = [index for index in near if index not in equal]
    rows = _join(found.exact, [*equal, *near])
    told = [
        f"{number:,} {words}"
        for number, words in (
            (len(found.exact), "equal"),
            (len(found.loose), "equal but for case, space or punctuation"),
            (len(prompts), "with an equal prompt and another answer"),
            (len(near), "equal but for a few words"),
        )
        if number
    ]
    yield from _make(inspection, "train_validation_overlap", rows, ", ".join(told), found.num_held_out)


def _is_varied(inspection: "Inspection") -> bool:
    """Whether prompts tell rows apart, so that a prompt that occurs twice means something."""
    found = find_contradictions(inspection.ledger)
    return found.num_distinct >= VARIED_SHARE * inspection.num_rows


def _has_held_out(inspection: "Inspection") -> bool:
    return any(inspection.splits[role] for role in ("validation", "test"))


def _has_training(ledger: Ledger) -> bool:
    return 0 in ledger.roles or 1 in ledger.roles


def _from_answers(inspection: "Inspection") -> Iterator[Defect]:
    num_rows = inspection.num_rows
    yield from inspection.labels.defects()
    yield from inspection.endings.defects(num_rows)
    yield from inspection.short.defects(inspection.lengths["answer"], num_rows)
    yield from inspection.pairs.defects()
    rows, num_answers = find_common_answer(inspection.ledger)
    is_common = len(rows) >= MIN_COMMON_ROWS and len(rows) >= MIN_COMMON_SHARE * num_rows
    if is_common and (num_answers >= MIN_OPEN_ANSWERS or num_answers == 1):
        yield from _make(inspection, "identical_answer", rows)


def _from_size(inspection: "Inspection", repeats: Repeats) -> Iterator[Defect]:
    num_rows = inspection.num_rows
    if inspection.has_one_prompt and inspection.first_prompt and num_rows >= MIN_CONSTANT_ROWS:
        yield _whole("constant_column", 1.0, f"All {num_rows:,} rows have the same prompt.")
    is_held_out = bool(inspection.splits) and not inspection.splits["train"]
    if is_held_out or inspection.ledger.is_full:
        return
    if 0 < repeats.num_distinct < MIN_DISTINCT_ROWS:
        beside = f" of {num_rows:,}" if repeats.num_distinct < num_rows else ""
        summary = f"Only {repeats.num_distinct:,}{beside} rows differ: too few to learn anything but themselves."
        yield _whole("insufficient_data", 1.0, summary)
    elif repeats.num_distinct < FEW_ROWS:
        inspection.notes.append(
            f"{repeats.num_distinct:,} different rows can teach a style or a form; tasks mostly need thousands"
        )


def _whole(kind: str, share: float, summary: str) -> Defect:
    known = KINDS[kind]
    return Defect(kind, (), 0, share, known.severity, summary, known.pitfall)


def _make(
    inspection: "Inspection", kind: str, rows: "Rows", told: str = "", num_all: int | None = None
) -> Iterator[Defect]:
    if len(rows):
        hit = Hit(len(rows), list(places(inspection.ledger, rows, MAX_PLACES)))
        yield make_defect(kind, hit, inspection.num_rows if num_all is None else num_all, told)


def _tell_skipped(inspection: "Inspection", training: Sequence[Ledger]) -> dict[str, str]:
    """Kinds that could not be looked for, each with the reason."""
    pairs, tokens = ("chosen_equals_rejected", "length_bias"), ("all_labels_masked", "masked_end_token")
    found, limits = inspection.schemas.format, inspection.limits
    is_split = _has_held_out(inspection) and any(map(_has_training, training))
    reasons = (
        (("too_long",), limits.max_length is None, "give the limit with --max-length"),
        (("train_validation_overlap",), not is_split, "pass a training and a held-out file, so named"),
        (tokens, found != "tokenised", "rows are not tokenised"),
        (("token_out_of_range",), found != "tokenised", "rows are not tokenised"),
        (("token_out_of_range",), limits.vocab_size is None, "give the vocabulary with --vocab-size"),
        (pairs, found != "preference", "rows are not preference pairs"),
    )
    skipped: dict[str, str] = {}
    for kinds, is_skipped, reason in reasons:
        for kind in kinds if is_skipped else ():
            skipped.setdefault(kind, reason)
    return skipped


def _tell_bounds(inspection: "Inspection") -> Iterator[str]:
    """What was looked at in part only, or not understood."""
    if inspection.schemas.format == "unknown":
        yield "no column has a name that trainers know, so prompts and answers were not told apart; rename the columns"
    if inspection.near.is_full:
        yield f"copies with a few other words were looked for in the first {inspection.near.num_compared:,} rows only"
    if inspection.ledger.is_full:
        yield f"copies were looked for in the first {MAX_COMPARED:,} rows only"
