"""Tests of `sweeps.spec.declarations`: contradictions in the code of a model."""

from __future__ import annotations

from dataclasses import replace

from sweeps.spec.builds import Build, ModelSize
from sweeps.spec.conditions import Condition
from sweeps.spec.declarations import find_problems
from sweeps.spec.parameters import Parameter

UNITS = Parameter("units", "int", low=8, high=32, step=8)
WIDER = replace(UNITS, high=64)
ADAM, SGD = (Condition("optimizer", "in", (name,)) for name in ("adam", "sgd"))


def find(*builds: Build, in_file: tuple[str, ...] = ()) -> list[str]:
    return list(find_problems(builds, in_file))


def test_declared_twice_with_other_bounds_is_told_by_name() -> None:
    """KeyError of tomorrow: KerasTuner silently keeps the first of two ranges."""
    build = Build(declared=(UNITS, WIDER))
    assert find(build, build) == [
        "hyperparameter 'units' is declared twice with other bounds: first a whole number from 8 "
        "to 32, in steps of 8, then a whole number from 8 to 64, in steps of 8. Give one of them "
        "another name, or put each into a conditional_scope of its own."
    ]


def test_declared_twice_alike_or_apart_is_none() -> None:
    """Other defaults are no other bounds, and branches that exclude each other may differ."""
    again = replace(UNITS, default=16)
    apart = (replace(UNITS, when=(ADAM,)), replace(WIDER, when=(SGD,)))
    assert find(Build(declared=(UNITS, again, UNITS))) == []
    assert find(Build(declared=apart)) == []
    overlapping = (UNITS, replace(WIDER, when=(SGD,)))
    assert len(find(Build(declared=overlapping))) == 1


def test_declared_twice_is_the_files_business_where_it_names_the_parameter() -> None:
    """The space file decides the range, whatever the code says."""
    assert find(Build(declared=(UNITS, WIDER)), in_file=("units",)) == []


def test_two_calls_that_declare_otherwise_are_told() -> None:
    """A build must be a function of its hyperparameters."""
    first, second = Build(declared=(UNITS,)), Build(declared=(WIDER,))
    [problem] = find(first, second)
    assert problem.startswith(
        "hyperparameter 'units' is declared differently by two calls of build with the same "
        "values: a whole number from 8 to 32, in steps of 8 and then a whole number from 8 to 64"
    )
    [problem] = find(first, Build())
    assert "in steps of 8 and then not at all. build must depend on nothing but hp" in problem


def test_two_calls_of_different_size_or_outcome_are_told() -> None:
    """A random architecture is found although it declares nothing."""
    small, large = Build(size=ModelSize(10)), Build(size=ModelSize(20))
    [problem] = find(small, large)
    assert "models of different size: 10 and 20 weights" in problem
    [problem] = find(small, Build(reason="NameError: no"))
    assert problem.startswith("build fails when it is called again: NameError: no.")
    assert find(small, small, large) == []  # the third has other values


def test_another_kind_in_another_branch_is_told() -> None:
    """No sampler can learn from a name that is a number here and a word there."""
    words = Parameter("units", "categorical", choices=("few", "many"))
    [problem] = find(Build(declared=(UNITS,)), Build(declared=(UNITS,)), Build(declared=(words,)))
    assert "in one branch of the code and one of 'few', 'many' in another" in problem
    fixed = Parameter("units", "fixed", value=3)
    assert find(Build(declared=(UNITS,)), Build(declared=(UNITS,)), Build(declared=(fixed,))) == []
    assert find(Build(declared=(UNITS,)), Build(declared=(UNITS,)), Build(declared=(WIDER,))) == []
