"""Find mistakes in an expression before any values are known: which kind each part has."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Literal

from sweeps.spec.conditions import is_number
from sweeps.spec.parameters import Parameter

Kind = Literal["number", "text", "flag", "list", "mixed"]


def kind_of_parameter(parameter: Parameter) -> Kind:
    """Say which kind of value a parameter has; mixed where it has several."""
    if parameter.type in ("int", "float"):
        return "number"
    if parameter.type == "bool":
        return "flag"
    values = parameter.choices if parameter.type == "categorical" else (parameter.value,)
    if all(is_number(value) for value in values):
        return "number"
    if all(isinstance(value, bool) for value in values):
        return "flag"
    return "text" if all(isinstance(value, str) for value in values) else "mixed"


def check_kinds(tree: ast.expr, kinds: Mapping[str, Kind]) -> None:
    """Check that an expression is a comparison or a combination of such, of things that fit.

    A flag counts as a number (0 or 1), as in Python. Names without a kind fit everywhere.

    Raises:
        ValueError: A text is added, compared by size, or the whole is not true or false.
    """
    found = _find_kind(tree, kinds)
    if found not in ("flag", "mixed"):
        raise ValueError(f"this is a {found}; expected a comparison, such as 'units <= 1024'")


def _find_kind(node: ast.expr, kinds: Mapping[str, Kind]) -> Kind:
    if isinstance(node, ast.List | ast.Tuple):
        return "list"
    if isinstance(node, ast.Constant | ast.Name):
        return kinds.get(node.id, "mixed") if isinstance(node, ast.Name) else _kind_of_value(node)
    _check_operands(node, kinds)
    is_flag = isinstance(node, ast.BoolOp | ast.Compare) or _is_not(node)
    return "flag" if is_flag else "number"


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _check_operands(node: ast.expr, kinds: Mapping[str, Kind]) -> None:
    if isinstance(node, ast.Compare):
        _check_comparison(node, kinds)
    elif isinstance(node, ast.Call):
        _check_call(node, kinds)
    elif isinstance(node, ast.BinOp):
        _need(node.left, ("number", "flag"), kinds)
        _need(node.right, ("number", "flag"), kinds)
    elif isinstance(node, ast.UnaryOp):
        _need(node.operand, ("flag",) if _is_not(node) else ("number", "flag"), kinds)
    elif isinstance(node, ast.BoolOp):
        for operand in node.values:
            _need(operand, ("flag",), kinds)


def _kind_of_value(node: ast.Constant) -> Kind:
    if isinstance(node.value, bool):
        return "flag"
    return "text" if isinstance(node.value, str) else "number"


def _check_comparison(node: ast.Compare, kinds: Mapping[str, Kind]) -> None:
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            _check_members(left, right, kinds)
        elif isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            _need(left, ("number", "flag"), kinds)
            _need(right, ("number", "flag"), kinds)
        else:
            _check_comparable(left, right, kinds)
        left = right


def _check_members(item: ast.expr, members: ast.expr, kinds: Mapping[str, Kind]) -> None:
    assert isinstance(members, ast.List | ast.Tuple), members
    for member in members.elts:
        value = member.operand if isinstance(member, ast.UnaryOp) else member
        if not isinstance(value, ast.Constant):
            shown = _show(member)
            raise ValueError(f"{shown} is no literal; a list after 'in' needs them")  # noqa: TRY004
        _check_comparable(item, member, kinds)


def _check_comparable(left: ast.expr, right: ast.expr, kinds: Mapping[str, Kind]) -> None:
    first, second = (_find_kind(node, kinds) for node in (left, right))
    if "mixed" not in (first, second) and (first == "text") != (second == "text"):
        raise ValueError(f"{_show(left)} is a {first}, {_show(right)} a {second}: never equal")
    if "list" in (first, second):
        raise ValueError("a list can stand after 'in', and in min, max and len, only")


def _check_call(node: ast.Call, kinds: Mapping[str, Kind]) -> None:
    assert isinstance(node.func, ast.Name), node
    if node.func.id == "len":
        _need(node.args[0], ("text", "list"), kinds)
        return
    items = node.args
    if node.func.id in ("min", "max") and len(items) == 1:
        if not isinstance(items[0], ast.List | ast.Tuple) or not items[0].elts:
            raise ValueError(f"{node.func.id}() needs two values or more")
        items = items[0].elts
    for item in items:
        _need(item, ("number", "flag"), kinds)


def _need(node: ast.expr, wanted: tuple[Kind, ...], kinds: Mapping[str, Kind]) -> None:
    found = _find_kind(node, kinds)
    if found not in (*wanted, "mixed"):
        raise ValueError(f"{_show(node)} is a {found}; expected a {wanted[0]} here")


def _show(node: ast.expr) -> str:
    return ast.unparse(node)
