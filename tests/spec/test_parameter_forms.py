"""Every way to write a parameter, and every refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.spec.parameters import Parameter
from tests.spec.spaces import load, load_parameter, refuse, refuse_parameter

LOG = Parameter("x", "float", low=1e-4, high=0.1, scale="log")
INT = Parameter("x", "int", low=8, high=64, step=8)
CHOICE = Parameter("x", "categorical", choices=("adam", "sgd"))


@pytest.mark.parametrize(
    ("form", "parameter"),
    [
        ("{type: float, low: 1e-4, high: 1e-1, log: true}", LOG),
        ("{low: '1e-4', high: '0.1', log: true}", LOG),
        ("{min: 1e-4, max: 1e-1, distribution: log_uniform_values}", LOG),
        ("{min_value: 1e-4, max_value: 1e-1, sampling: log}", LOG),
        ("{type: Double, minval: 1e-4, maxval: 1e-1, scale: log}", LOG),
        ("loguniform(1e-4, 1e-1)", LOG),
        ("'loguniform(1e-4, 1e-1)'", LOG),
        ("LogUniform(low=1e-4, high=1e-1)", LOG),
        ("float(1e-4, 1e-1, log=true)", LOG),
        ("{type: int, low: 8, high: 64, step: 8}", INT),
        ("{min: 8, max: 64, q: 8}", INT),
        ("{low: '8', high: 64, step: 8}", INT),
        ("{type: int, low: 8.0, high: 64, step: 8}", INT),
        ("int(8, 64, step=8)", INT),
        ("int(8, 64, 8)", INT),
        ("{min: 8, max: 64, q: 8, distribution: int_uniform}", INT),
        ("[adam, sgd]", CHOICE),
        ("{choices: [adam, sgd]}", CHOICE),
        ("{type: choice, values: [adam, sgd]}", CHOICE),
        ("{vals: [adam, sgd]}", CHOICE),
        ("{list: [adam, sgd], distribution: categorical}", CHOICE),
        ("choice(adam, sgd)", CHOICE),
        ("choice('adam', \"sgd\")", CHOICE),
        ("{choices: {adam: , sgd: {}}}", CHOICE),
        ("bool", Parameter("x", "fixed", value="bool")),
        ("{type: bool, default: true}", Parameter("x", "bool", default=True)),
        ("relu", Parameter("x", "fixed", value="relu")),
        ("20", Parameter("x", "fixed", value=20)),
        ("1e-4", Parameter("x", "fixed", value=1e-4)),
        ("true", Parameter("x", "fixed", value=True)),
        ("'no'", Parameter("x", "fixed", value="no")),
        ("{value: null}", Parameter("x", "fixed", value=None)),
        ("{distribution: constant, value: 3}", Parameter("x", "fixed", value=3)),
        ("{type: const, val: 3}", Parameter("x", "fixed", value=3)),
        ("uniform(0, 1)", Parameter("x", "float", low=0.0, high=1.0)),
        ("{low: 0, high: 1}", Parameter("x", "int", low=0, high=1)),
        ("{low: 0, high: 1.0}", Parameter("x", "float", low=0.0, high=1.0)),
        ("{min: 0, max: 1, distribution: uniform}", Parameter("x", "float", low=0.0, high=1.0)),
        (
            "{min: 0, max: 1, q: 0.5, distribution: q_uniform}",
            Parameter("x", "float", low=0.0, high=1.0, step=0.5),
        ),
        (
            "int(2, 32, step=2, log=true)",
            Parameter("x", "int", low=2, high=32, step=2, scale="log"),
        ),
        (
            "{low: 1, high: 8, sampling: reverse_log}",
            Parameter("x", "int", low=1, high=8, scale="reverse_log"),
        ),
        ("{low: 1, high: 8, default: '4'}", Parameter("x", "int", low=1, high=8, default=4)),
        ("[1, 2.5]", Parameter("x", "categorical", choices=(1.0, 2.5))),
        ("[null, l2]", Parameter("x", "categorical", choices=(None, "l2"))),
        ("[no, l2]", Parameter("x", "categorical", choices=("no", "l2"))),
        ("['yes', 'no']", Parameter("x", "categorical", choices=("yes", "no"))),
        ("[true, false]", Parameter("x", "categorical", choices=(True, False))),
        ("{choices: {2: , 4: }}", Parameter("x", "categorical", choices=(2, 4))),
        ("{low: 0, high: 0.3, step: 0.1}", Parameter("x", "float", low=0.0, high=0.3, step=0.1)),
    ],
)
def test_parameter_form_is_read(tmp_path: Path, form: str, parameter: Parameter) -> None:
    """Each documented form means exactly this parameter."""
    found = load_parameter(tmp_path, form)
    assert found == parameter
    numbers = ("low", "high", "step", "default")
    assert [type(getattr(found, n)) for n in numbers] == [
        type(getattr(parameter, n)) for n in numbers
    ]


PLACE = "space.yaml:5: parameters.x"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (
            "{distribution: log_uniform, min: -9.21034, max: -2.302585}",
            (
                ".distribution: W&B's log_uniform takes exponents as bounds; write "
                "x: {type: float, low: 0.0001, high: 0.1, log: true}"
            ),
        ),
        (
            "{distribution: log_uniform, min: 0.001, max: 0.1}",
            (
                ".distribution: W&B's log_uniform takes exponents as bounds; write "
                "x: {type: float, low: 1.001, high: 1.10517, log: true}, or "
                "x: {type: float, low: 0.001, high: 0.1, log: true} "
                "if these are the bounds themselves"
            ),
        ),
        (
            "{type: log, base: 10.0, minval: -5.0, maxval: 1.0}",
            (
                ".type: Determined's log takes exponents as bounds; write "
                "x: {type: float, low: 1e-05, high: 10.0, log: true}"
            ),
        ),
        (
            "{type: log, minval: a}",
            (
                ".type: Determined's log takes exponents as bounds; write "
                "x: {type: float, low: ..., high: ..., log: true}"
            ),
        ),
        (
            "{type: loguniform, min_value: -5, max_value: 1}",
            (
                ".type: got 'loguniform'; tools disagree on its bounds; "
                "write type: float with log: true"
            ),
        ),
        (
            "{low: 1, min: 1, high: 3}",
            ".min: this is already given as 'parameters.x.low' (SPACE:5); keep one",
        ),
        (
            "{low: 1, high: 3, log: true, sampling: log}",
            ".log: this is already given as 'parameters.x.sampling' (SPACE:5); keep one",
        ),
        (
            "{low: 1, hihg: 3}",
            (
                ".hihg: unknown key 'hihg'; expected one of type, low, high, step, log, choices, "
                "value, default, when. Did you mean 'high'?"
            ),
        ),
        ("{low: 3, high: 1}", ".low: got 3, above high 1; expected low <= high"),
        ("{low: 0, high: 1, log: true}", ".low: got 0; the log scale needs low above 0"),
        ("{low: a, high: 1}", ".low: got 'a'; expected a number"),
        ("{type: int, low: 1.5, high: 3}", ".low: got 1.5; expected a whole number"),
        ("{low: true, high: 3}", ".low: got True; expected a number"),
        ("{low: 1}", ": high is missing; a parameter of type int needs it"),
        ("{type: int, high: 3}", ": low is missing; a parameter of type int needs it"),
        ("{default: 3}", ": got {'default': 3}; expected low and high, choices or a value"),
        (
            "{type: flaot, low: 0, high: 1}",
            (
                ".type: got 'flaot'; expected one of float, int, categorical, bool, fixed. "
                "Did you mean 'float'?"
            ),
        ),
        (
            "{type: bool, low: 0}",
            ".low: a parameter of type bool has no such key; it has default",
        ),
        (
            "{type: int, low: 32, high: 250, step: 32}",
            ".high: got 250, which low 32 does not reach in steps of 32; the nearest is 224 or 256",
        ),
        (
            "{type: int, low: 2, high: 40, step: 2, log: true}",
            (
                ".high: got 40, which low 2 does not reach in factors of 2 (the log scale); "
                "the nearest is 32 or 64"
            ),
        ),
        (
            "{low: 1, high: 8, step: 1, log: true}",
            ".step: got 1; expected a step above 1, the factor between values",
        ),
        (
            "{low: 1, high: 8, step: 0}",
            ".step: got 0; expected a step above 0, the distance between values",
        ),
        ("{low: 1, high: 8, default: 9}", ".default: got 9; expected a number from 1 to 8"),
        (
            "{choices: [a, b], default: c}",
            ".default: got 'c'; expected one of 'a', 'b'",
        ),
        ("{choices: []}", ".choices: got []; expected a list of at least one value"),
        ("{choices: 3}", ".choices: got 3; expected a list of at least one value"),
        ("[a, a]", ".1: 'a' is given twice"),
        ("[1, 1.0]", ".1: 1.0 is given twice"),
        (
            "[1, two]",
            (
                ": got [1, 'two']; expected values of one type, not of several (number, text); "
                "quote the texts"
            ),
        ),
        (
            "[[64, 64]]",
            (
                ".0: got [64, 64]; expected one number, text, true or false; "
                "give a list a name in code"
            ),
        ),
        (
            "[yes, no]",
            (
                ": got ['yes', 'no'], which some YAML readers take for booleans; "
                "write [true, false], or quote the words for texts"
            ),
        ),
        (
            "off",
            (
                ": got off, which some YAML readers take for a boolean; "
                "write true or false, or quote it ('off') for the text"
            ),
        ),
        ("", ": there is no value; expected a range, a list of choices or a value"),
        (
            "lognormal(0, 1)",
            (
                ": got 'lognormal(0, 1)'; expected one of uniform, loguniform, float, int, choice, "
                "or quotes around a text. Did you mean 'loguniform'?"
            ),
        ),
        (
            "randint(0, 9)",
            (
                ": got 'randint(0, 9)'; tools disagree on its upper bound; "
                "write int(low, high), both inclusive"
            ),
        ),
        (
            "int(1, 2",
            (
                ": got 'int(1, 2'; expected a closing bracket, as in loguniform(1e-4, 1e-1); "
                "inside {...} or [...] put it in quotes"
            ),
        ),
        (
            "int(1, 2, sept=3)",
            (
                ": got 'int(1, 2, sept=3)'; expected arguments low, high, step, log, default; "
                "'sept' is wrong"
            ),
        ),
        ("uniform(1)", ": high is missing; a parameter of type float needs it"),
        (
            "{min: 0, max: 1, distribution: normal}",
            (
                ".distribution: got 'normal'; expected one of uniform, int_uniform, q_uniform, "
                "log_uniform_values, categorical, constant. Did you mean 'uniform'?"
            ),
        ),
        (
            "{min: 0, max: 1, distribution: [uniform]}",
            (
                ".distribution: got ['uniform']; expected one of uniform, int_uniform, q_uniform, "
                "log_uniform_values, categorical, constant."
            ),
        ),
        (
            "{type: int, min: 0, max: 1, distribution: uniform}",
            ".distribution: uniform contradicts parameters.x.type (SPACE:5)",
        ),
        ("{low: .nan, high: 1}", ".low: got nan; expected a finite number"),
        ("[.inf]", ".0: got inf; expected a finite number"),
    ],
)
def test_parameter_form_is_refused_with_what_to_do(tmp_path: Path, form: str, problem: str) -> None:
    """Each mistake has one message with its key and what was expected."""
    expected = PLACE + problem.replace("SPACE", "space.yaml")
    assert refuse_parameter(tmp_path, form).replace(f"{tmp_path}/", "") == expected


def test_parameters_may_be_a_list_with_names(tmp_path: Path) -> None:
    """A list of mappings with a name means the same as a mapping."""
    text = "parameters:\n  - {name: a, low: 1, high: 3}\n  - {name: b, value: 1}\n"
    assert [p.name for p in load(tmp_path, text).parameters] == ["a", "b"]
    assert refuse(tmp_path, "parameters:\n  - {low: 1, high: 3}\n") == [
        "space.yaml:5: parameters.0: expected a mapping with a name"
    ]


@pytest.mark.parametrize("name", ["encoder/units", "learning rate", "units_0", "Größe"])
def test_parameter_name_of_keras_tuner_is_accepted(tmp_path: Path, name: str) -> None:
    """Names with scopes and spaces exist in KerasTuner models, so the file may name them."""
    assert load(tmp_path, f"parameters:\n  {name}: [1, 2]\n").parameters[0].name == name


@pytest.mark.parametrize("name", ["/a", "a/", "a//b", "{a}", "a\\nb", "", " a", "x" * 101, "a:b"])
def test_parameter_name_that_would_break_something_is_refused(tmp_path: Path, name: str) -> None:
    """Line breaks, braces, colons and empty scopes are refused with the line."""
    (problem,) = refuse(tmp_path, f'parameters:\n  "{name}": [1, 2]\n')
    assert problem.startswith("space.yaml:5: parameters: got the parameter name ")
