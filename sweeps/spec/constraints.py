"""Constraints: expressions over parameters that every trial must fulfil.

A constraint with an inactive parameter is satisfied: what does not exist cannot violate anything.
One that cannot be computed (a division by zero, a number out of bounds) is violated.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.menu import suggest_name
from sweeps.spec.expressions import (
    compare_values,
    evaluate,
    find_names,
    parse_expression,
)
from sweeps.spec.kinds import check_kinds, kind_of_parameter
from sweeps.spec.parameters import Parameter

_TINY = 1e-12


@dataclass(frozen=True)
class Constraint:
    """One requirement, such as ``units * layers <= 1024``.

    Attributes:
        text: As the user wrote it.
        tree: Parsed and checked.
        names: The parameters it uses.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]


def parse_constraint(text: str, *, parameters: Sequence[Parameter] | None = None) -> Constraint:
    """Read a constraint and check it.

    Args:
        text: The expression.
        parameters: All parameters there are; None where they are not known yet, so that names
            and kinds are not checked.

    Raises:
        ValueError: The expression is not allowed, or names an unknown parameter; says which.
    """
    tree = parse_expression(text)
    names = find_names(tree)
    if parameters is not None:
        _check_names(names, parameters)
    check_kinds(tree, {known.name: kind_of_parameter(known) for known in parameters or ()})
    if not names:
        raise ValueError("the expression names no parameter, so it would decide nothing")
    _check_constants(tree)
    return Constraint(text, tree, names)


def check_constraints(constraints: Sequence[Constraint], values: Mapping[str, Any]) -> list[str]:
    """List the texts of the constraints that the values of the active parameters violate."""
    return [constraint.text for constraint in constraints if not is_satisfied(constraint, values)]


def is_satisfied(constraint: Constraint, values: Mapping[str, Any]) -> bool:
    """Tell whether a constraint holds; it does where one of its parameters is inactive."""
    if not constraint.names <= values.keys():
        return True
    try:
        return bool(evaluate(constraint.tree, values))
    except (ArithmeticError, TypeError, ValueError):
        return False


def violation(constraint: Constraint, values: Mapping[str, Any]) -> float:
    """Measure how far a constraint is from holding: above 0 violated, at most 0 satisfied.

    The distance of a comparison of numbers is the difference of its sides; ``and`` takes the
    largest of its parts and ``or`` the smallest; anything else counts 1.0 where it is violated.
    As Optuna's ``set_constraint`` expects it.
    """
    if not constraint.names <= values.keys():
        return 0.0
    satisfied = is_satisfied(constraint, values)
    try:
        distance = _distance(constraint.tree, values)
    except (ArithmeticError, TypeError, ValueError):
        distance = math.inf
    if not math.isfinite(distance):
        return 0.0 if satisfied else 1.0
    return min(distance, 0.0) if satisfied else max(distance, _TINY)


def _check_names(names: frozenset[str], parameters: Sequence[Parameter]) -> None:
    known = [parameter.name for parameter in parameters]
    for name in sorted(names):
        if name not in known:
            hint = suggest_name(name, known) or " Neither the file nor the model's code has one."
            raise ValueError(f"there is no parameter {name!r}.{hint}")


def _check_constants(tree: ast.expr) -> None:
    """Refuse arithmetic on numbers alone that can never be computed, such as ``9 ** 9 ** 9``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and not find_names(node):
            try:
                evaluate(node, {})
            except ArithmeticError as error:
                raise ValueError(f"{ast.unparse(node)!r} cannot be computed: {error}") from error


def _distance(node: ast.expr, values: Mapping[str, Any]) -> float:
    if isinstance(node, ast.BoolOp):
        parts = [_distance(operand, values) for operand in node.values]
        return max(parts) if isinstance(node.op, ast.And) else min(parts)
    if isinstance(node, ast.Compare):
        sides = [evaluate(side, values) for side in (node.left, *node.comparators)]
        return max(
            _compare_distance(op, left, right)
            for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
        )
    return 0.0 if evaluate(node, values) else 1.0


def _compare_distance(op: ast.cmpop, left: Any, right: Any) -> float:
    both_numbers = all(isinstance(side, int | float) for side in (left, right))
    if both_numbers and isinstance(op, ast.Lt | ast.LtE):
        return float(left - right)
    if both_numbers and isinstance(op, ast.Gt | ast.GtE):
        return float(right - left)
    if both_numbers and isinstance(op, ast.Eq):
        return float(abs(left - right))
    return 0.0 if compare_values(op, left, right) else 1.0
