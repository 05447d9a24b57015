"""When a parameter is active: the forms of ``when``, groups, mistakes, and the order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweeps.spec.conditions import (
    Condition,
    condition_from_json,
    condition_to_json,
    holds,
    is_active,
)
from tests.spec.spaces import load, refuse

PARENTS = (
    "  optimizer: [adam, sgd, rmsprop]\n"
    "  layers: int(1, 6)\n"
    "  rate: uniform(0.0, 1.0)\n"
    "  wide: {type: int, low: 0, high: 1000000}\n"
    "  use_bn: {type: bool}\n"
    "  kind: dense\n"
)


def _space(when: str) -> str:
    return f"parameters:\n{PARENTS}  x: {{low: 0, high: 1, when: {when}}}\n"


@pytest.mark.parametrize(
    ("when", "conditions"),
    [
        ("{optimizer: sgd}", [("optimizer", "in", ("sgd",))]),
        ("{optimizer: [sgd, adam]}", [("optimizer", "in", ("sgd", "adam"))]),
        ("{optimizer: '!= sgd'}", [("optimizer", "not_in", ("sgd",))]),
        ("{layers: '> 2'}", [("layers", ">", (2,))]),
        ("{layers: '>=2 and < 5'}", [("layers", ">=", (2,)), ("layers", "<", (5,))]),
        ("{rate: '> 0.2 and < 0.5'}", [("rate", ">", (0.2,)), ("rate", "<", (0.5,))]),
        ("{wide: '> 10 and < 12'}", [("wide", ">", (10,)), ("wide", "<", (12,))]),
        ("{layers: 3}", [("layers", "in", (3,))]),
        ("{layers: '== 3'}", [("layers", "in", (3,))]),
        ("{use_bn: true}", [("use_bn", "in", (True,))]),
        ("{kind: dense}", [("kind", "in", ("dense",))]),
        ("{rate: '<= 0.5', layers: 2}", [("rate", "<=", (0.5,)), ("layers", "in", (2,))]),
        ("[{rate: '<= 0.5'}, {layers: 2}]", [("rate", "<=", (0.5,)), ("layers", "in", (2,))]),
    ],
)
def test_when_form_is_read(
    tmp_path: Path, when: str, conditions: list[tuple[str, Any, tuple[Any, ...]]]
) -> None:
    """Each documented form of ``when`` means exactly these conditions."""
    x = load(tmp_path, _space(when)).parameters[-1]
    assert x.when == tuple(Condition(*condition) for condition in conditions)


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        (
            "{optimizer: sdg}",
            "got 'sdg', but 'optimizer' is one of 'adam', 'sgd', 'rmsprop'. Did you mean 'sgd'?",
        ),
        ("{layers: 9}", "got 9, but 'layers' goes from 1 to 6."),
        ("{use_bn: 1}", "got 1, but 'use_bn' is true or false."),
        ("{kind: conv}", "got 'conv', but 'kind' is always 'dense'."),
        ("{layers: '> 6'}", "'layers > 6' can never hold: 'layers' goes from 1 to 6"),
        ("{wide: '< 0'}", "'wide < 0' can never hold: 'wide' goes from 0 to 1000000"),
        ("{rate: '> 1.0'}", "'rate > 1.0' can never hold: 'rate' goes from 0.0 to 1.0"),
        ("{optimizer: '> 2'}", "'optimizer' is not a number, so '>' makes no sense"),
        (
            "{layers: '> 4 and < 2'}",
            (
                "this parameter can never be active: 'layers > 4' and 'layers < 2' "
                "cannot hold together"
            ),
        ),
        (
            "{wide: '> 10 and < 11'}",
            (
                "this parameter can never be active: 'wide > 10' and 'wide < 11' "
                "cannot hold together"
            ),
        ),
        (
            "{rate: '> 0.5 and < 0.5'}",
            (
                "this parameter can never be active: 'rate > 0.5' and 'rate < 0.5' "
                "cannot hold together"
            ),
        ),
    ],
)
def test_when_that_cannot_hold_is_refused(tmp_path: Path, when: str, problem: str) -> None:
    """Unknown parents, impossible values and contradictions are found in the file."""
    assert refuse(tmp_path, _space(when)) == [f"space.yaml:11: parameters.x.when: {problem}"]


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("3", ".when: got 3; expected a mapping such as {optimizer: sgd}"),
        ("{}", ".when: got {}; expected a mapping such as {optimizer: sgd}"),
        (
            "{layers: []}",
            (
                ".when.layers: got []; expected a value, a list of values "
                "or a comparison such as '> 2'"
            ),
        ),
        (
            "{layers: ['> 2']}",
            (
                ".when.layers.0: got '> 2'; expected values in a list; "
                "write a comparison alone, such as '> 2'"
            ),
        ),
        ("{layers: '> many'}", ".when.layers: got '> many'; expected a number after >"),
    ],
)
def test_when_that_is_no_condition_is_refused(tmp_path: Path, when: str, problem: str) -> None:
    """A form that means nothing is told with what would."""
    assert refuse(tmp_path, _space(when)) == [f"space.yaml:11: parameters.x{problem}"]


def test_when_circle_is_named(tmp_path: Path) -> None:
    """Parameters that depend on each other in a circle are named in its order."""
    text = (
        "parameters:\n  a: {low: 0, high: 1, when: {b: 1}}\n  b: {low: 0, high: 1, when: {a: 1}}\n"
    )
    assert refuse(tmp_path, text) == [
        "space.yaml:6: parameters.b.when: the conditions go in a circle: a -> b -> a"
    ]
    itself = "parameters:\n  a: {low: 0, high: 1, when: {a: 1}}\n"
    assert refuse(tmp_path, itself) == [
        "space.yaml:5: parameters.a.when: the conditions go in a circle: a -> a"
    ]


def test_when_contradiction_with_a_condition_of_the_parent_is_found(tmp_path: Path) -> None:
    """A parameter is dead where its own condition excludes what its parent needs."""
    text = (
        "parameters:\n"
        "  optimizer: [adam, sgd]\n"
        "  nesterov: {choices: [true, false], when: {optimizer: sgd}}\n"
        "  beta: {low: 0, high: 1, when: {nesterov: true, optimizer: adam}}\n"
    )
    assert refuse(tmp_path, text) == [
        (
            "space.yaml:7: parameters.beta.when: this parameter can never be active: "
            "'optimizer in 'sgd'' and 'optimizer in 'adam'' cannot hold together"
        )
    ]


def test_parameters_are_ordered_parents_first_and_otherwise_as_written(tmp_path: Path) -> None:
    """A child moves behind its parent; nothing else moves."""
    text = (
        "parameters:\n"
        "  z: 1\n"
        "  momentum: {low: 0.0, high: 1.0, when: {nesterov: true}}\n"
        "  nesterov: {choices: [true, false], when: {optimizer: sgd}}\n"
        "  a: 1\n"
        "  optimizer: [adam, sgd]\n"
    )
    names = [parameter.name for parameter in load(tmp_path, text).parameters]
    assert names == ["z", "optimizer", "nesterov", "momentum", "a"]


def test_group_parameters_exist_only_for_their_choice(tmp_path: Path) -> None:
    """Parameters nested below a choice become conditional on it, in groups of groups too."""
    text = (
        "parameters:\n"
        "  optimizer:\n"
        "    choices:\n"
        "      sgd:\n"
        "        parameters:\n"
        "          momentum: uniform(0.0, 0.9)\n"
        "          nesterov:\n"
        "            choices: {true: {parameters: {extra: [1, 2]}}, false: }\n"
        "      adam: {}\n"
        "  last: 1\n"
    )
    parameters = load(tmp_path, text).parameters
    assert [parameter.name for parameter in parameters] == [
        "optimizer",
        "momentum",
        "nesterov",
        "extra",
        "last",
    ]
    assert parameters[0].choices == ("sgd", "adam")
    assert parameters[1].when == (Condition("optimizer", "in", ("sgd",)),)
    assert parameters[2].choices == (True, False)
    assert parameters[3].when == (Condition("nesterov", "in", (True,)),)


def test_group_parameter_alike_in_two_groups_is_one_parameter(tmp_path: Path) -> None:
    """The same parameter below two choices is active for both."""
    group = "{parameters: {momentum: 'uniform(0.0, 0.9)'}}"
    text = f"parameters:\n  opt: {{choices: {{sgd: {group}, adam: , rms: {group}}}}}\n"
    momentum = load(tmp_path, text).parameters[1]
    assert momentum.when == (Condition("opt", "in", ("sgd", "rms")),)


def test_group_parameter_declared_twice_with_other_bounds_is_refused(tmp_path: Path) -> None:
    """One name has one meaning in a sweep."""
    text = (
        "parameters:\n"
        "  rate: uniform(0.0, 0.5)\n"
        "  opt:\n"
        "    choices:\n"
        "      sgd: {parameters: {rate: 'uniform(0.0, 0.9)'}}\n"
    )
    (problem,) = refuse(tmp_path, text)
    assert problem.startswith(
        "space.yaml:8: parameters.opt.choices.sgd.parameters.rate: 'rate' is declared twice"
    )


def test_group_with_another_key_is_refused(tmp_path: Path) -> None:
    """Parameters stand below ``parameters``, so that a typing mistake is no parameter."""
    text = "parameters:\n  opt: {choices: {sgd: {params: {a: 1}}}}\n"
    assert refuse(tmp_path, text) == [
        (
            "space.yaml:5: parameters.opt.choices.sgd.params: unknown key 'params'; "
            "expected one of parameters. Did you mean 'parameters'?"
        )
    ]


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        (Condition("p", "in", (1, "a")), [1, 1.0, "a"], [True, 2, "b", None]),
        (Condition("p", "not_in", ("a",)), ["b", 1], ["a"]),
        (Condition("p", "<", (2,)), [1, 1.9], [2, 3, "a", True]),
        (Condition("p", "<=", (2,)), [2], [2.1]),
        (Condition("p", ">", (2,)), [2.1], [2]),
        (Condition("p", ">=", (2,)), [2], [1.9]),
    ],
)
def test_holds_compares_by_value_and_type(
    condition: Condition, yes: list[Any], no: list[Any]
) -> None:
    """Numbers are equal by value, True is not 1, and a text fulfils no comparison."""
    assert [value for value in yes if not holds(condition, value)] == []
    assert [value for value in no if holds(condition, value)] == []
    assert condition_from_json(condition_to_json(condition)) == condition


def test_is_active_parent_that_is_inactive_makes_children_inactive(tmp_path: Path) -> None:
    """A parent without a value is inactive, and so is everything below it."""
    text = (
        "parameters:\n  opt: [adam, sgd]\n  mom: {low: 0, high: 1, when: {opt: sgd}}\n"
        "  nest: {choices: [1, 2], when: {mom: '!= 3'}}\n"
    )
    text = text.replace("!= 3", "!= 1")
    opt, mom, nest = load(tmp_path, text).parameters
    assert is_active(opt, {})
    assert is_active(mom, {"opt": "sgd"})
    assert not is_active(mom, {"opt": "adam"})
    assert is_active(nest, {"opt": "sgd", "mom": 0})
    assert not is_active(nest, {"opt": "sgd", "mom": 1})
    assert not is_active(nest, {"opt": "adam"})
