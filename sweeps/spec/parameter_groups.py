"""The parameters section: every form expanded, and nested groups flattened into conditions.

A group holds parameters that exist only for one choice::

    optimizer:
      choices:
        sgd: {parameters: {momentum: uniform(0.0, 0.99)}}
        adam: {}

means the same as ``optimizer: [sgd, adam]`` and ``momentum`` with ``when: {optimizer: sgd}``.
"""

from __future__ import annotations

import re

from sweeps.errors import Problem
from sweeps.spec.nodes import (
    Node,
    collecting,
    describe_unknown_key,
    resolve_scalar,
)
from sweeps.spec.parameter_forms import expand_parameter

MAX_NAME_CHARACTERS = 100

_NAME_PART = re.compile(r"[^\s/{}\[\]:!\x00-\x1f\x7f]([^/{}\[\]:!\x00-\x1f\x7f]*[^\s/{}\[\]:!])?")


def expand_parameters(section: Node, problems: list[Problem]) -> Node:
    """Bring the parameters section into canonical form: one flat mapping of canonical mappings.

    A parameter whose form cannot be read becomes a problem, and its name stays without a value.
    """
    found: dict[str, Node] = {}
    _gather(section, found, None, problems)
    return section.with_value(found)


def _gather(
    section: Node, found: dict[str, Node], group: Node | None, problems: list[Problem]
) -> None:
    for name, node in _name_parameters(section, problems):
        broken = node.with_value(None)
        found.setdefault(name, broken)
        with collecting(problems):
            _check_name(name, node)
            expanded = _add_condition(expand_parameter(node), group)
            flat, inner_groups = _open_choices(expanded, problems)
            _add(found, name, flat)
            for choice, inner in inner_groups:
                _gather(inner, found, _make_condition(name, choice), problems)


def _name_parameters(section: Node, problems: list[Problem]) -> list[tuple[str, Node]]:
    """List parameters by name, from a mapping or from a list of mappings with a name."""
    if section.is_mapping and section.value:
        return list(section.value.items())
    if not section.is_list or not section.value:
        expected = "expected at least one parameter, such as learning_rate: loguniform(1e-4, 1e-1)"
        problems.extend(section.wrong(expected).problems)
        return []
    named = []
    for item in section.value:
        name = item.value.get("name") if item.is_mapping else None
        if name is None or not isinstance(name.value, str):
            problems.append(item.problem("expected a mapping with a name"))
            continue
        rest = {key: child for key, child in item.value.items() if key != "name"}
        named.append((name.value, item.with_value(rest)))
    return named


def _check_name(name: str, node: Node) -> None:
    parts = name.split("/")
    if len(name) > MAX_NAME_CHARACTERS or not all(map(_NAME_PART.fullmatch, parts)):
        shown = repr(name if len(name) < 60 else name[:57] + "...")
        raise Node(None, node.where, node.path[:-1]).error(
            f"got the parameter name {shown}; expected up to {MAX_NAME_CHARACTERS} characters "
            "without line breaks, colons, brackets or braces; a single '/' may part scopes"
        )


def _add(found: dict[str, Node], name: str, node: Node) -> None:
    older = found.get(name)
    if older is None or older.value is None:
        found[name] = node
        return
    merged = _merge_groups(older, node)
    if merged is None:
        raise node.error(
            f"{name!r} is declared twice, here and at {older.where}, not alike; "
            "give one of them another name"
        )
    found[name] = merged


def _merge_groups(first: Node, second: Node) -> Node | None:
    """Merge two equal parameters of two groups of one parent; None where they are not such."""
    whens = [node.value.get("when") for node in (first, second)]
    rests = [{**node.value, "when": None} for node in (first, second)]
    if not all(when is not None and when.is_list for when in whens):
        return None
    if _to_python(rests[0]) != _to_python(rests[1]):
        return None
    *shared, last = whens[0].value
    *other, other_last = whens[1].value
    if [n.to_python() for n in shared] != [n.to_python() for n in other]:
        return None
    if list(last.value) != list(other_last.value) or len(last.value) != 1:
        return None
    ((parent, values),) = last.value.items()
    if not values.is_list or not other_last.value[parent].is_list:
        return None
    union = values.with_value([*values.value, *other_last.value[parent].value])
    when = [*shared, last.with_value({parent: union})]
    return first.with_value({**first.value, "when": first.with_value(when)})


def _to_python(fields: dict[str, Node | None]) -> dict[str, object]:
    return {key: node and node.to_python() for key, node in fields.items()}


def _add_condition(node: Node, group: Node | None) -> Node:
    """Put the condition of the group around a parameter after its own."""
    if group is None:
        return node
    own = node.value.get("when")
    conditions = [] if own is None else (own.value if own.is_list else [own])
    when = node.with_value([*conditions, group])
    return node.with_value({**node.value, "when": when})


def _make_condition(parent: str, choice: Node) -> Node:
    return choice.with_value({parent: choice.with_value([choice])})


def _open_choices(node: Node, problems: list[Problem]) -> tuple[Node, list[tuple[Node, Node]]]:
    """Turn choices written as a mapping into a list, and name the parameters of each choice."""
    choices = node.value.get("choices")
    if choices is None or not choices.is_mapping:
        return node, []
    listed = []
    groups: list[tuple[Node, Node]] = []
    for text, group in choices.value.items():
        choice = Node(resolve_scalar(text), group.where, choices.path, plain=True)
        listed.append(choice)
        if (inner := _open_group(group, problems)) is not None:
            groups.append((choice, inner))
    return node.with_value({**node.value, "choices": choices.with_value(listed)}), groups


def _open_group(group: Node, problems: list[Problem]) -> Node | None:
    if group.value is None or group.value == {}:
        return None
    if not group.is_mapping:
        problems.extend(group.wrong("expected {parameters: {...}} or nothing").problems)
        return None
    for key, child in group.value.items():
        if key != "parameters":
            problems.append(child.problem(describe_unknown_key(key, ["parameters"])))
    inner = group.value.get("parameters")
    return inner if isinstance(inner, Node) else None
