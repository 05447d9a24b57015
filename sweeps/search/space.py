"""How a parameter is told to Optuna, and how its value comes back.

Optuna knows ranges, logarithms and steps, but not all of them at once. What it cannot express is
encoded, in an order that samplers can use:

- a step on a logarithmic scale, or one from a bound with a rounding error: the index of the value
  among all values;
- ``reverse_log``: the value mirrored in its range, on Optuna's logarithmic scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sweeps.search.trials import ParameterError
from sweeps.spec.conditions import Scalar
from sweeps.spec.parameters import Parameter, contains, num_values, value_at


def to_distribution(parameter: Parameter) -> BaseDistribution:
    """Express a parameter, which must not be ``fixed``, as an Optuna distribution of codes."""
    if parameter.type == "bool":
        return CategoricalDistribution((False, True))
    if parameter.type == "categorical":
        return CategoricalDistribution(parameter.choices)
    if _is_indexed(parameter):
        return IntDistribution(0, (num_values(parameter) or 1) - 1)
    return _to_number_distribution(parameter)


def to_distributions(parameters: Iterable[Parameter]) -> dict[str, BaseDistribution]:
    """Give the distributions of all parameters that are sampled, which fixed ones are not."""
    sampled = (parameter for parameter in parameters if parameter.type != "fixed")
    return {parameter.name: to_distribution(parameter) for parameter in sampled}


def encode(parameter: Parameter, value: Any) -> Any:
    """Turn a value into the code that Optuna stores.

    Raises:
        ParameterError: The parameter cannot take that value.
    """
    if not contains(parameter, value):
        raise ParameterError(
            f"{parameter.name}: got {value!r}, which is not a value of {parameter}."
        )
    if parameter.type in ("bool", "categorical"):
        return _find_choice(parameter, value)
    if _is_indexed(parameter):
        return _find_index(parameter, float(value))
    if parameter.type == "float" and parameter.step is not None:
        # Steps in binary overshoot by a rounding error what Optuna computes in decimals.
        return min(float(value), _last_step(parameter))
    return _as_number(parameter, _mirror(parameter, value))


def decode(parameter: Parameter, code: Any) -> Scalar:
    """Turn a stored code back into the user's value."""
    if parameter.type in ("bool", "categorical"):
        return code  # type: ignore[no-any-return]
    if _is_indexed(parameter):
        return _as_number(parameter, value_at(parameter, int(code)))
    low, high = parameter.bounds
    if parameter.type == "float" and parameter.step is not None and low < high:
        return _as_number(parameter, value_at(parameter, round((code - low) / parameter.step)))
    return _as_number(parameter, min(max(_mirror(parameter, code), low), high))


def is_native(parameter: Parameter) -> bool:
    """Tell whether code and value are the same, so that Optuna's own tools show the value."""
    return not _is_indexed(parameter) and parameter.scale != "reverse_log"


def only_code(distribution: BaseDistribution) -> Any:
    """Name the only code of a distribution that has one."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low


def is_code_of(distribution: BaseDistribution, code: Any) -> bool:
    """Tell whether a sampler's proposal lies in the range that the parameter has now."""
    if isinstance(distribution, CategoricalDistribution):
        return code in distribution.choices
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return bool(distribution.low <= code <= distribution.high)


def list_codes(distribution: BaseDistribution) -> Sequence[Any]:
    """List all codes of a finite distribution in order."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    assert isinstance(distribution, FloatDistribution)
    step = distribution.step or 1.0
    count = round((distribution.high - distribution.low) / step) + 1
    return [min(distribution.low + index * step, distribution.high) for index in range(count)]


def from_unit(distribution: BaseDistribution, share: float) -> Any:
    """Turn a number from [0, 1) into a code; equal shares of it belong to equally likely codes."""
    if isinstance(distribution, FloatDistribution) and distribution.step is None:
        low, high = distribution.low, distribution.high
        if distribution.log:
            return min(max(low * (high / low) ** share, low), high)
        return min(low + share * (high - low), high)
    if isinstance(distribution, IntDistribution) and distribution.log:
        # Half a unit around each bound, so that the bounds are as likely as their neighbours.
        low, high = distribution.low - 0.5, distribution.high + 0.5
        return min(max(round(low * (high / low) ** share), distribution.low), distribution.high)
    codes = list_codes(distribution)
    return codes[min(int(share * len(codes)), len(codes) - 1)]


def to_unit(distribution: BaseDistribution, code: float) -> float:
    """Place a number's code in [0, 1]: the inverse of `from_unit`, mid-share where discrete."""
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = float(distribution.low), float(distribution.high)
    half = 0.0 if distribution.step is None else distribution.step / 2
    low, high = low - half, high + half
    if distribution.log:
        return math.log(code / low) / math.log(high / low)
    return (code - low) / (high - low)


def _to_number_distribution(parameter: Parameter) -> BaseDistribution:
    low, high = parameter.bounds
    is_log = parameter.scale != "linear"
    if parameter.type == "int":
        step = int(parameter.step or 1)
        low, high = int(low), int(high)
        return IntDistribution(low, low + (high - low) // step * step, log=is_log, step=step)
    if parameter.step is None:
        return FloatDistribution(float(low), float(high), log=is_log)
    return FloatDistribution(float(low), _last_step(parameter), step=float(parameter.step))


def _last_step(parameter: Parameter) -> float:
    # In decimals, as Optuna does: it warns where the range is not a whole number of steps.
    low, high = (Decimal(str(bound)) for bound in parameter.bounds)
    step = Decimal(str(parameter.step))
    return float((high - low) // step * step + low)


def _is_indexed(parameter: Parameter) -> bool:
    if parameter.step is None:
        return False
    return parameter.scale != "linear" or (parameter.type == "float" and not _is_exact(parameter))


def _is_exact(parameter: Parameter) -> bool:
    """Tell whether Optuna, in decimals, counts as many steps; not so from 0.30000000000000004."""
    low, last = (Decimal(str(bound)) for bound in (parameter.low, _last_step(parameter)))
    return (last - low) / Decimal(str(parameter.step)) == (num_values(parameter) or 1) - 1


def _mirror(parameter: Parameter, number: Any) -> Any:
    low, high = parameter.bounds
    return low + high - number if parameter.scale == "reverse_log" else number


def _as_number(parameter: Parameter, value: Any) -> int | float:
    return int(value) if parameter.type == "int" else float(value)


def _find_choice(parameter: Parameter, value: Any) -> Scalar:
    choices = (False, True) if parameter.type == "bool" else parameter.choices
    return next(choice for choice in choices if choice == value)


def _find_index(parameter: Parameter, value: float) -> int:
    count = num_values(parameter) or 1
    distances = [abs(float(value_at(parameter, index) or 0) - value) for index in range(count)]
    return distances.index(min(distances))
