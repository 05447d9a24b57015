"""Tests of `sweeps.spec.counting`: how many configurations a space has."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.spec.conditions import Condition, is_active
from sweeps.spec.counting import count_configurations
from sweeps.spec.parameters import Parameter, values_of

OPTIMIZER = Parameter("optimizer", "categorical", choices=("adam", "sgd", "rmsprop"))
SGD = Condition("optimizer", "in", ("sgd",))
NESTEROV = Parameter("nesterov", "bool", when=(SGD,))
UNITS = Parameter("units", "int", low=8, high=32, step=8)


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ((), 1),
        ((UNITS, OPTIMIZER), 12),
        ((OPTIMIZER, NESTEROV), 4),
        ((NESTEROV, OPTIMIZER, UNITS), 16),
        ((Parameter("x", "fixed", value=3), UNITS), 4),
        ((OPTIMIZER, Parameter("momentum", "float", low=0.0, high=1.0, when=(SGD,))), None),
        (tuple(Parameter(f"p{i}", "int", low=1, high=10**6) for i in range(3)), 10**18),
    ],
)
def test_count_configurations(parameters: tuple[Parameter, ...], count: int | None) -> None:
    """Ranges multiply, what is not active does not, and one continuous parameter is enough."""
    assert count_configurations(parameters) == count


def test_count_configurations_forgets_what_cannot_be_active() -> None:
    """A continuous parameter that no value activates makes nothing infinite."""
    never = Parameter("x", "float", low=0.0, high=1.0, when=(Condition("units", ">", (32,)),))
    assert count_configurations((UNITS, never)) == 4


def test_count_configurations_of_many_conditions_is_quick() -> None:
    """Thirty parents with a child each have 3**30 configurations, which nobody lists."""
    parents = [Parameter(f"a{i}", "bool") for i in range(30)]
    children = [
        Parameter(f"b{i}", "bool", when=(Condition(f"a{i}", "in", (True,)),)) for i in range(30)
    ]
    pairs = itertools.chain.from_iterable(zip(parents, children, strict=True))
    assert count_configurations(tuple(pairs)) == 3**30


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 5), st.sampled_from([">", "<=", "in"])),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_count_configurations_equals_a_listing(shapes: list[tuple[int, int, str]]) -> None:
    """The count is the number of configurations that a full listing gives."""
    parameters: list[Parameter] = []
    for index, (size, parent, op) in enumerate(shapes):
        when = (Condition(f"p{parent}", op, (2,)),) if parent < index else ()  # type: ignore[arg-type]
        parameters.append(Parameter(f"p{index}", "int", low=1, high=size, when=when))
    listed = [{}]
    for parameter in parameters:
        longer = []
        for values in listed:
            if is_active(parameter, values):
                longer += [{**values, parameter.name: one} for one in values_of(parameter) or ()]
            else:
                longer.append(values)
        listed = longer
    assert count_configurations(parameters) == len(listed)
