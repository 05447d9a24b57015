"""Which parameter depends on which: check their conditions and order parents first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sweeps.errors import Problem
from sweeps.menu import suggest_name
from sweeps.spec.conditions import Condition, compare, holds, is_number
from sweeps.spec.nodes import Node, find_node, raise_problems
from sweeps.spec.parameters import Parameter, contains, values_of
from sweeps.spec.units import show_value

MAX_DEPTH = 50


def order_parameters(parameters: Sequence[Parameter], section: Node) -> tuple[Parameter, ...]:
    """Order parameters so that every parent comes before its children, otherwise as written.

    Raises:
        SpecError: Parameters depend on each other in a circle.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    ordered: dict[str, Parameter] = {}
    for parameter in parameters:
        _visit(parameter, by_name, ordered, (), section)
    return tuple(ordered.values())


def check_parents(parameters: Sequence[Parameter], section: Node) -> None:
    """Check that conditions name parameters of the section.

    Only once the model's code has been asked: a condition may name a parameter that it declares.

    Raises:
        SpecError: All unknown parents at once.
    """
    problems: list[Problem] = []
    for parameter in parameters:
        for parent in dict.fromkeys(condition.parent for condition in parameter.when):
            if parent not in section.value:
                known = [name for name in section.value if name != parameter.name]
                message = f"there is no parameter {parent!r}.{suggest_name(parent, known)}"
                problems.append(_node_of(parameter, section).problem(message))
    raise_problems(problems)


def check_conditions(parameters: Sequence[Parameter], section: Node) -> None:
    """Check that every condition can hold, alone and together with the others.

    A condition on a parameter that is not among these is left to a later check.

    Raises:
        SpecError: Impossible values, or a circle, or contradictions.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    _raise_described(
        section,
        [
            (parameter, _describe_mistake(condition, by_name[condition.parent]))
            for parameter in parameters
            for condition in parameter.when
            if condition.parent in by_name
        ],
    )
    order_parameters(parameters, section)
    _raise_described(
        section,
        [(parameter, _describe_contradiction(parameter, by_name)) for parameter in parameters],
    )


def _raise_described(section: Node, described: Sequence[tuple[Parameter, str]]) -> None:
    raise_problems(
        [
            _node_of(parameter, section).problem(message)
            for parameter, message in described
            if message
        ]
    )


def _node_of(parameter: Parameter, section: Node) -> Node:
    return find_node(section, (parameter.name, "when"))


def _visit(
    parameter: Parameter,
    by_name: Mapping[str, Parameter],
    ordered: dict[str, Parameter],
    above: tuple[str, ...],
    section: Node,
) -> None:
    if parameter.name in above:
        circle = (*above[above.index(parameter.name) :], parameter.name)
        node = find_node(section, (circle[-2], "when"))
        raise node.error(f"the conditions go in a circle: {' -> '.join(circle)}")
    if parameter.name in ordered:
        return
    if len(above) > MAX_DEPTH:
        node = _node_of(parameter, section)
        raise node.error(f"conditions upon conditions, more than {MAX_DEPTH} levels")
    for condition in parameter.when:
        if condition.parent in by_name:
            _visit(by_name[condition.parent], by_name, ordered, (*above, parameter.name), section)
    ordered[parameter.name] = parameter


def _describe_mistake(condition: Condition, parent: Parameter) -> str:
    """Say why one condition makes no sense by itself; empty where it does."""
    if condition.op in ("in", "not_in"):
        return _describe_impossible(condition, parent)
    if not _has_numbers(parent):
        return f"{condition.parent!r} is not a number, so '{condition.op}' makes no sense"
    if not _can_hold(parent, [condition]):
        return f"'{condition}' can never hold: {_describe_range(parent)}"
    return ""


def _describe_impossible(condition: Condition, parent: Parameter) -> str:
    for value in condition.values:
        if not contains(parent, value):
            known = [choice for choice in parent.choices if isinstance(choice, str)]
            hint = suggest_name(value, known) if isinstance(value, str) else ""
            return f"got {show_value(value)}, but {_describe_range(parent)}.{hint}"
    if not _can_hold(parent, [condition]):
        return f"'{condition}' can never hold: {_describe_range(parent)}"
    return ""


def _describe_contradiction(child: Parameter, by_name: Mapping[str, Parameter]) -> str:
    """Say which conditions of a parameter and of its parents cannot all hold; empty if they can."""
    needed: dict[str, list[Condition]] = {}
    _gather_conditions(child, by_name, needed)
    for name, conditions in needed.items():
        if not _can_hold(by_name[name], conditions):
            shown = " and ".join(f"'{condition}'" for condition in conditions)
            return f"this parameter can never be active: {shown} cannot hold together"
    return ""


def _gather_conditions(
    parameter: Parameter, by_name: Mapping[str, Parameter], needed: dict[str, list[Condition]]
) -> None:
    for condition in parameter.when:
        if condition.parent not in by_name:
            continue
        known = needed.setdefault(condition.parent, [])
        if condition not in known:
            known.append(condition)
            _gather_conditions(by_name[condition.parent], by_name, needed)


def _can_hold(parent: Parameter, conditions: Sequence[Condition]) -> bool:
    listed = [condition.values for condition in conditions if condition.op == "in"]
    values = listed[0] if listed else values_of(parent)
    if values is None:
        return _interval_is_left(parent, conditions)
    return any(all(holds(condition, value) for condition in conditions) for value in values)


def _interval_is_left(parent: Parameter, conditions: Sequence[Condition]) -> bool:
    """Tell whether some value of a wide number fulfils all comparisons."""
    low, high = parent.bounds
    bounds: list[float] = [low, high]
    for condition in conditions:
        limit = condition.values[0]
        if condition.op in ("<", "<=", ">", ">=") and isinstance(limit, int | float):
            bounds.append(_nudge(parent, condition.op, limit))
    ordered = [condition for condition in conditions if condition.op != "not_in"]
    return any(
        low <= bound <= high
        and all(compare(condition.op, bound, condition.values[0]) for condition in ordered)
        for bound in bounds
    )


def _nudge(parent: Parameter, op: str, limit: float) -> float:
    """Name the value nearest to a limit that fulfils the comparison with it."""
    if op in ("<=", ">="):
        return limit
    if parent.type == "int":
        return math.floor(limit) + 1 if op == ">" else math.ceil(limit) - 1
    return math.nextafter(limit, math.inf if op == ">" else -math.inf)


def _has_numbers(parent: Parameter) -> bool:
    if parent.type == "categorical":
        return all(is_number(choice) for choice in parent.choices)
    return parent.type in ("int", "float") or (parent.type == "fixed" and is_number(parent.value))


def _describe_range(parent: Parameter) -> str:
    if parent.type == "categorical":
        shown = ", ".join(show_value(choice) for choice in parent.choices[:20])
        return f"{parent.name!r} is one of {shown}"
    if parent.type == "fixed":
        return f"{parent.name!r} is always {show_value(parent.value)}"
    if parent.type == "bool":
        return f"{parent.name!r} is true or false"
    low, high = parent.bounds
    return f"{parent.name!r} goes from {low!r} to {high!r}"
