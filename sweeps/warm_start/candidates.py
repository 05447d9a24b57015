"""Parameters that somebody knows to be good, and whether a sweep can try them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sweeps.errors import OptionError, Problem, SpecError
from sweeps.menu import suggest_name
from sweeps.spec.conditions import Condition, Scalar, holds, is_same
from sweeps.spec.constraints import check_constraints, parse_constraint
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameter_reading import describe_values
from sweeps.spec.parameters import Parameter, contains


@dataclass(frozen=True)
class Candidate:
    """Values of parameters that are to be tried. What they do not name is proposed as always.

    Attributes:
        values: Value by name of parameter.
        where: Where they come from: ``good.yaml:3``, ``--set`` or ``trial 0007 of results/mnist``.
    """

    values: Mapping[str, Scalar]
    where: str


@dataclass(frozen=True)
class Selection:
    """What was chosen from the best trials of another sweep.

    Attributes:
        candidates: To be tried, best first.
        remarks: One sentence for each better one that cannot be tried, with the reason.
    """

    candidates: tuple[Candidate, ...]
    remarks: tuple[str, ...] = ()


def check_candidates(spec: SweepSpec, candidates: Iterable[Candidate]) -> None:
    """Check that a sweep can try every candidate.

    Names that the spec does not have are left to the model's code, which may declare them.

    Raises:
        SpecError: All mistakes, each with the place of its candidate.
    """
    problems = [problem for candidate in candidates for problem in find_problems(spec, candidate)]
    if problems:
        raise SpecError(problems)


def find_problems(spec: SweepSpec, candidate: Candidate) -> list[Problem]:
    """List why a sweep cannot try a candidate."""
    values, declared = candidate.values, {item.name: item for item in spec.parameters}
    problems = [
        Problem(candidate.where, name, f"got {value!r}; expected {describe_values(declared[name])}")
        for name, value in values.items()
        if name in declared and not contains(declared[name], value)
    ]
    problems += [
        Problem(candidate.where, name, message)
        for name in values
        if name in declared and (message := _find_inactive(declared[name], values))
    ]
    if not values:
        problems.append(Problem(candidate.where, "", "there are no values; expected name=value"))
    if not problems:
        broken = check_constraints(tuple(map(parse_constraint, spec.constraints)), values)
        problems = [
            Problem(candidate.where, "", f"breaks the constraint {text!r}") for text in broken
        ]
    return problems


def find_unknown(
    spec: SweepSpec, candidates: Iterable[Candidate], tried: Collection[str]
) -> list[str]:
    """Remark names that neither the spec nor an earlier trial has, each where it stands first.

    Args:
        spec: The sweep's spec.
        candidates: What is to be tried.
        tried: Names of parameters that earlier trials had; those of the code among them.
    """
    known = [*(parameter.name for parameter in spec.parameters), *tried]
    places: dict[str, str] = {}
    for candidate in candidates:
        for name in candidate.values:
            places.setdefault(name, candidate.where)
    return [
        f"{where}: {name}: no parameter of the space file"
        f"{' or of an earlier trial' if tried else ''}; it is ignored unless the model's code "
        f"declares it.{suggest_name(name, known)}"
        for name, where in places.items()
        if name not in known
    ]


def select_candidates(
    spec: SweepSpec,
    ranked: Sequence[Candidate],
    *,
    top: int,
    tried: Sequence[Mapping[str, Scalar]] = (),
) -> Selection:
    """Choose the best candidates that a sweep can try and that it has not tried yet.

    Args:
        spec: The sweep that is to try them.
        ranked: Best first.
        top: How many to choose at most.
        tried: Values of the trials that the sweep has already.

    Raises:
        OptionError: None of them can be tried.
    """
    chosen: list[Candidate] = []
    remarks: list[str] = []
    for found in ranked:
        candidate = _drop_inactive(spec, found)
        problems = find_problems(spec, candidate)
        known = [*tried, *(other.values for other in chosen)]
        if problems:
            remarks.append("left out: " + "; ".join(map(str, problems)))
        elif any(_is_part(candidate.values, values) for values in known):
            remarks.append(f"left out: {candidate.where}: these values are tried already")
        else:
            chosen.append(candidate)
        if len(chosen) == top:
            break
    if not chosen:
        raise OptionError("\n".join([*remarks, "nothing to enqueue: no trial fits this sweep."]))
    return Selection(tuple(chosen), tuple(remarks))


def _find_inactive(parameter: Parameter, values: Mapping[str, Scalar]) -> str:
    """Say why a parameter does not exist beside these values; nothing where it may."""
    for condition in parameter.when:
        if condition.parent in values and not holds(condition, values[condition.parent]):
            given = f"{condition.parent} is {values[condition.parent]!r}"
            return f"exists only when {_show(condition)}; {given}"
    return ""


def _show(condition: Condition) -> str:
    if condition.op == "in" and len(condition.values) == 1:
        return f"{condition.parent} is {condition.values[0]!r}"
    return str(condition)


def _drop_inactive(spec: SweepSpec, candidate: Candidate) -> Candidate:
    """Drop what does not exist beside the other values here, such as where a condition is new."""
    declared = {item.name: item for item in spec.parameters}
    kept = {
        name: value
        for name, value in candidate.values.items()
        if name not in declared or not _find_inactive(declared[name], candidate.values)
    }
    return Candidate(kept, candidate.where)


def _is_part(values: Mapping[str, Scalar], others: Mapping[str, Scalar]) -> bool:
    return all(name in others and is_same(value, others[name]) for name, value in values.items())
