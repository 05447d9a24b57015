"""Tests of `sweeps.spec.known_space`: file and code become one space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sweeps.spec.builds import Build
from sweeps.spec.conditions import Condition
from sweeps.spec.known_space import KnownParameter, KnownSpace, merge_space
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter

KIND = Parameter("kind", "categorical", choices=("wide", "deep"), default="wide")
UNITS = Parameter("units", "int", low=8, high=64, step=8)
DEEP = Condition("kind", "in", ("deep",))
LAYERS = Parameter("layers", "int", low=1, high=4, when=(DEEP,))
RATE = Parameter("rate", "float", low=1e-3, high=1e-1, scale="log")
WIDE_BUILD: Mapping[str, Any] = {"kind": "wide", "units": 8}
DEEP_BUILD: Mapping[str, Any] = {"kind": "deep", "units": 8}


def merge(*builds: Build, parameters: tuple[Parameter, ...] = (), **options: Any) -> KnownSpace:
    spec = SweepSpec(
        name="a",
        model="m.py:build",
        data="m.py:load",
        objective={"metric": "val_loss", "direction": "minimize"},
        **options,
    )
    return merge_space(spec.model_copy(update={"parameters": parameters}), builds)


def only(space: KnownSpace, name: str) -> KnownParameter:
    [found] = [item for item in space.known if item.parameter.name == name]
    return found


def test_merge_what_every_build_declares_is_proposed_with_its_conditions() -> None:
    """Conditional scopes are conditions like those of the file, in the order of declaration."""
    declared = (KIND, LAYERS, UNITS)
    space = merge(Build(WIDE_BUILD, declared), Build(DEEP_BUILD, declared))
    assert space.parameters == (KIND, LAYERS, UNITS)
    assert space.is_whole


def test_merge_scope_that_is_only_entered_where_it_is_active_is_one_too() -> None:
    """KerasTuner's guide declares inside an 'if' inside the scope."""
    space = merge(Build(WIDE_BUILD, (KIND,)), Build(DEEP_BUILD, (KIND, LAYERS)))
    assert only(space, "layers") == KnownParameter(LAYERS)


def test_merge_plain_if_stays_with_the_code() -> None:
    """Without a scope nobody knows the condition; the values it was found with are a hint."""
    found = merge(Build(WIDE_BUILD, (KIND, UNITS)), Build(DEEP_BUILD, (KIND, RATE)))
    assert found.parameters == (KIND,)
    rate, units = only(found, "rate"), only(found, "units")
    assert (rate.is_joint, rate.found_with, rate.missing_with) == (False, {"kind": "deep"}, {})
    assert (units.is_joint, units.found_with, units.missing_with) == (False, {}, {"kind": "deep"})
    assert not found.is_whole


def test_merge_condition_on_what_the_code_asks_for_late_is_late_too() -> None:
    """A child cannot be proposed before its parent."""
    momentum = Parameter("momentum", "bool", when=(Condition("rate", "in", (0.1,)),))
    found = merge(Build(WIDE_BUILD, (KIND,)), Build(DEEP_BUILD, (KIND, RATE, momentum)))
    assert found.parameters == (KIND,)


def test_merge_range_that_depends_on_other_values_is_late() -> None:
    """Bounds that change from build to build are those of the moment."""
    found = merge(
        Build(WIDE_BUILD, (KIND, UNITS)), Build(DEEP_BUILD, (KIND, replace(UNITS, high=32)))
    )
    assert not only(found, "units").is_joint


def test_merge_one_name_in_two_scopes_is_active_in_both() -> None:
    """Alike under several values of one parent: one parameter with all of them."""
    rate = (
        replace(RATE, when=(replace(DEEP, values=("wide",)),)),
        replace(RATE, when=(DEEP,)),
    )
    declared = (KIND, *rate)
    space = merge(Build(WIDE_BUILD, declared), Build(DEEP_BUILD, declared))
    assert only(space, "rate").parameter.when == (Condition("kind", "in", ("wide", "deep")),)
    other = (KIND, rate[0], replace(rate[1], high=1.0))
    assert not only(merge(Build(WIDE_BUILD, other), Build(DEEP_BUILD, other)), "rate").is_joint


def test_merge_unconditional_once_is_unconditional() -> None:
    """A scope around a second declaration takes nothing away from the first."""
    declared = (KIND, UNITS, replace(UNITS, when=(DEEP,)))
    assert only(merge(Build(WIDE_BUILD, declared)), "units") == KnownParameter(UNITS)


@pytest.mark.parametrize(
    ("mine", "relation"),
    [
        (UNITS, "same"),
        (replace(UNITS, default=16), "same"),
        (Parameter("units", "int", low=16, high=32, step=8), "narrowed"),
        (Parameter("units", "categorical", choices=(8, 64)), "narrowed"),
        (Parameter("units", "fixed", value=24), "fixed"),
        (Parameter("units", "fixed", value=25), "widened"),
        (Parameter("units", "int", low=8, high=128, step=8), "widened"),
        (Parameter("units", "int", low=8, high=64), "widened"),
        (Parameter("units", "float", low=8.0, high=9.0), "widened"),
    ],
)
def test_merge_file_wins_and_its_relation_to_the_code_is_known(
    mine: Parameter, relation: str
) -> None:
    """Narrowed, fixed or widened: what stands in the file is what is proposed."""
    space = merge(Build({"units": 8}, (UNITS,)), parameters=(mine,))
    assert space.known == (KnownParameter(mine, in_file=True, relation=relation),)  # type: ignore[arg-type]


def test_merge_file_keeps_the_conditions_of_the_code() -> None:
    """To narrow a range does not make it active elsewhere; a condition of the file's own does."""
    mine = Parameter("layers", "int", low=2, high=3)
    builds = (Build(WIDE_BUILD, (KIND, LAYERS)), Build(DEEP_BUILD, (KIND, LAYERS)))
    space = merge(*builds, parameters=(mine,))
    assert only(space, "layers").parameter == replace(mine, when=(DEEP,))
    own = replace(mine, when=(Condition("units", ">", (8,)),))
    space = merge(*builds, parameters=(UNITS, own))
    assert only(space, "layers").parameter == own


def test_merge_file_can_close_a_branch_of_the_code() -> None:
    """With the parent fixed, what hangs on its other values never becomes active."""
    fixed = Parameter("kind", "fixed", value="wide")
    build = Build({"kind": "wide"}, (KIND, LAYERS, UNITS))
    space = merge(build, parameters=(fixed, Parameter("layers", "int", low=2, high=3)))
    assert space.parameters == (fixed, UNITS)
    assert only(space, "layers").is_never_active
    space = merge(build, parameters=(fixed,))
    assert only(space, "layers").is_never_active
    assert space.is_whole


def test_merge_writes_conditions_as_keras_tuner_compares() -> None:
    """To KerasTuner True is 1; to the file it is not, so the value of the parent stands."""
    flag = Parameter("flag", "categorical", choices=(1, 0))
    child = replace(UNITS, when=(Condition("flag", "in", (True,)),))
    space = merge(Build({"flag": 1, "units": 8}, (flag, child)))
    assert repr(only(space, "units").parameter.when[0].values) == "(1,)"


def test_merge_unread_parameters_of_the_file_are_named() -> None:
    """Nobody declares, gets, or depends on them; the training reads two names by itself."""
    names = ("units", "gotten", "typo", "batch_size", "epochs", "parent", "limited")
    parameters = tuple(Parameter(name, "fixed", value=1) for name in names)
    child = replace(UNITS, when=(Condition("parent", "in", (1,)),))
    build = Build({}, (UNITS,), read=frozenset({"gotten"}))
    options = {"parameters": (*parameters[1:], child), "constraints": ("limited * units < 3",)}
    assert merge(build, **options).unread == ("typo",)
    # A fit of the user's own may read anything.
    assert merge(replace(build, reads_later=True), **options).unread == ()


def test_merge_of_failed_builds_is_the_file() -> None:
    """Code that cannot be built tells nothing."""
    space = merge(Build(reason="no"), parameters=(UNITS,))
    assert space == KnownSpace((KnownParameter(UNITS, in_file=True, in_code=False),))
