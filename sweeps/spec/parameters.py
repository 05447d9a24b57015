"""What one hyperparameter may be, whether a YAML file or a model's code declares it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sweeps.spec.conditions import (
    Condition,
    Scalar,
    condition_from_json,
    condition_to_json,
    is_number,
    is_same,
)

__all__ = [
    "MAX_LISTED_VALUES",
    "Condition",
    "Parameter",
    "ParameterType",
    "Scalar",
    "Scale",
    "contains",
    "default_of",
    "num_steps",
    "num_values",
    "parameter_from_json",
    "parameter_to_json",
    "value_at",
    "values_of",
]

ParameterType = Literal["float", "int", "categorical", "bool", "fixed"]
Scale = Literal["linear", "log", "reverse_log"]

MAX_LISTED_VALUES = 100_000
"""`values_of` lists no more than this; a wider int is treated as continuous."""

_TOLERANCE = 1e-8  # KerasTuner's own, for counting steps in floating point


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter, frozen.

    Attributes:
        name: Name as in the space file or in ``hp.Int(name, ...)``, scopes included.
        type: ``float``, ``int`` (both bounds inclusive), ``categorical``, ``bool`` or ``fixed``.
        low: Smallest value of a number.
        high: Largest value of a number, inclusive.
        step: Distance between values; on the log scale the factor between values.
        scale: How a number is drawn: ``linear``, ``log`` or ``reverse_log`` (dense near `high`).
        choices: Values of a categorical, in order.
        value: The value of a fixed parameter.
        default: Value tried first, where the user named one.
        when: Conditions under which the parameter is active; all must hold.
    """

    name: str
    type: ParameterType
    low: float | int | None = None
    high: float | int | None = None
    step: float | int | None = None
    scale: Scale = "linear"
    choices: tuple[Scalar, ...] = ()
    value: Scalar = None
    default: Scalar = None
    when: tuple[Condition, ...] = ()

    @property
    def bounds(self) -> tuple[float | int, float | int]:
        """Both bounds of a number; a bug where the parameter is no number."""
        assert self.low is not None, self
        assert self.high is not None, self
        return self.low, self.high


def contains(parameter: Parameter, value: Any) -> bool:
    """Tell whether a parameter can take a value, conditions aside.

    An int and a bool are told apart, and a number with a step must lie on a step.
    """
    if parameter.type == "fixed":
        return is_same(value, parameter.value)
    if parameter.type == "bool":
        return isinstance(value, bool)
    if parameter.type == "categorical":
        return any(is_same(value, choice) for choice in parameter.choices)
    return is_number(value) and _contains_number(parameter, value)


def num_values(parameter: Parameter) -> int | None:
    """Count the values a parameter can take; None where it is continuous.

    Steps count as in KerasTuner: both bounds are included, and on the log scales `step` is the
    factor between neighbours.
    """
    if parameter.type in ("fixed", "bool"):
        return 1 if parameter.type == "fixed" else 2
    if parameter.type == "categorical":
        return len(parameter.choices)
    low, high = parameter.bounds
    if low == high:
        return 1
    if parameter.step is None:
        return int(high) - int(low) + 1 if parameter.type == "int" else None
    return math.floor(num_steps(low, high, parameter.step, parameter.scale) + _TOLERANCE) + 1


def num_steps(low: float, high: float, step: float, scale: Scale) -> float:
    """Count the steps from `low` to `high`, fractions included."""
    return (high - low) / step if scale == "linear" else math.log(high / low, step)


def value_at(parameter: Parameter, index: int) -> Scalar:
    """Name the value number `index` of a parameter that has finitely many, in its own order.

    Numbers come in the order of KerasTuner: ascending, but descending on the reverse_log scale
    with a step. A bool is False, then True.
    """
    if parameter.type == "fixed":
        return parameter.value
    if parameter.type == "bool":
        return bool(index)
    if parameter.type == "categorical":
        return parameter.choices[index]
    return _number_at(parameter, index)


def values_of(parameter: Parameter) -> tuple[Scalar, ...] | None:
    """List all values, or return None where the parameter is continuous or too wide to list."""
    count = num_values(parameter)
    if count is None or count > MAX_LISTED_VALUES:
        return None
    return tuple(value_at(parameter, index) for index in range(count))


def default_of(parameter: Parameter) -> Scalar:
    """Name the value tried first: the user's, else as in KerasTuner the first, lowest or False."""
    if parameter.default is not None:
        return parameter.default
    if parameter.type in ("float", "int"):
        return parameter.low
    return value_at(parameter, 0)


def parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    """Write a parameter as JSON values, leaving out what it does not have."""
    record: dict[str, Any] = {"name": parameter.name, "type": parameter.type}
    for field in ("low", "high", "step", "default"):
        if getattr(parameter, field) is not None:
            record[field] = getattr(parameter, field)
    if parameter.scale != "linear":
        record["scale"] = parameter.scale
    if parameter.type == "categorical":
        record["choices"] = list(parameter.choices)
    if parameter.type == "fixed":
        record["value"] = parameter.value
    if parameter.when:
        record["when"] = [condition_to_json(condition) for condition in parameter.when]
    return record


def parameter_from_json(record: Mapping[str, Any]) -> Parameter:
    """Read a parameter written by `parameter_to_json`."""
    fields = dict(record)
    fields["choices"] = tuple(fields.get("choices", ()))
    fields["when"] = tuple(condition_from_json(when) for when in fields.get("when", ()))
    return Parameter(**fields)


def _contains_number(parameter: Parameter, value: float) -> bool:
    low, high = parameter.bounds
    # The last of many steps may lie beyond a bound by a rounding error.
    slack = 0.0 if parameter.step is None else 1e-9 * (high - low)
    is_within = low - slack <= value <= high + slack
    if not is_within or (parameter.type == "int" and value != int(value)):
        return False
    if parameter.step is None or low == high:
        return True
    position = _position_of(parameter, value)
    nearest = _number_at(parameter, round(position))
    return math.isclose(value, nearest, rel_tol=1e-9, abs_tol=1e-9 * (high - low))


def _position_of(parameter: Parameter, value: float) -> float:
    low, high = parameter.bounds
    assert parameter.step is not None
    if parameter.scale == "reverse_log":
        value = high + low - value
    return num_steps(low, value, parameter.step, parameter.scale)


def _number_at(parameter: Parameter, index: int) -> float | int:
    low, high = parameter.bounds
    if low == high:
        return low
    step = 1 if parameter.step is None else parameter.step
    if parameter.scale == "linear" or parameter.step is None:
        return min(low + index * step, high)
    power = min(low * step**index, high)
    return power if parameter.scale == "log" else min(max(high + low - power, low), high)
