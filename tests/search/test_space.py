"""Tests of how parameters map to Optuna's distributions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sweeps.search.space import (
    decode,
    encode,
    from_unit,
    is_native,
    list_codes,
    to_distribution,
    to_unit,
)
from sweeps.search.trials import ParameterError
from sweeps.spec.parameters import Parameter, contains, num_values, value_at

PARAMETERS = [
    (Parameter("a", "bool"), CategoricalDistribution((False, True))),
    (Parameter("a", "categorical", choices=("x", "y")), CategoricalDistribution(("x", "y"))),
    (Parameter("a", "int", low=1, high=9), IntDistribution(1, 9)),
    (Parameter("a", "int", low=1, high=9, step=3), IntDistribution(1, 7, step=3)),
    (Parameter("a", "int", low=1, high=64, scale="log"), IntDistribution(1, 64, log=True)),
    (Parameter("a", "int", low=1, high=100, step=2, scale="log"), IntDistribution(0, 6)),
    (Parameter("a", "float", low=0.1, high=0.35, step=0.1), FloatDistribution(0.1, 0.3, step=0.1)),
    (Parameter("a", "float", low=1, high=2), FloatDistribution(1.0, 2.0)),
    (Parameter("a", "float", low=1e-4, high=1, step=10, scale="log"), IntDistribution(0, 4)),
    (Parameter("", "float", low=1, high=9, scale="reverse_log"), FloatDistribution(1, 9, log=True)),
    (Parameter("a", "int", low=1, high=8, step=2, scale="reverse_log"), IntDistribution(0, 3)),
]  # fmt: skip
ALL = [parameter for parameter, _ in PARAMETERS]
FINITE = [parameter for parameter in ALL if num_values(parameter) is not None]


@pytest.mark.parametrize(("parameter", "expected"), PARAMETERS)
def test_to_distribution_is_the_range_of_codes(parameter: Parameter, expected: object):
    """Each kind of parameter has one distribution, without a warning of Optuna's."""
    assert to_distribution(parameter) == expected


@pytest.mark.parametrize("parameter", FINITE)
def test_encode_every_value_comes_back_exactly(parameter: Parameter):
    """What a user reads is what was tried, and every code has a value."""
    count = num_values(parameter) or 0
    values = [value_at(parameter, index) for index in range(count)]
    codes = [encode(parameter, value) for value in values]
    assert [decode(parameter, code) for code in codes] == values
    assert sorted(map(str, codes)) == sorted(map(str, list_codes(to_distribution(parameter))))
    assert {type(decode(parameter, code)) for code in codes} == {type(value) for value in values}


@given(st.sampled_from(ALL), st.floats(0, 1, exclude_max=True))
def test_decode_any_proposal_is_a_value_of_the_parameter(parameter: Parameter, share: float):
    """Whatever a sampler draws, the user gets a value inside the bounds and on a step."""
    code = from_unit(to_distribution(parameter), share)
    assert contains(parameter, decode(parameter, code))


@given(st.sampled_from([p for p in ALL if p.type in ("int", "float")]), st.floats(0.001, 0.999))
def test_to_unit_is_the_inverse_of_from_unit(parameter: Parameter, share: float):
    """CMA-ES sees a finished trial where it proposed it, up to the width of a step."""
    distribution = to_distribution(parameter)
    code = from_unit(distribution, share)
    back = to_unit(distribution, code)
    assert 0 <= back <= 1
    assert from_unit(distribution, back) == pytest.approx(code, rel=1e-9)


def test_encode_log_with_step_keeps_the_order():
    """Samplers that model distance see neighbours as neighbours."""
    parameter = Parameter("width", "int", low=1, high=128, step=2, scale="log")
    assert [encode(parameter, value) for value in (1, 2, 4, 64, 128)] == [0, 1, 2, 6, 7]
    assert not is_native(parameter)


def test_reverse_log_draws_densely_near_the_upper_bound():
    """Half of the draws lie in the upper part that a logarithm makes wide."""
    parameter = Parameter("decay", "float", low=0.01, high=1.0, scale="reverse_log")
    middle = decode(parameter, from_unit(to_distribution(parameter), 0.5))
    assert middle == pytest.approx(0.91)


@pytest.mark.parametrize("value", [0, 10, 2, 1.5, True, "1", None])
def test_encode_impossible_value_is_refused_with_name_and_value(value: object):
    """A queued trial cannot smuggle in a value that the space does not have."""
    parameter = Parameter("units", "int", low=1, high=9, step=2)
    with pytest.raises(ParameterError, match="units: got"):
        encode(parameter, value)


def test_red_control_optuna_has_no_step_on_a_logarithmic_scale():
    """The reason why such a parameter is encoded."""
    with pytest.raises(ValueError, match="step"):
        IntDistribution(1, 128, log=True, step=2)
