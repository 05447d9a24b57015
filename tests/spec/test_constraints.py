"""Constraints: what an expression may hold, what it means, and how far it is from holding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.spec.constraints import check_constraints, is_satisfied, parse_constraint, violation
from sweeps.spec.expressions import evaluate, parse_expression
from sweeps.spec.parameters import Parameter

PARAMETERS = (
    Parameter("units", "int", low=1, high=512),
    Parameter("layers", "int", low=1, high=8),
    Parameter("rate", "float", low=0.0, high=1.0),
    Parameter("optimizer", "categorical", choices=("adam", "sgd")),
    Parameter("use_bn", "bool"),
    Parameter("mixed", "categorical", choices=(None, "l2")),
)
VALUES: dict[str, Any] = {
    "units": 64,
    "layers": 3,
    "rate": 0.5,
    "optimizer": "sgd",
    "use_bn": True,
    "mixed": "l2",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units * layers <= 192", True),
        ("units * layers < 192", False),
        ("1 <= layers <= 3", True),
        ("1 <= layers < 3", False),
        ("optimizer == 'sgd'", True),
        ("optimizer in ['adam', 'sgd'] and rate < 1", True),
        ("optimizer not in ('adam',)", True),
        ("layers in [-3, 3]", True),
        ("not use_bn or layers > 5", False),
        ("use_bn", True),
        ("use_bn + layers == 4", True),
        ("max(units, layers, 100) == 100", True),
        ("min([units, layers]) == 3", True),
        ("abs(layers - 5) == 2", True),
        ("len(optimizer) == 3", True),
        ("units // 10 + units % 10 == 10", True),
        ("2 ** layers == 8", True),
        ("-layers < +1", True),
        ("units / layers > 21.3", True),
        ("mixed == 'l2'", True),
        ("1 / (layers - 3) > 0", False),
        ("layers == 3 or 1 / (layers - 3) > 0", True),
        ("units ** units ** units > 1", False),
    ],
)
def test_constraint_means_what_python_means(text: str, expected: bool) -> None:
    """Operators have Python's meaning; what cannot be computed is violated."""
    constraint = parse_constraint(text, parameters=PARAMETERS)
    assert is_satisfied(constraint, VALUES) is expected
    assert check_constraints([constraint], VALUES) == ([] if expected else [text])
    assert (violation(constraint, VALUES) <= 0) is expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unist < 3", "there is no parameter 'unist'. Did you mean 'units'?"),
        ("units * 2", "this is a number; expected a comparison, such as 'units <= 1024'"),
        ("optimizer > 3", "optimizer is a text; expected a number here"),
        ("optimizer + 1 > 3", "optimizer is a text; expected a number here"),
        ("optimizer == 3", "optimizer is a text, 3 a number: never equal"),
        ("units in ['a']", "units is a number, 'a' a text: never equal"),
        ("units and layers", "units is a number; expected a flag here"),
        ("len(units) > 1", "units is a number; expected a text here"),
        ("max(units) > 1", "max() needs two values or more"),
        ("units in optimizer", "expected a list after 'in', such as optimizer in ['adam', 'sgd']"),
        ("units in [layers]", "layers is no literal; a list after 'in' needs them"),
        ("1 < 2", "the expression names no parameter, so it would decide nothing"),
        ("units is 3", "'is' is not allowed; write =="),
        ("pow(units, 2) < 3", "'pow' cannot be called; expected one of min, max, abs, len."),
        (
            "mim(units, 2) < 3",
            "'mim' cannot be called; expected one of min, max, abs, len. Did you mean 'min'?",
        ),
        (
            "__import__('os') < 3",
            "'__import__' cannot be called; expected one of min, max, abs, len.",
        ),
        ("units.real < 3", "'units.real' is not allowed; "),
        ("units[0] < 3", "'units[0]' is not allowed; "),
        ("(lambda: 1)() < units", "'lambda: 1' cannot be called; "),
        ("[u for u in [1]] == units", "'[u for u in [1]]' is not allowed; "),
        ("(units := 3) < 4", "'units := 3' is not allowed; "),
        ("units if use_bn else 3", "'units if use_bn else 3' is not allowed; "),
        ("f'{units}' == 'a'", "\"f'{units}'\" is not allowed; "),
        ("units < 3j", "3j is not allowed"),
        ("units < None", "None is not allowed"),
        ("units << 3 < 4", "'LShift' is not allowed; "),
        ("units @ 3 < 4", "'MatMult' is not allowed; "),
        ("max(*[1, 2]) < units", "'*[1, 2]' is not allowed; "),
        ("max(a=1) < units", "max() takes values"),
        ("units <", "this is no expression: invalid syntax"),
        ("units < 3; units", "this is no expression: invalid syntax"),
        ("9 ** 9 ** 9 > units", "'9 ** 9 ** 9' cannot be computed: a power of more than 1024 bits"),
        ("units / 0 > 1 and 1 / 0 > 2", "'1 / 0' cannot be computed: division by zero"),
        ("units < 1e999", "a number is too large"),
        ("units < " + "9" * 900, "a number is too large"),
        ("units < " + "1 + " * 400 + "1", "the expression has "),
        ("-" * 100 + "units < 1", "the expression is too large; "),
    ],
)
def test_constraint_beyond_the_whitelist_is_refused(text: str, problem: str) -> None:
    """Whatever is not listed is refused with its own text, and nothing of it is executed."""
    with pytest.raises(ValueError) as caught:
        parse_constraint(text, parameters=PARAMETERS)
    assert str(caught.value).startswith(problem)


def test_constraint_with_inactive_parameter_is_satisfied() -> None:
    """What does not exist in a trial cannot violate anything."""
    constraint = parse_constraint("units * layers < 1")
    assert is_satisfied(constraint, {"units": 5})
    assert violation(constraint, {"units": 5}) == 0.0


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("units * layers <= 1024", -832.0),
        ("units * layers <= 100", 92.0),
        ("units >= 100", 36.0),
        ("layers == 5", 2.0),
        ("layers == 3", 0.0),
        ("layers < 3", 1e-12),
        ("5 <= layers <= 8", 2.0),
        ("units <= 60 and layers <= 1", 4.0),
        ("units <= 60 or layers <= 1", 2.0),
        ("optimizer == 'adam'", 1.0),
        ("optimizer == 'sgd'", 0.0),
        ("not use_bn", 1.0),
        ("1 / (layers - 3) > 0", 1.0),
    ],
)
def test_violation_measures_the_distance(text: str, distance: float) -> None:
    """Above 0 is violated by so much, at most 0 is satisfied."""
    assert violation(parse_constraint(text, parameters=PARAMETERS), VALUES) == distance


_NAMES = st.sampled_from(["a", "b", "c"])
_NUMBERS = st.one_of(_NAMES, st.integers(0, 9).map(str), st.sampled_from(["0.5", "2.0"]))


def _combine(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    return st.one_of(
        st.builds("({} {} {})".format, children, operators, children),
        st.builds("(-{})".format, children),
        st.builds("({} ** {})".format, children, st.integers(0, 3)),
        st.builds("max({}, {})".format, children, children),
        st.builds("min({}, {})".format, children, children),
        st.builds("abs({})".format, children),
    )


_ARITHMETIC = st.recursive(_NUMBERS, _combine, max_leaves=6)
_COMPARISON = st.builds(
    "({} {} {})".format,
    _ARITHMETIC,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "< 3 <="]),
    _ARITHMETIC,
)
_EXPRESSION = st.recursive(
    _COMPARISON,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=3,
)


@settings(max_examples=300, deadline=None)
@given(text=_EXPRESSION, a=st.integers(-5, 5), b=st.integers(0, 50), c=st.floats(-2, 2))
def test_evaluate_equals_python_on_whitelisted_expressions(
    text: str, a: int, b: int, c: float
) -> None:
    """Our evaluator and Python agree on every value, and on what cannot be computed."""
    values = {"a": a, "b": b, "c": c}
    ours = _outcome(lambda: evaluate(parse_expression(text), values))
    functions = {"__builtins__": {}, "max": max, "min": min, "abs": abs}
    theirs = _outcome(lambda: eval(text, functions, values))
    assert ours == theirs or ours in BOUNDS


BOUNDS = {
    "the expression is too large; split it into several constraints",
    "a fractional power of a negative number",
    "a power of more than 1024 bits",
}
"""Where our evaluator stops and Python goes on."""


def _outcome(compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except (ArithmeticError, ValueError) as error:
        return str(error)
    except TypeError:
        return "a fractional power of a negative number"  # Python compared a complex number


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60))
def test_parse_constraint_any_text_is_refused_or_read(text: str) -> None:
    """No text leads to anything but a constraint or a ValueError."""
    try:
        constraint = parse_constraint(text)
    except ValueError:
        return
    is_satisfied(constraint, dict.fromkeys(constraint.names, 1))
