"""Read the ``when:`` of a parameter: on which values of other parameters it depends.

::

    when: {optimizer: sgd}                    one value
    when: {optimizer: [sgd, rmsprop]}         any of several
    when: {layers: "> 2"}                     a comparison: < <= > >= == !=
    when: {layers: "> 2 and <= 5"}            several comparisons
    when: {optimizer: sgd, layers: "> 2"}     all must hold
"""

from __future__ import annotations

import re

from sweeps.errors import Problem
from sweeps.spec.conditions import Condition, Operator, Scalar
from sweeps.spec.nodes import Node, collecting, raise_problems, resolve_scalar
from sweeps.spec.parameter_forms import refuse_old_bool

_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*")
_ORDERED: dict[str, Operator] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def read_conditions(node: Node) -> tuple[Condition, ...]:
    """Read the value of ``when``: a mapping, or a list of mappings that must all hold.

    Raises:
        SpecError: It is no such mapping, or a comparison makes no sense; all mistakes at once.
    """
    mappings = node.value if node.is_list else [node]
    conditions: list[Condition] = []
    problems: list[Problem] = []
    for mapping in mappings:
        with collecting(problems):
            if not mapping.is_mapping or not mapping.value:
                raise mapping.wrong("expected a mapping such as {optimizer: sgd}")
            for parent, wanted in mapping.value.items():
                with collecting(problems):
                    conditions += _read_wanted(parent, wanted)
    raise_problems(problems)
    return tuple(conditions)


def _read_wanted(parent: str, wanted: Node) -> list[Condition]:
    if wanted.is_mapping or (wanted.is_list and not wanted.value):
        raise wanted.wrong("expected a value, a list of values or a comparison such as '> 2'")
    if wanted.is_list:
        return [Condition(parent, "in", tuple(_read_value(item) for item in wanted.value))]
    if isinstance(wanted.value, str) and _COMPARISON.fullmatch(wanted.value):
        return [_read_comparison(parent, part, wanted) for part in wanted.value.split(" and ")]
    return [Condition(parent, "in", (_read_value(wanted),))]


def _read_value(node: Node) -> Scalar:
    if node.is_mapping or node.is_list:
        raise node.wrong("expected one value")
    if isinstance(node.value, str) and _COMPARISON.fullmatch(node.value):
        raise node.wrong("expected values in a list; write a comparison alone, such as '> 2'")
    refuse_old_bool(node)
    value: Scalar = node.value
    return value


def _read_comparison(parent: str, text: str, node: Node) -> Condition:
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise node.wrong("expected comparisons such as '> 2 and <= 5'")
    value: Scalar = _resolve(match[2], node)
    if match[1] == "==":
        return Condition(parent, "in", (value,))
    if match[1] == "!=":
        return Condition(parent, "not_in", (value,))
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124
        raise node.wrong(f"expected a number after {match[1]}")
    return Condition(parent, _ORDERED[match[1]], (value,))


def _resolve(text: str, node: Node) -> Scalar:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    try:
        value: Scalar = resolve_scalar(text)
    except ValueError as error:
        raise node.error(str(error)) from error
    return value
