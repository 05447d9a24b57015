"""How many configurations a space has."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.spec.conditions import Condition, Scalar, holds
from sweeps.spec.nodes import Node
from sweeps.spec.ordering import order_parameters
from sweeps.spec.parameters import Parameter, num_values, values_of


def count_configurations(parameters: Sequence[Parameter]) -> int | None:
    """Count the configurations of parameters with conditions; constraints aside.

    Returns:
        The exact number. None where some parameter is continuous: infinitely many. A whole number
        on whose more than `MAX_LISTED_VALUES` values others depend counts as continuous.
    """
    return _count(order_parameters(parameters, Node({}, "")), frozenset(), {})


def _count(
    left: Sequence[Parameter],
    true: frozenset[Condition],
    known: dict[tuple[int, frozenset[Condition]], int | None],
) -> int | None:
    """Multiply what the first parameter can be by what the others can be then.

    Args:
        left: Parameters still to be counted, parents first.
        true: Conditions of theirs that hold.
        known: Counts that were computed already: branches meet again.
    """
    if not left:
        return 1
    key = (len(left), true)
    if key not in known:
        known[key] = _count_first(left, true, known)
    return known[key]


def _count_first(
    left: Sequence[Parameter],
    true: frozenset[Condition],
    known: dict[tuple[int, frozenset[Condition]], int | None],
) -> int | None:
    parameter, rest = left[0], left[1:]
    asked = frozenset(condition for other in rest for condition in other.when)
    if not true.issuperset(parameter.when):
        return _count(rest, true & asked, known)
    mine = [condition for condition in asked if condition.parent == parameter.name]
    total = 0
    for holding, number in _group(parameter, mine):
        count = _count(rest, (true & asked) | holding, known)
        if count is None or number is None:
            return None
        total += number * count
    return total


def _group(
    parameter: Parameter, conditions: Sequence[Condition]
) -> list[tuple[frozenset[Condition], int | None]]:
    """Count a parent's values by the conditions that they fulfil: all that matters of them."""
    if not conditions:
        return [(frozenset(), num_values(parameter))]
    values: Sequence[Scalar] | None = values_of(parameter)
    if values is None:
        return [(frozenset(), None)]
    groups: dict[frozenset[Condition], int | None] = {}
    for value in values:
        holding = frozenset(condition for condition in conditions if holds(condition, value))
        groups[holding] = (groups.get(holding) or 0) + 1
    return list(groups.items())
