"""What one hyperparameter may be, whether a YAML file or a model's code declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ParameterType = Literal["float", "int", "categorical", "bool", "fixed"]
Scale = Literal["linear", "log", "reverse_log"]
Scalar = str | int | float | bool | None


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
    when: tuple[Any, ...] = ()
