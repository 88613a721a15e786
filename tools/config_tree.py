"""YAML and JSON configs as a tree: a setting is known by its name and by the sections round it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.log_formats.setting_names import KINDS
from tools.log_formats.setting_values import canonical_setting, read_named
from tools.run import Line, Setting

if TYPE_CHECKING:
    import yaml

MAX_TREE_BYTES = 1 << 20
MAX_DEPTH = 12
MAX_NODES = 50_000
_NOT_THE_MODEL = "vllm teacher ref ref_model reward_model critic critic_model"
_NOT_TRAINING = "log_history generation generation_config generation_kwargs sampling sampling_params profiler wandb"
_NOT_TRAINING_DATA = "eval_dataset test validation_ds test_ds"
OTHER_SECTIONS = frozenset(f"{_NOT_THE_MODEL} {_NOT_TRAINING} {_NOT_TRAINING_DATA}".split())
"""What stands in these sections is not about the model that is trained."""


def read_tree(text: str) -> Iterator[Setting]:
    """Read the settings of a YAML or JSON text, those with a plain name first; none where it is neither.

    The text is composed to nodes and never constructed, so a tag in it has no effect.
    """
    root = _compose(text)
    if root is None:
        return
    entries = list(_walk(root))
    for is_among in (False, True):
        for path, raw, number in entries:
            name = canonical_setting(path, is_among_settings=is_among)
            for named in read_named(name, raw) if name else ():
                yield Setting(named.name, named.value, Line(number, ""))


def _compose(text: str) -> "yaml.Node | None":
    import yaml

    if len(text) > MAX_TREE_BYTES:
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.compose(text.expandtabs(2), Loader=loader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _walk(root: "yaml.Node") -> Iterator[tuple[str, str, int]]:
    """Give (dotted path, raw value, line) of every leaf; anchors that repeat a section are followed within bounds."""
    import yaml

    waiting: list[tuple[yaml.Node, tuple[str, ...]]] = [(root, ())]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        node, path = waiting.pop()
        if isinstance(node, yaml.MappingNode) and len(path) < MAX_DEPTH:
            inner = []
            for key, value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else ""
                if isinstance(value, yaml.ScalarNode):
                    yield ".".join((*path, name)), _raw(value), key.start_mark.line + 1
                elif isinstance(value, yaml.SequenceNode) and _is_list_of_names((*path, name)):
                    yield ".".join((*path, name)), _raw_list(value), key.start_mark.line + 1
                elif name not in OTHER_SECTIONS:
                    inner.append((value, (*path, name)))
            waiting.extend(reversed(inner))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend((item, path) for item in reversed(node.value) if not isinstance(item, yaml.ScalarNode))


def _is_list_of_names(path: tuple[str, ...]) -> bool:
    name = canonical_setting(".".join(path), is_among_settings=True)
    return name is not None and KINDS[name] == "list"


def _raw(node: "yaml.ScalarNode") -> str:
    return f"'{node.value}'" if node.style in ("'", '"') else str(node.value)


def _raw_list(node: "yaml.SequenceNode") -> str:
    import yaml

    return "[" + ", ".join(str(item.value) for item in node.value if isinstance(item, yaml.ScalarNode)) + "]"
