"""What a parameter can be: its values, its default, and its record."""

from __future__ import annotations

import json

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.spec.conditions import Condition
from sweeps.spec.parameters import (
    Parameter,
    contains,
    default_of,
    num_values,
    parameter_from_json,
    parameter_to_json,
    value_at,
    values_of,
)

FLOAT = Parameter("x", "float", low=0.0, high=1.0)
STEPS = Parameter("x", "float", low=0.0, high=0.3, step=0.1)
INT = Parameter("x", "int", low=8, high=64, step=8)
LOG_INT = Parameter("x", "int", low=2, high=32, step=2, scale="log")
REVERSE = Parameter("x", "float", low=1.0, high=100.0, step=10.0, scale="reverse_log")
CHOICE = Parameter("x", "categorical", choices=("adam", "sgd"))
FLAGS = Parameter("x", "categorical", choices=(True, False))
BOOL = Parameter("x", "bool")
FIXED = Parameter("x", "fixed", value=3)


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (FLOAT, None),
        (STEPS, (0.0, 0.1, 0.2, 0.3)),
        (INT, (8, 16, 24, 32, 40, 48, 56, 64)),
        (LOG_INT, (2, 4, 8, 16, 32)),
        (REVERSE, (100.0, 91.0, 1.0)),
        (CHOICE, ("adam", "sgd")),
        (BOOL, (False, True)),
        (FIXED, (3,)),
        (Parameter("x", "int", low=1, high=3), (1, 2, 3)),
        (Parameter("x", "int", low=1, high=3, scale="log"), (1, 2, 3)),
        (Parameter("x", "float", low=2.0, high=2.0), (2.0,)),
        (Parameter("x", "int", low=0, high=10, step=4), (0, 4, 8)),
        (Parameter("x", "int", low=0, high=10**12), None),
    ],
)
def test_values_of_lists_finite_parameters_and_no_others(
    parameter: Parameter, values: tuple[object, ...] | None
) -> None:
    """Finite parameters list their values, both bounds included; wide ones do not."""
    found = values_of(parameter)
    assert found is None or all(contains(parameter, value) for value in found)
    assert found == (values and pytest.approx(values)) if parameter.step else found == values


def test_num_values_wide_int_is_counted_but_not_listed() -> None:
    """Counting needs no list."""
    assert num_values(Parameter("x", "int", low=0, high=10**12)) == 10**12 + 1


@pytest.mark.parametrize(
    ("parameter", "inside", "outside"),
    [
        (FLOAT, [0.0, 1, 0.5], [-0.1, 1.1, True, "0.5", None, float("nan")]),
        (STEPS, [0.1, 0.30000000000000004 - 1e-16], [0.15, 0.4]),
        (INT, [8, 16, 64], [9, 4, 72, 8.5]),
        (LOG_INT, [2, 16, 32], [6, 24, 64]),
        (REVERSE, [91.0, 1.0], [10.0, 50.0]),
        (CHOICE, ["adam"], ["rmsprop", None, 0]),
        (FLAGS, [True, False], [1, 0, "True"]),
        (BOOL, [True, False], [1, 0, None]),
        (FIXED, [3, 3.0], [4, "3", True]),
        (Parameter("x", "categorical", choices=(1, 2)), [1, 2], [True, 3]),
    ],
)
def test_contains_tells_possible_values_from_others(
    parameter: Parameter, inside: list[object], outside: list[object]
) -> None:
    """A value must be of the right type, within the bounds and on a step."""
    assert [value for value in inside if not contains(parameter, value)] == []
    assert [value for value in outside if contains(parameter, value)] == []


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        (FLOAT, 0.0),
        (REVERSE, 1.0),
        (CHOICE, "adam"),
        (BOOL, False),
        (FIXED, 3),
        (Parameter("x", "int", low=1, high=9, default=5), 5),
        (Parameter("x", "categorical", choices=(True, False), default=False), False),
    ],
)
def test_default_of_is_the_users_or_as_in_keras_tuner(
    parameter: Parameter, default: object
) -> None:
    """Without a default of the user the lowest, first or False is tried first."""
    assert default_of(parameter) == default


@given(
    low=st.integers(1, 50),
    steps=st.integers(0, 12),
    step=st.integers(2, 5),
    scale=st.sampled_from(["linear", "log", "reverse_log"]),
)
def test_values_of_int_with_step_equals_keras_tuner(
    low: int, steps: int, step: int, scale: str
) -> None:
    """The values of an int with a step are those of the installed KerasTuner."""
    high = low + steps * step if scale == "linear" else low * step**steps
    theirs = keras_tuner.HyperParameters()
    theirs.Int("x", low, high, step=step, sampling=scale)
    ours = Parameter("x", "int", low=low, high=high, step=step, scale=scale)
    assert values_of(ours) == tuple(int(value) for value in theirs.space[0].values)


@pytest.mark.parametrize(
    "parameter", [FLOAT, STEPS, INT, LOG_INT, REVERSE, CHOICE, FLAGS, BOOL, FIXED]
)
def test_parameter_json_round_trip_is_exact(parameter: Parameter) -> None:
    """A parameter is the same after a trip through JSON text, types of values included."""
    condition = Condition("y", "in", (True, 1, 1.5, "a", None))
    conditional = Parameter(**{**parameter.__dict__, "when": (condition,)})
    back = parameter_from_json(json.loads(json.dumps(parameter_to_json(conditional))))
    assert back == conditional
    assert [type(value) for value in back.choices] == [type(v) for v in parameter.choices]
    assert [type(value) for value in back.when[0].values] == [bool, int, float, str, type(None)]


def test_value_at_never_leaves_the_bounds() -> None:
    """Rounding may not carry the last step above high."""
    assert value_at(STEPS, 3) == 0.3
