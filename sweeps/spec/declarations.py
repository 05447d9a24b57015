"""Contradictions between declarations of hyperparameters in a model's code."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import combinations

from sweeps.spec.builds import Build
from sweeps.spec.conditions import Condition
from sweeps.spec.parameter_reading import describe_values
from sweeps.spec.parameters import Parameter


def is_same_range(one: Parameter, other: Parameter) -> bool:
    """Tell whether two declarations allow the same values; defaults and conditions aside."""
    return _range_of(one) == _range_of(other)


def find_problems(builds: Sequence[Build], in_file: Container[str]) -> Iterator[str]:
    """Describe what the code must not do, each parameter once.

    Args:
        builds: The first two were made with the same values.
        in_file: Names whose range the space file decides, whatever the code says.
    """
    told: set[str] = set()
    for name, problem in _find_all(builds):
        if name not in told and name not in in_file:
            told.add(name)
            yield problem


def _find_all(builds: Sequence[Build]) -> Iterator[tuple[str, str]]:
    built = [build for build in builds if not build.reason]
    for build in built:
        yield from _find_double(build)
    if len(builds) > 1 and not builds[0].reason:
        yield from _find_changes(builds[0], builds[1])
    yield from _find_incompatible(built)


def _find_double(build: Build) -> Iterator[tuple[str, str]]:
    """Find names declared twice with other bounds where both may be active."""
    for one, other in combinations(_list_distinct(build.declared), 2):
        if one.name == other.name and not is_same_range(one, other) and _overlap(one, other):
            told = (
                f"hyperparameter {one.name!r} is declared twice with other bounds: first "
                f"{_show(one)}, then {_show(other)}. Give one of them another name, or put each "
                "into a conditional_scope of its own."
            )
            yield one.name, told


def _find_changes(first: Build, second: Build) -> Iterator[tuple[str, str]]:
    """Compare two builds that were made with the same values."""
    hint = "build must depend on nothing but hp: no random choice, no counter, no global state."
    if second.reason:
        yield "", f"build fails when it is called again: {second.reason}. {hint}"
        return
    before, after = (_name_ranges(build) for build in (first, second))
    for name in (*before, *after):
        if before.get(name) != after.get(name):
            shown = " and then ".join(_show_all(side.get(name, [])) for side in (before, after))
            told = (
                f"hyperparameter {name!r} is declared differently by two calls of build with the "
                f"same values: {shown}. {hint}"
            )
            yield name, told
    if first.size and second.size and first.size.num_weights != second.size.num_weights:
        told = (
            "two calls of build with the same values give models of different size: "
            f"{first.size.num_weights:,} and {second.size.num_weights:,} weights. {hint}"
        )
        yield "", told


def _find_incompatible(builds: Sequence[Build]) -> Iterator[tuple[str, str]]:
    """Find names that are another kind of parameter in another build: no sampler can learn that."""
    first: dict[str, Parameter] = {}
    for parameter in (each for build in builds for each in build.declared):
        if parameter.type == "fixed":  # nothing that a sampler would learn
            continue
        other = first.setdefault(parameter.name, parameter)
        if _kind_of(other) != _kind_of(parameter):
            told = (
                f"hyperparameter {parameter.name!r} is {_show(other)} in one branch of the "
                f"code and {_show(parameter)} in another. Give one of them another name."
            )
            yield parameter.name, told


def _range_of(parameter: Parameter) -> tuple[object, ...]:
    choices = None if parameter.type == "bool" else repr(parameter.choices)
    step = parameter.step
    if parameter.type == "int" and parameter.scale == "linear" and step is None:
        step = 1
    return (
        parameter.type, parameter.low, parameter.high, step, parameter.scale, choices,
        repr(parameter.value),
    )  # fmt: skip


def _kind_of(parameter: Parameter) -> tuple[object, ...]:
    choices = repr(parameter.choices) if parameter.type == "categorical" else ""
    return (parameter.type, parameter.scale, choices)


def _list_distinct(declared: Sequence[Parameter]) -> list[Parameter]:
    return list({repr(parameter): parameter for parameter in declared}.values())


def _name_ranges(build: Build) -> dict[str, list[Parameter]]:
    found: dict[str, list[Parameter]] = {}
    for parameter in _list_distinct(build.declared):
        found.setdefault(parameter.name, []).append(parameter)
    return found


def _overlap(one: Parameter, other: Parameter) -> bool:
    """Tell whether the conditions of both can hold at the same time."""
    return not any(
        mine.parent == theirs.parent and _are_exclusive(mine, theirs)
        for mine in one.when
        for theirs in other.when
    )


def _are_exclusive(one: Condition, other: Condition) -> bool:
    return not any(value in other.values for value in one.values)


def _show_all(parameters: Sequence[Parameter]) -> str:
    return ", ".join(map(_show, parameters)) or "not at all"


def _show(parameter: Parameter) -> str:
    if parameter.type == "categorical":
        return describe_values(parameter)
    if parameter.type == "fixed":
        return f"always {parameter.value!r}"
    if parameter.type == "bool":
        return "true or false"
    kind = "a whole number" if parameter.type == "int" else "a number"
    words = describe_values(parameter).removeprefix("a number")
    scale = "" if parameter.scale == "linear" else f" on the {parameter.scale} scale"
    return f"{kind}{words}{scale}"
