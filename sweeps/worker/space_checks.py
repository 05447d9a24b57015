"""Mistakes that show only when file and code are seen together."""

from __future__ import annotations

from collections.abc import Iterator

from sweeps.errors import Problem, SpecError
from sweeps.search.samplers import SAMPLERS
from sweeps.search.samplers._base import ChoosySampler
from sweeps.spec.constraints import parse_constraint
from sweeps.spec.known_space import KnownSpace
from sweeps.spec.load import find_place
from sweeps.spec.model import SweepSpec
from sweeps.spec.nodes import Node
from sweeps.spec.ordering import check_conditions, check_parents
from sweeps.spec.parameters import Parameter


def find_space_problems(spec: SweepSpec, space: KnownSpace, place: str) -> list[Problem]:
    """Find contradictions in the code, between file and code, and to what the sampler can do.

    Args:
        spec: What the file says.
        space: The parameters of file and code.
        place: The space file.
    """
    problems = [Problem(place, "model", problem) for problem in space.problems]
    problems += _find_wrong_conditions(space, place)
    problems += _find_wrong_constraints(spec, space, place)
    if not problems:
        where = find_place(place, ["sampler"])
        problems += [Problem(where, "sampler", told) for told in _ask_sampler(spec, space)]
    return problems


def _find_wrong_conditions(space: KnownSpace, place: str) -> list[Problem]:
    section = Node({each.name: _locate(each, place) for each in space.parameters}, place)
    late = [
        section.value[item.parameter.name].value["when"].problem(told)
        for item in space.known
        for condition in item.parameter.when
        if item.is_joint and (told := _explain_late(condition.parent, space))
    ]
    if late:
        return late
    try:
        check_parents(space.parameters, section)
        check_conditions(space.parameters, section)
    except SpecError as error:
        return list(error.problems)
    return []


def _find_wrong_constraints(spec: SweepSpec, space: KnownSpace, place: str) -> Iterator[Problem]:
    where = find_place(place, ["constraints"]) if spec.constraints else place
    for text in spec.constraints:
        names = sorted(parse_constraint(text).names)
        told = next(filter(None, (_explain_late(name, space) for name in names)), "")
        try:
            if not told:
                parse_constraint(text, parameters=space.parameters)
        except ValueError as error:
            told = str(error)
        if told:
            yield Problem(where, "constraints", f"{text!r}: {told}")


def _ask_sampler(spec: SweepSpec, space: KnownSpace) -> Iterator[str]:
    member = SAMPLERS.load(spec.sampler.name)
    if isinstance(member, ChoosySampler):
        yield from member.check_space(member.Options(**spec.sampler.options), space)  # type: ignore[attr-defined]


def _explain_late(name: str, space: KnownSpace) -> str:
    """Say why a known parameter has no value yet where others depend on it; empty where it has."""
    for item in space.known:
        if item.parameter.name == name and item.is_never_active:
            return f"the parameter {name!r} is never active, so nothing can depend on it."
        if item.parameter.name == name and not item.is_joint:
            return (
                f"the code asks for {name!r} in some builds only, so it has no value before. "
                "Name it in the space file, or put it into hp.conditional_scope."
            )
    return ""


def _locate(parameter: Parameter, place: str) -> Node:
    if not parameter.when:
        return Node({}, place)
    path = ("parameters", parameter.name)
    where = find_place(place, (*path, "when"))
    return Node({"when": Node(None, where, (*path, "when"))}, where, path)
