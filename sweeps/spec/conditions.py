"""When a parameter is active, depending on the values of other parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Scalar = str | int | float | bool | None
Operator = Literal["in", "not_in", "<", "<=", ">", ">="]
OPERATORS: tuple[Operator, ...] = ("in", "not_in", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Condition:
    """One requirement on the value of another parameter, frozen and JSON-able.

    Attributes:
        parent: Name of the other parameter.
        op: ``in`` and ``not_in`` compare with any of `values`; the others with its only number.
        values: What the parent's value is compared with.
    """

    parent: str
    op: Operator
    values: tuple[Scalar, ...]

    def __str__(self) -> str:
        shown = ", ".join(repr(value) for value in self.values)
        return f"{self.parent} {self.op.replace('_', ' ')} {shown}"


class Conditional(Protocol):
    """Anything that is active only under conditions, such as a `Parameter`."""

    @property
    def when(self) -> tuple[Condition, ...]:
        """Conditions that must all hold."""
        ...


def is_active(conditional: Conditional, values: Mapping[str, Any]) -> bool:
    """Tell whether all conditions hold, given the values of the active parameters.

    A parent that is missing from `values` is inactive, and so is everything that depends on it.
    """
    return all(
        condition.parent in values and holds(condition, values[condition.parent])
        for condition in conditional.when
    )


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether a parent's value fulfils one condition."""
    if condition.op == "in":
        return any(is_same(value, wanted) for wanted in condition.values)
    if condition.op == "not_in":
        return not any(is_same(value, wanted) for wanted in condition.values)
    return is_number(value) and compare(condition.op, value, condition.values[0])


def compare(op: str, left: Any, right: Any) -> bool:
    """Compare two numbers by ``<``, ``<=``, ``>`` or ``>=``."""
    if op == "<":
        return bool(left < right)
    if op == "<=":
        return bool(left <= right)
    if op == ">":
        return bool(left > right)
    return bool(left >= right)


def is_number(value: Any) -> bool:
    """Tell whether a value is an int or a float; True and False are not numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_same(left: Any, right: Any) -> bool:
    """Compare two scalars; 1 equals 1.0, but True is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def condition_to_json(condition: Condition) -> dict[str, Any]:
    """Write a condition as JSON values."""
    return {"parent": condition.parent, "op": condition.op, "values": list(condition.values)}


def condition_from_json(record: Mapping[str, Any]) -> Condition:
    """Read a condition written by `condition_to_json`."""
    return Condition(record["parent"], record["op"], tuple(record["values"]))
