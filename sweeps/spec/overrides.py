"""Overrides of single keys from the command line: ``--set limits.trials=50``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sweeps.errors import Problem, SpecError
from sweeps.spec.nodes import Node, collecting
from sweeps.spec.yaml_source import MAX_DEPTH, parse_yaml

WHERE = "--set"


def apply_overrides(
    root: Node,
    overrides: Sequence[str],
    canonicalize: Callable[[Node, list[Problem]], Node],
    problems: list[Problem],
) -> Node:
    """Put values from the command line over those of the canonical tree of a file.

    Args:
        root: The file, already canonical.
        overrides: ``dotted.key=value`` each, the value in YAML; later ones win.
        canonicalize: Renames aliases and expands short forms, as was done to the file.
        problems: Collects the mistakes, located at ``--set``.
    """
    for override in overrides:
        with collecting(problems):
            fragment, path = parse_override(override)
            root = _merge(root, canonicalize(fragment, problems), path)
    return root


def parse_override(text: str) -> tuple[Node, tuple[str, ...]]:
    """Read ``a.b=value`` as the tree ``{a: {b: value}}``, and the path of the key.

    Raises:
        SpecError: There is no ``=``, a part of the key is empty, or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path) or len(path) > MAX_DEPTH:
        message = f"got {text!r}; expected key=value, such as limits.trials=50"
        raise SpecError([Problem(WHERE, "", message)])
    try:
        node = _place(parse_yaml(value, name=WHERE, problems=[]), path)
    except SpecError as error:
        raise SpecError(
            [Problem(WHERE, key, problem.message) for problem in error.problems]
        ) from error
    for length in range(len(path) - 1, -1, -1):
        node = Node({path[length]: node}, WHERE, path[:length])
    return node, path


def _place(node: Node, path: tuple[str, ...]) -> Node:
    value = node.value
    if node.is_mapping:
        value = {key: _place(child, (*path, key)) for key, child in value.items()}
    elif node.is_list:
        value = [_place(child, (*path, str(i))) for i, child in enumerate(value)]
    return Node(value, WHERE, path, plain=node.plain)


def _merge(base: Node, added: Node, path: tuple[str, ...]) -> Node:
    """Merge containers above the key that was set, and replace from there on."""
    above = len(added.path) < len(path) and added.path == path[: len(added.path)]
    if not (above and base.is_mapping and added.is_mapping):
        return added
    merged = dict(base.value)
    for key, child in added.value.items():
        merged[key] = _merge(merged[key], child, path) if key in merged else child
    return base.with_value(merged)
