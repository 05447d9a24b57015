"""Tests of `sweeps.spec.exploration`: which models are built to know the space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sweeps.spec.builds import Build, ModelSize, pick_value
from sweeps.spec.conditions import Condition
from sweeps.spec.exploration import Attempt, Explorer, describe_attempt
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter, contains

KIND = Parameter("kind", "categorical", choices=("wide", "deep", "round"))
LAYERS = Parameter("layers", "int", low=1, high=3)

Program = Callable[[Callable[[Parameter], Any]], None]
"""Code of a model: asks for parameters one by one."""


def explore(program: Program, *, max_builds: int = 64, **fields: Any) -> Explorer:
    parameters = fields.pop("parameters", ())
    spec = SweepSpec(
        name="a",
        model="m.py:build",
        data="m.py:load",
        objective={"metric": "val_loss", "direction": "minimize"},
        **fields,
    ).model_copy(update={"parameters": parameters})
    explorer = Explorer(spec, max_builds=max_builds)
    while (attempt := explorer.next()) is not None:
        explorer.note(attempt, build(program, explorer, attempt))
    return explorer


def build(program: Program, explorer: Explorer, attempt: Attempt) -> Build:
    values = explorer.values_for(attempt)
    declared: list[Parameter] = []
    inactive: list[tuple[Condition, ...]] = []

    def ask(parameter: Parameter) -> Any:
        declared.append(parameter)
        if not all(values.get(one.parent) in one.values for one in parameter.when):
            inactive.append(parameter.when)
            return None
        answer = attempt.answers.get(parameter.name)
        if parameter.name not in values:
            is_answer = parameter.name in attempt.answers and contains(parameter, answer)
            values[parameter.name] = answer if is_answer else pick_value(parameter, attempt.numbers)
        return values[parameter.name]

    try:
        program(ask)
    except ValueError as error:
        return Build(values, reason=str(error))
    weights = sum(value for value in values.values() if isinstance(value, int))
    return Build(values, tuple(declared), tuple(inactive), frozenset(), ModelSize(weights))


def names_seen(explorer: Explorer) -> set[str]:
    return {parameter.name for one in explorer.builds for parameter in one.declared}


def test_explore_begins_with_defaults_twice() -> None:
    """The first two builds are alike: a difference between them is a mistake of the code."""
    explorer = explore(lambda ask: ask(LAYERS))
    assert [dict(one.values) for one in explorer.builds] == [
        {"layers": 1}, {"layers": 1}, {"layers": 1}, {"layers": 3},
    ]  # fmt: skip


def test_explore_finds_what_stands_behind_a_plain_if() -> None:
    """Each value of a choice is tried, and what it opens is explored in turn."""

    def program(ask: Any) -> None:
        if ask(KIND) == "deep" and ask(Parameter("extra", "bool")):
            ask(Parameter("hidden", "int", low=1, high=2))

    assert names_seen(explore(program)) == {"kind", "extra", "hidden"}


def test_explore_finds_what_a_loop_declares() -> None:
    """All numbers at their largest: every turn of every loop."""

    def program(ask: Any) -> None:
        for index in range(ask(LAYERS)):
            ask(Parameter(f"units_{index}", "int", low=1, high=9))

    assert names_seen(explore(program)) == {"layers", "units_0", "units_1", "units_2"}


def test_explore_opens_scopes_that_hang_on_numbers() -> None:
    """As KerasTuner does: a value that activates the scope is tried."""
    size = Parameter("size", "int", low=0, high=10, default=5)

    def program(ask: Any) -> None:
        ask(size)
        scope = (Condition("size", "in", (7, 8)),)
        if ask(Parameter("inner", "bool", when=scope)) is not None:
            ask(Parameter("innermost", "bool"))

    explorer = explore(program)
    assert "innermost" in names_seen(explorer)
    assert 7 in [one.values["size"] for one in explorer.builds]


def test_explore_keeps_to_the_file() -> None:
    """What the file fixes is not tried otherwise, and its own choices are."""

    def program(ask: Any) -> None:
        ask(KIND)

    fixed = explore(program, parameters=(Parameter("kind", "fixed", value="wide"),))
    assert {one.values["kind"] for one in fixed.builds} == {"wide"}
    assert len(fixed.builds) == 4
    scope = (Condition("kind", "in", ("deep",)),)
    closed = Parameter("inner", "bool", when=scope)
    explorer = explore(
        lambda ask: ask(closed), parameters=(Parameter("kind", "fixed", value="wide"),)
    )
    assert len(explorer.builds) == 4
    narrowed = Parameter("kind", "categorical", choices=("wide", "square"))
    tried = [one.values["kind"] for one in explore(program, parameters=(narrowed,)).builds]
    assert sorted(set(tried)) == ["square", "wide"]


def test_explore_conditions_of_the_file_on_the_code_hold() -> None:
    """A parameter of the file is there in those builds in which it will be in a trial."""
    momentum = Parameter("momentum", "bool", when=(Condition("kind", "in", ("deep",)),))
    explorer = explore(lambda ask: ask(KIND), parameters=(momentum,))
    # Before the first build nobody knows whether the code declares `kind`.
    assert "momentum" in explorer.builds[0].values
    with_momentum = {one.values["kind"] for one in explorer.builds[1:] if "momentum" in one.values}
    assert with_momentum == {"deep"}


def test_explore_builds_nothing_that_the_constraints_forbid() -> None:
    """A corner of the space that no trial will see may be too large to build."""
    width = Parameter("width", "int", low=1, high=1000)

    def program(ask: Any) -> None:
        ask(width), ask(LAYERS)

    explorer = explore(program, constraints=("width * layers <= 100",))
    assert all(one.values["width"] * one.values["layers"] <= 100 for one in explorer.builds)
    assert explorer.list_feasible() == explorer.builds


def test_explore_puts_the_ends_together() -> None:
    """The largest model has each choice that makes models larger and all numbers at their end."""
    size, shape = (
        Parameter(name, "categorical", choices=("m", "s", "l"), default="m")
        for name in ("size", "shape")
    )
    weights = {"s": 1, "m": 10, "l": 100}

    def program(ask: Any) -> None:
        for parameter in (size, shape):
            ask(Parameter(f"{parameter.name}_base", "fixed", value=weights[ask(parameter)]))
        ask(replace(LAYERS, default=2))

    by_weights = sorted(explore(program).builds, key=lambda one: one.size.num_weights)  # type: ignore[union-attr]
    ends = [(one.values["size"], one.values["shape"], one.values["layers"]) for one in by_weights]
    assert (ends[0], ends[-1]) == (("s", "s", 1), ("l", "l", 3))


def test_explore_failed_build_stops_nothing_but_the_first() -> None:
    """One bad value is noted and the others are tried; without a default there is nothing."""

    def program(ask: Any) -> None:
        if ask(KIND) == "deep":
            raise ValueError("no")

    explorer = explore(program)
    assert [one.reason for one in explorer.builds].count("no") == 1
    assert explorer.builds[-1].values != {}

    def broken(ask: Any) -> None:
        raise ValueError("never")

    assert len(explore(broken).builds) == 1


def test_explore_is_bounded() -> None:
    """So many builds and no more; it is said that something was left out."""

    def program(ask: Any) -> None:
        for index in range(20):
            ask(Parameter(f"choice_{index}", "categorical", choices=tuple(range(10))))

    explorer = explore(program, max_builds=9)
    assert len(explorer.builds) == 9
    assert explorer.cut == "stopped after 9 builds"
    assert explore(lambda ask: ask(KIND)).cut == ""


def test_describe_attempt() -> None:
    """What a person reads of values that gave no model."""
    assert describe_attempt(Attempt()) == "default values"
    assert describe_attempt(Attempt({"a": 1}, "high")) == "a = 1 and every number at its high end"
