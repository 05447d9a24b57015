"""Turn the canonical mapping of one parameter into a frozen `Parameter`, or say what is wrong."""

from __future__ import annotations

import math
from typing import Any, cast

from sweeps.errors import Problem
from sweeps.spec.conditions import Condition, Scalar, is_number, is_same
from sweeps.spec.nodes import Node, collecting, raise_problems
from sweeps.spec.overrides import WHERE
from sweeps.spec.parameter_forms import is_old_bool, refuse_old_bool
from sweeps.spec.parameters import (
    Parameter,
    ParameterType,
    Scale,
    contains,
    num_steps,
    value_at,
)
from sweeps.spec.units import MAX_EXACT_INT, parse_int, parse_number, show_value
from sweeps.spec.when import read_conditions

ALLOWED_KEYS: dict[ParameterType, tuple[str, ...]] = {
    "float": ("low", "high", "step", "scale", "default"),
    "int": ("low", "high", "step", "scale", "default"),
    "categorical": ("choices", "default"),
    "bool": ("default",),
    "fixed": ("value",),
}
"""Type -> keys that it may have, besides ``type`` and ``when``."""

SCALES: tuple[Scale, ...] = ("linear", "log", "reverse_log")


def read_parameter(name: str, node: Node) -> Parameter:
    """Read one parameter from its canonical mapping.

    Raises:
        SpecError: All mistakes of this parameter.
    """
    problems: list[Problem] = []
    when: tuple[Condition, ...] = ()
    if "when" in node.value:
        with collecting(problems):
            when = read_conditions(node.value["when"])
    parameter = None
    with collecting(problems):
        parameter = _read_values(name, node, when)
    raise_problems(problems)
    assert parameter is not None
    return parameter


def _read_values(name: str, node: Node, when: tuple[Condition, ...]) -> Parameter:
    kind = _find_type(node)
    _check_keys(node, kind)
    if kind in ("float", "int"):
        parameter = _read_number(name, kind, node, when)
    elif kind == "categorical":
        parameter = Parameter(name, kind, choices=_read_choices(node), when=when)
    elif kind == "fixed":
        parameter = Parameter(name, kind, value=_read_fixed(node), when=when)
    else:
        parameter = Parameter(name, kind, when=when)
    return _add_default(parameter, node)


def _find_type(node: Node) -> ParameterType:
    fields = node.value
    if "type" in fields:
        return cast("ParameterType", fields["type"].value)
    if "choices" in fields:
        return "categorical"
    if "value" in fields:
        return "fixed"
    if "low" not in fields and "high" not in fields:
        raise node.wrong("expected low and high, choices or a value")
    written = [fields[key].value for key in ("low", "high", "step") if key in fields]
    return "int" if all(_is_int(value) for value in written) else "float"


def _is_int(value: Any) -> bool:
    return not isinstance(value, bool | float) and _parses(parse_int, value)


def _parses(parse: Any, value: Any) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return not isinstance(value, str) or value.strip().lstrip("+-").isdigit()


def _check_keys(node: Node, kind: ParameterType) -> None:
    allowed = ALLOWED_KEYS[kind]
    problems = [
        child.problem(f"a parameter of type {kind} has no such key; it has {', '.join(allowed)}")
        for key, child in node.value.items()
        if key not in (*allowed, "type", "when")
    ]
    needed = {"float": ("low", "high"), "int": ("low", "high")}.get(kind, allowed[:1])
    if kind != "bool":
        problems += [
            node.problem(f"{key} is missing; a parameter of type {kind} needs it")
            for key in needed
            if key not in node.value
        ]
    raise_problems(problems)


def _read_number(
    name: str, kind: ParameterType, node: Node, when: tuple[Condition, ...]
) -> Parameter:
    problems: list[Problem] = []
    numbers: dict[str, Any] = {"step": None}
    for key in ("low", "high", "step"):
        if key in node.value:
            with collecting(problems):
                numbers[key] = _parse_for(kind, node.value[key])
    scale: Scale = "linear"
    with collecting(problems):
        scale = _read_scale(node)
    raise_problems(problems)
    parameter = Parameter(name, kind, **numbers, scale=scale, when=when)
    check_bounds(parameter, node)
    return parameter


def _parse_for(kind: ParameterType, node: Node) -> float | int:
    try:
        if kind == "int":
            return parse_int(node.value)
        return float(parse_number(node.value))
    except ValueError as error:
        raise node.wrong(str(error)) from error


def _read_scale(node: Node) -> Scale:
    given = node.value.get("scale")
    if given is None:
        return "linear"
    if given.value not in SCALES:
        raise given.wrong(f"expected one of {', '.join(SCALES)}")
    return cast("Scale", given.value)


def check_bounds(parameter: Parameter, node: Node) -> None:
    """Check that the bounds of a range fit each other, its scale and its step.

    Args:
        parameter: A parameter of type int or float.
        node: Where ``low``, ``high`` and, where there is one, ``step`` were written.

    Raises:
        SpecError: They do not.
    """
    low, high = parameter.bounds
    fields = node.value
    if low > high:
        if fields["high"].where == WHERE:
            raise fields["high"].error(f"got {high!r}, below low {low!r}; expected low <= high")
        raise fields["low"].error(f"got {low!r}, above high {high!r}; expected low <= high")
    if parameter.scale != "linear" and low <= 0:
        raise fields["low"].error(f"got {low!r}; the {parameter.scale} scale needs low above 0")
    if high - low > MAX_EXACT_INT and parameter.type == "int":
        raise fields["high"].error(f"{low!r} to {high!r} is wider than 2**53 values")
    if not math.isfinite(high - low):
        raise fields["high"].error(f"{low!r} to {high!r} is wider than a float can measure")
    if parameter.step is not None:
        _check_step(parameter, parameter.step, fields["step"], fields["high"])


def _check_step(parameter: Parameter, step: float, step_node: Node, high_node: Node) -> None:
    low, high = parameter.bounds
    smallest = 0 if parameter.scale == "linear" else 1
    if step <= smallest:
        meaning = "the distance" if parameter.scale == "linear" else "the factor"
        raise step_node.error(
            f"got {step!r}; expected a step above {smallest}, {meaning} between values"
        )
    steps = num_steps(low, high, step, parameter.scale)
    if steps > MAX_EXACT_INT:
        raise step_node.error(f"got {step!r}; {low!r} to {high!r} holds more than 2**53 steps")
    if abs(steps - round(steps)) > 1e-6:
        raise high_node.error(_describe_unreachable(parameter, math.floor(steps)))


def _describe_unreachable(parameter: Parameter, below: int) -> str:
    low, high = parameter.bounds
    step = cast("float", parameter.step)
    linear = parameter.scale == "linear"
    nearest = [low + i * step if linear else low * step**i for i in (below, below + 1)]
    shown = " or ".join(f"{value:.12g}" for value in nearest)
    how = f"steps of {step!r}" if linear else f"factors of {step!r} (the {parameter.scale} scale)"
    return f"got {high!r}, which low {low!r} does not reach in {how}; the nearest is {shown}"


def _read_choices(node: Node) -> tuple[Scalar, ...]:
    given = node.value["choices"]
    if not given.is_list or not given.value:
        raise given.wrong("expected a list of at least one value")
    problems: list[Problem] = []
    for item in given.value:
        with collecting(problems):
            _check_scalar(item)
    raise_problems(problems)
    if all(is_old_bool(item) for item in given.value):
        raise given.error(
            f"got {show_value(given.to_python())}, which some YAML readers take for booleans; "
            "write [true, false], or quote the words for texts"
        )
    _check_distinct(given)
    return _unify_types(given)


def _check_scalar(node: Node) -> None:
    if node.is_list or node.is_mapping:
        raise node.wrong("expected one number, text, true or false; give a list a name in code")
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise node.wrong("expected a finite number")
    if isinstance(node.value, int) and abs(node.value) > MAX_EXACT_INT:
        raise node.wrong("expected a whole number between -2**53 and 2**53")
    if isinstance(node.value, str) and any(ord(letter) < 32 for letter in node.value):
        raise node.wrong("expected a text without line breaks")


def _check_distinct(given: Node) -> None:
    for position, item in enumerate(given.value):
        if any(is_same(item.value, other.value) for other in given.value[:position]):
            raise item.error(f"{show_value(item.value)} is given twice")


def _unify_types(given: Node) -> tuple[Scalar, ...]:
    """Return the choices as one type, with null besides; whole numbers among floats are floats."""
    values = given.to_python()
    present = {type(value) for value in values if value is not None}
    if present == {int, float}:
        return tuple(None if value is None else float(value) for value in values)
    if len(present) > 1:
        names = {str: "text", int: "number", float: "number", bool: "true/false"}
        kinds = ", ".join(sorted({names[kind] for kind in present}))
        raise given.wrong(f"expected values of one type, not of several ({kinds}); quote the texts")
    return tuple(values)


def _read_fixed(node: Node) -> Scalar:
    given = node.value["value"]
    _check_scalar(given)
    refuse_old_bool(given)
    return cast("Scalar", given.value)


def _add_default(parameter: Parameter, node: Node) -> Parameter:
    given = node.value.get("default")
    if given is None or given.value is None:
        return parameter
    default = given.value
    if is_number(value_at(parameter, 0)):
        default = _parse_for(_number_type(parameter), given)
    if not contains(parameter, default):
        raise given.wrong(f"expected {describe_values(parameter)}")
    fields = {**parameter.__dict__, "default": default}
    return Parameter(**fields)


def _number_type(parameter: Parameter) -> ParameterType:
    if parameter.type == "categorical":
        return "int" if isinstance(parameter.choices[0], int) else "float"
    return parameter.type


def describe_values(parameter: Parameter) -> str:
    """Say in words which values a parameter can take."""
    if parameter.type == "categorical":
        shown = [show_value(value) for value in parameter.choices[:20]]
        return "one of " + ", ".join(shown) + (", ..." if len(parameter.choices) > 20 else "")
    if parameter.type in ("float", "int"):
        low, high = parameter.bounds
        by = "factors" if parameter.scale != "linear" else "steps"
        step = "" if parameter.step is None else f", in {by} of {parameter.step!r}"
        return f"a number from {low!r} to {high!r}{step}"
    return "true or false" if parameter.type == "bool" else repr(parameter.value)
