"""Expressions over parameters: parsed into a whitelisted tree and computed by our own evaluator.

Python's own parser reads the text; nothing is compiled or executed. Allowed are numbers, texts,
``True`` and ``False``, names of parameters, ``+ - * / // % **``, comparisons (chained too), ``in``
with a literal list, ``and or not``, ``min max abs len`` and brackets.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from sweeps.menu import suggest_name

MAX_CHARACTERS = 1000
MAX_NODES = 200
MAX_DEPTH = 30
MAX_BITS = 1024
"""Whole numbers in between may not grow beyond this many bits, so no power can hang."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"min": min, "max": max, "abs": abs, "len": len}

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


def parse_expression(text: str) -> ast.expr:
    """Read an expression and check that it holds nothing but what is allowed.

    Raises:
        ValueError: It is no expression, holds something else, or is too large; says what and where.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"the expression has {len(text)} characters; at most {MAX_CHARACTERS}")
    tree = _parse(text)
    nodes = list(ast.walk(tree))
    if len(nodes) > 3 * MAX_NODES or _depth(tree) > MAX_DEPTH:
        raise ValueError("the expression is too large; split it into several constraints")
    for node in nodes:
        _check_node(node, text)
    return tree


def find_names(tree: ast.expr) -> frozenset[str]:
    """Name the parameters that an expression uses."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in functions
    )


def evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """Compute an expression that `parse_expression` has let through.

    Raises:
        ArithmeticError: A division by zero, or a number beyond `MAX_BITS` bits.
        TypeError: The values do not fit the operators.
        KeyError: A name has no value.
    """
    return _EVALUATE[type(node)](node, values)


def compare_values(op: ast.cmpop, left: Any, right: Any) -> bool:
    """Compare two computed values."""
    return bool(_COMPARE[type(op)](left, right))


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(
            f"this is no expression: {error.msg}, near column {error.offset}"
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"this is no expression: {error}") from error


def _depth(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _check_node(node: ast.AST, text: str) -> None:
    if isinstance(node, ast.Call):
        _check_call(node)
    elif isinstance(node, ast.Constant):
        _check_constant(node)
    elif isinstance(node, ast.Compare):
        _check_comparison(node)
    elif not isinstance(node, _ALLOWED):
        shown = ast.get_source_segment(text.strip(), node) if isinstance(node, ast.expr) else None
        raise ValueError(  # noqa: TRY004 - what the user wrote is no value, but still a mistake
            f"{shown or type(node).__name__!r} is not allowed; expected numbers, parameters, "
            "+ - * / // % **, comparisons, and, or, not, min, max, abs, len"
        )


_ALLOWED = (
    *(ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.And, ast.Or, ast.List, ast.Tuple),
    *_BINARY,
    *_COMPARE,
    *_UNARY,
)


def _check_call(node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in FUNCTIONS:
        known = list(FUNCTIONS)
        hint = suggest_name(name, known)
        raise ValueError(f"{name!r} cannot be called; expected one of {', '.join(known)}.{hint}")
    if node.keywords or not node.args or (name in ("abs", "len") and len(node.args) != 1):
        raise ValueError(f"{name}() takes {'one value' if name in ('abs', 'len') else 'values'}")


def _check_constant(node: ast.Constant) -> None:
    if not isinstance(node.value, int | float | str):
        raise ValueError(f"{node.value!r} is not allowed")  # noqa: TRY004
    if node.value in (math.inf, -math.inf) or _is_large(node.value):
        raise ValueError("a number is too large")


def _check_comparison(node: ast.Compare) -> None:
    for op, right in zip(node.ops, node.comparators, strict=True):
        is_membership = isinstance(op, ast.In | ast.NotIn)
        if isinstance(op, ast.Is | ast.IsNot):
            raise ValueError("'is' is not allowed; write ==")  # noqa: TRY004
        if is_membership and not isinstance(right, ast.List | ast.Tuple):
            raise ValueError("expected a list after 'in', such as optimizer in ['adam', 'sgd']")


def _apply(op: ast.operator, left: Any, right: Any) -> Any:
    if not all(isinstance(value, int | float) for value in (left, right)):
        raise TypeError(f"arithmetic needs numbers; got {left!r} and {right!r}")
    if isinstance(op, ast.Pow):
        _check_power(left, right)
    result = _BINARY[type(op)](left, right)
    if isinstance(result, complex):
        raise ArithmeticError("a fractional power of a negative number")  # noqa: TRY004
    _check_size(result)
    return result


def _check_power(base: float, exponent: float) -> None:
    if isinstance(base, int) and isinstance(exponent, int):
        bits = base.bit_length() * abs(exponent)
        if bits > MAX_BITS:
            raise ArithmeticError(f"a power of more than {MAX_BITS} bits")


def _is_large(value: object) -> bool:
    return isinstance(value, int) and value.bit_length() > MAX_BITS


def _check_size(value: float) -> None:
    if _is_large(value):
        raise ArithmeticError(f"a whole number of more than {MAX_BITS} bits")


def _evaluate_binary(node: ast.BinOp, values: Mapping[str, Any]) -> Any:
    return _apply(node.op, evaluate(node.left, values), evaluate(node.right, values))


def _evaluate_unary(node: ast.UnaryOp, values: Mapping[str, Any]) -> Any:
    return _UNARY[type(node.op)](evaluate(node.operand, values))


def _evaluate_list(node: ast.List | ast.Tuple, values: Mapping[str, Any]) -> list[Any]:
    return [evaluate(item, values) for item in node.elts]


def _evaluate_call(node: ast.Call, values: Mapping[str, Any]) -> Any:
    assert isinstance(node.func, ast.Name), node
    return FUNCTIONS[node.func.id](*(evaluate(item, values) for item in node.args))


def _evaluate_logic(node: ast.BoolOp, values: Mapping[str, Any]) -> bool:
    results = (bool(evaluate(operand, values)) for operand in node.values)
    return all(results) if isinstance(node.op, ast.And) else any(results)


def _evaluate_comparison(node: ast.Compare, values: Mapping[str, Any]) -> bool:
    left = evaluate(node.left, values)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = evaluate(comparator, values)
        if not compare_values(op, left, right):
            return False
        left = right
    return True


_EVALUATE: Mapping[type[ast.expr], Callable[..., Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: lambda node, values: values[node.id],
    ast.BinOp: _evaluate_binary,
    ast.UnaryOp: _evaluate_unary,
    ast.BoolOp: _evaluate_logic,
    ast.Compare: _evaluate_comparison,
    ast.List: _evaluate_list,
    ast.Tuple: _evaluate_list,
    ast.Call: _evaluate_call,
}
