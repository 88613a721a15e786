"""Python scripts and notebooks, read as a syntax tree and never run: keywords, assignments, defaults of flags."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.setting_values import canonical_setting, read_named
from tools.run import Line, Setting

MAX_SCRIPT_BYTES = 1 << 20
MAX_FOLDED = 1e15
MAX_NESTED = 20
MIN_STRONG = 2
NOT_TRAINING = frozenset(
    {"generate", "GenerationConfig", "pipeline", "SamplingParams", "fast_generate", "TextStreamer"}
)
OPTIMIZER = lazy_pattern(r"Adam|SGD|Lion|Lamb|Adafactor|RMSprop|Muon")
CONFIG = lazy_pattern(r"(?:Arguments|Config|Args|get_peft_model|^dict|from_pretrained|DataLoader)$")
ADAPTER = lazy_pattern(r"[Ll]ora|peft_model", re.IGNORECASE)
_FAILURES = (SyntaxError, ValueError, RecursionError, MemoryError)

Literal = bool | int | float | str


@dataclass(slots=True)
class _Found:
    """Settings in the order of how much they count: of calls, of assignments, of defaults."""

    calls: list[Setting] = field(default_factory=list)
    assigned: list[Setting] = field(default_factory=list)
    defaults: list[Setting] = field(default_factory=list)


def read_script(text: str) -> Iterator[Setting]:
    """Read the settings of a Python script; none where it cannot be parsed."""
    yield from _read_sources([(text, range(1, text.count("\n") + 2))])


def read_notebook(text: str) -> Iterator[Setting]:
    """Read the settings of a notebook's code cells, each with its line in the notebook's file."""
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    places = _places(text)
    yield from _read_sources([_to_cell(source, places) for source in sources if isinstance(source, str | list)])


def _places(text: str) -> dict[str, list[int]]:
    """The physical lines that hold nothing but one JSON text, by that text, last one first."""
    places: dict[str, list[int]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        quoted = line.strip().removesuffix(",")
        if quoted.startswith('"'):
            try:
                places.setdefault(str(json.loads(quoted)), []).append(number)
            except ValueError:
                continue
    return {source: numbers[::-1] for source, numbers in places.items()}


def _to_cell(source: str | list[object], places: Mapping[str, list[int]]) -> tuple[str, Sequence[int]]:
    """The code of a cell and the line in the file of each of its lines; commands to the shell are left out."""
    parts = [str(part) for part in source] if isinstance(source, list) else [source]
    text: list[str] = []
    numbers: list[int] = []
    for part in parts:
        known = places.get(part)
        number = (known.pop() if len(known) > 1 else known[0]) if known else (numbers[-1] if numbers else 1)
        for line in part.split("\n") if part else ():
            if line or not text:
                numbers.append(number)
                text.append("pass" if line.lstrip().startswith(("!", "%")) and not line.startswith(" ") else line)
    return "\n".join(text), numbers


def _read_sources(sources: Sequence[tuple[str, Sequence[int]]]) -> Iterator[Setting]:
    trees = [(tree, numbers) for text, numbers in sources if (tree := _parse(text)) is not None]
    constants = _find_constants([tree for tree, _ in trees])
    found = _Found()
    for tree, numbers in trees:
        for node in ast.walk(tree):
            _read_node(node, constants, numbers, found)
    yield from found.calls
    yield from found.assigned
    yield from found.defaults


def _parse(text: str) -> ast.Module | None:
    if len(text) > MAX_SCRIPT_BYTES:
        return None
    try:
        return ast.parse(text)
    except _FAILURES:
        return None


def _find_constants(trees: Sequence[ast.Module]) -> dict[str, Literal]:
    """Names that are given one literal value at the top level and no other anywhere."""
    values: dict[str, Literal] = {}
    seen: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        value = None if target.id in seen else _fold(node.value, values)
                        seen.add(target.id)
                        values.pop(target.id, None)
                        if value is not None:
                            values[target.id] = value
    return values


def _read_node(node: ast.AST, constants: Mapping[str, Literal], numbers: Sequence[int], found: _Found) -> None:
    if isinstance(node, ast.Call):
        if _name_of(node.func) == "add_argument":
            found.defaults += _read_flag(node, constants, numbers)
        else:
            pairs = [(word.arg, word.value) for word in node.keywords if word.arg]
            found.calls += _read_group(_name_of(node.func), pairs, constants, numbers)
    elif isinstance(node, ast.Dict):
        keys = [
            (key.value, value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        ]
        found.calls += _read_group(
            "dict", [(key, value) for key, value in keys if isinstance(key, str)], constants, numbers
        )
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        found.assigned += _read_assigned(node.targets[0], node.value, constants, numbers)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        found.assigned += _read_assigned(node.target, _default_of(node.value), constants, numbers)
    elif isinstance(node, ast.FunctionDef):
        spec = node.args
        pairs = list(
            zip([one.arg for one in spec.args[len(spec.args) - len(spec.defaults) :]], spec.defaults, strict=True)
        )
        found.defaults += _read_group("dict", pairs, constants, numbers)


def _read_group(
    callee: str, pairs: Sequence[tuple[str, ast.expr]], constants: Mapping[str, Literal], numbers: Sequence[int]
) -> Iterator[Setting]:
    """Settings among the keywords of one call; a short name such as ``lr`` counts in a call that configures."""
    if callee in NOT_TRAINING:
        return
    names = [name for name, _ in pairs]
    strong = sum(canonical_setting(name, is_among_settings=False) is not None for name in names)
    is_config = bool(strong >= MIN_STRONG or (callee != "dict" and CONFIG.search(callee)))
    for name, value in sorted(pairs, key=lambda pair: canonical_setting(pair[0], is_among_settings=False) is None):
        is_among = is_config or (name == "lr" and bool(OPTIMIZER.search(callee)))
        if name == "r":
            is_among = bool(ADAPTER.search(callee)) or "lora_alpha" in names
        yield from _read_pair(name, value, constants, numbers, is_among=is_among)


def _read_assigned(
    target: ast.expr, value: ast.expr, constants: Mapping[str, Literal], numbers: Sequence[int]
) -> Iterator[Setting]:
    name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
    is_plain = isinstance(target, ast.Name) and name.lower() not in (
        "model",
        "optimizer",
        "scheduler",
        "r",
        "lr_scheduler",
    )
    yield from _read_pair(name.lower(), value, constants, numbers, is_among=is_plain)


def _read_flag(node: ast.Call, constants: Mapping[str, Literal], numbers: Sequence[int]) -> Iterator[Setting]:
    """The default of a flag that argparse knows."""
    flags = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    name = next((flag.lstrip("-") for flag in flags if flag.startswith("--")), "")
    for word in node.keywords:
        if word.arg == "default" and name:
            yield from _read_pair(name, word.value, constants, numbers, is_among=True)


def _read_pair(
    name: str, value: ast.expr, constants: Mapping[str, Literal], numbers: Sequence[int], *, is_among: bool
) -> Iterator[Setting]:
    canonical = canonical_setting(name, is_among_settings=is_among)
    raw = _to_raw(value, constants) if canonical else None
    if canonical and raw is not None:
        line = Line(numbers[min(value.lineno, len(numbers)) - 1], "")
        for named in read_named(canonical, raw):
            yield Setting(named.name, named.value, line)


def _default_of(value: ast.expr) -> ast.expr:
    """The default inside ``field(default=...)``, as dataclasses of arguments have it."""
    if isinstance(value, ast.Call) and _name_of(value.func) == "field":
        return next((word.value for word in value.keywords if word.arg == "default"), value)
    return value


def _to_raw(node: ast.expr, constants: Mapping[str, Literal]) -> str | None:
    """A literal as text, None where the value is only known once the script runs."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [_fold(item, constants) for item in node.elts]
        return str([item for item in items if isinstance(item, str)]) if items and None not in items else None
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) if isinstance(node.value, ast.Name) else None
    value = _fold(node, constants)
    return repr(value) if isinstance(value, str) else None if value is None else str(value)


def _fold(node: ast.expr | None, constants: Mapping[str, Literal], depth: int = 0) -> Literal | None:
    """A literal, a name that stands for one, or sums and products of numbers."""
    if depth > MAX_NESTED:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _fold(node.operand, constants, depth + 1)
        return -value if isinstance(value, int | float) else None
    if isinstance(node, ast.BinOp):
        left, right = (_fold(side, constants, depth + 1) for side in (node.left, node.right))
        return _calculate(node.op, left, right)
    return None


def _calculate(operator: ast.operator, left: Literal | None, right: Literal | None) -> Literal | None:
    if (
        not isinstance(left, int | float)
        or not isinstance(right, int | float)
        or max(abs(left), abs(right)) > MAX_FOLDED
    ):
        return None
    if isinstance(operator, ast.Mult):
        return left * right
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Div | ast.FloorDiv) and right:
        return left // right if isinstance(operator, ast.FloorDiv) else left / right
    return None


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
