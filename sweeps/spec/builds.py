"""What one build of the model told about its parameters and its size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sweeps.spec.conditions import (
    Condition,
    Scalar,
    condition_from_json,
    condition_to_json,
    is_number,
)
from sweeps.spec.model import SweepSpec, count_epochs
from sweeps.spec.parameters import (
    Parameter,
    default_of,
    num_values,
    parameter_from_json,
    parameter_to_json,
    value_at,
)

Numbers = Literal["default", "low", "high"]
"""Which value numbers get that nobody has chosen."""


@dataclass(frozen=True)
class ModelSize:
    """How large a model is.

    Attributes:
        num_weights: Number of its weights, trainable or not.
        checkpoint_bytes: Size of a checkpoint with the optimizer's state, in bytes; None where it
            is not known.
    """

    num_weights: int
    checkpoint_bytes: int | None = None


@dataclass(frozen=True)
class MeasuredEpoch:
    """How long an epoch of the model with default values takes.

    Attributes:
        seconds: Of one epoch with its validation, once everything is compiled.
        start_seconds: Before the first epoch: to build, to trace and to compile.
        share: Which part of an epoch was measured, from 0 to 1; the rest was calculated.
        memory_bytes: The most that the process held for itself beyond what it was forked with.
    """

    seconds: float
    start_seconds: float
    share: float
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Build:
    """One build of the model.

    Attributes:
        values: The values it was built with, those of the space file included.
        declared: Every declaration in order, inactive ones too; `when` holds the conditional
            scopes around it, with values as the code wrote them.
        inactive: Conditional scopes that were entered without being active, outermost first.
        read: Names whose value was looked at.
        size: Size of the model; None where it could not be found out.
        reason: Why the build failed; empty where it did not.
        reads_later: The model's own ``fit`` may read parameters as well.
    """

    values: Mapping[str, Scalar] = field(default_factory=dict)
    declared: tuple[Parameter, ...] = ()
    inactive: tuple[tuple[Condition, ...], ...] = ()
    read: frozenset[str] = frozenset()
    size: ModelSize | None = None
    reason: str = ""
    reads_later: bool = False


def build_to_json(build: Build) -> dict[str, Any]:
    """Write a build as JSON values."""
    return {
        "values": dict(build.values),
        "declared": [parameter_to_json(parameter) for parameter in build.declared],
        "inactive": [[condition_to_json(one) for one in scope] for scope in build.inactive],
        "read": sorted(build.read),
        "size": None if build.size is None else asdict(build.size),
        "reason": build.reason,
        "reads_later": build.reads_later,
    }


def build_from_json(record: Mapping[str, Any]) -> Build:
    """Read a build written by `build_to_json`."""
    return Build(
        record["values"],
        tuple(map(parameter_from_json, record["declared"])),
        tuple(tuple(map(condition_from_json, scope)) for scope in record["inactive"]),
        frozenset(record["read"]),
        None if record["size"] is None else ModelSize(**record["size"]),
        record["reason"],
        record["reads_later"],
    )


def pick_value(parameter: Parameter, numbers: Numbers) -> Scalar:
    """Choose the value of a parameter that a build asks for and nobody has chosen."""
    if numbers == "default":
        return default_of(parameter)
    ends = [value for value in _list_ends(parameter) if isinstance(value, int | float)]
    if not ends:
        return default_of(parameter)
    return min(ends) if numbers == "low" else max(ends)


def count_most_epochs(spec: SweepSpec, parameters: Iterable[Parameter]) -> int:
    """Count the epochs of the longest trial, which a parameter called ``epochs`` decides."""
    most = {each.name: pick_value(each, "high") for each in parameters if each.name == "epochs"}
    return count_epochs(spec, most)


def _list_ends(parameter: Parameter) -> Sequence[Scalar]:
    """List values, the smallest and the largest among them; none where there is no order."""
    if parameter.type == "categorical":
        return parameter.choices if all(map(is_number, parameter.choices)) else ()
    if parameter.type not in ("int", "float"):
        return ()
    count = num_values(parameter)
    if parameter.step is None or count is None:
        return parameter.bounds
    return (value_at(parameter, 0), value_at(parameter, count - 1))
