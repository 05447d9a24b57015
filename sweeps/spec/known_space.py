"""The space that is known before training: what the file says and what the code declares, merged.

A parameter that the code declares in every build (or in every build in which its conditional scopes
are active) is proposed together with those of the file. One that only some builds ask for, because
of an ``if`` or a loop in the code, stays with the code: it is proposed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sweeps.spec.builds import Build
from sweeps.spec.conditions import Condition, Scalar, is_same
from sweeps.spec.declarations import find_problems, is_same_range
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter, contains, num_values, values_of

Relation = Literal["", "same", "narrowed", "fixed", "widened"]

READ_BY_TRAINING = ("batch_size", "epochs")
"""Parameters of these names need nobody else who reads them."""


@dataclass(frozen=True)
class KnownParameter:
    """One parameter of the space, from the file, the code or both.

    Attributes:
        parameter: Its range, with all its conditions.
        in_file: The space file names it.
        in_code: The model's code declares it.
        relation: What the file made of the code's range; empty unless both have one.
        is_joint: It is proposed before the model is built. The others are when the code asks.
        found_with: For those others: values that differ from the defaults where it was found.
        missing_with: For those others: likewise, where it was not found.
        is_never_active: No trial will ever have it.
    """

    parameter: Parameter
    in_file: bool = False
    in_code: bool = True
    relation: Relation = ""
    is_joint: bool = True
    found_with: Mapping[str, Scalar] = field(default_factory=dict)
    missing_with: Mapping[str, Scalar] = field(default_factory=dict)
    is_never_active: bool = False


@dataclass(frozen=True)
class KnownSpace:
    """All that is known of the space before training.

    Attributes:
        known: Parameters: those of the file first, then the code's in the order of declaration.
        unread: Parameters of the file that nothing reads.
        problems: Contradictions in the code, one sentence each.
    """

    known: tuple[KnownParameter, ...] = ()
    unread: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that are proposed together."""
        return tuple(item.parameter for item in self.known if item.is_joint)

    @property
    def is_whole(self) -> bool:
        """Tell whether every parameter that a trial can have is proposed before it is built."""
        return all(item.is_joint or item.is_never_active for item in self.known)


def merge_space(spec: SweepSpec, builds: Sequence[Build]) -> KnownSpace:
    """Merge the parameters of the file with those that builds of the model declared.

    Args:
        spec: What the file says; it wins over the code.
        builds: Builds in the order in which they were made, the default one first. Failed ones
            tell nothing.
    """
    built = [build for build in builds if not build.reason]
    if not built:
        return KnownSpace(tuple(KnownParameter(each, True, False) for each in spec.parameters))
    declared = _gather(built)
    in_file = {parameter.name: parameter for parameter in spec.parameters}
    merged: dict[str, KnownParameter] = {}
    known = _Known(in_file, declared, merged)
    for name, versions in declared.items():
        if name not in in_file:
            merged[name] = _merge_code(name, versions, known, built)
    files = [
        _merge_file(parameter, declared.get(name, []), known, built)
        for name, parameter in in_file.items()
    ]
    return KnownSpace(
        (*files, *merged.values()),
        tuple(_find_unread(spec, declared, built)),
        tuple(find_problems(builds, in_file)),
    )


@dataclass(frozen=True)
class _Known:
    in_file: Mapping[str, Parameter]
    declared: Mapping[str, list[Parameter]]
    merged: Mapping[str, KnownParameter]

    def find_parent(self, name: str) -> Parameter | None:
        """Find a parent that is proposed together with others; parents are declared first."""
        if name in self.in_file:
            return self.in_file[name]
        item = self.merged.get(name)
        return item.parameter if item and item.is_joint else None


def _gather(builds: Iterable[Build]) -> dict[str, list[Parameter]]:
    """List the different declarations of each name."""
    found: dict[str, list[Parameter]] = {}
    for build in builds:
        for parameter in build.declared:
            versions = found.setdefault(parameter.name, [])
            if not any(
                one.when == parameter.when and is_same_range(one, parameter) for one in versions
            ):
                versions.append(parameter)
    return found


def _merge_file(
    parameter: Parameter, versions: list[Parameter], known: _Known, builds: Sequence[Build]
) -> KnownParameter:
    if not versions:
        return KnownParameter(parameter, in_file=True, in_code=False)
    relation = _relate(parameter, versions[0])
    if parameter.when:
        return KnownParameter(parameter, in_file=True, relation=relation)
    # The file says nothing of conditions: those of the code stay.
    when = _resolve_all(_unite(versions), known)
    if not when or not _is_always_declared(parameter.name, _unite(versions) or (), builds):
        return KnownParameter(parameter, in_file=True, relation=relation)
    if not all(condition.values for condition in when):
        return KnownParameter(parameter, True, True, relation, False, is_never_active=True)
    return KnownParameter(replace(parameter, when=when), in_file=True, relation=relation)


def _merge_code(
    name: str, versions: list[Parameter], known: _Known, builds: Sequence[Build]
) -> KnownParameter:
    first, when = versions[0], _unite(versions)
    resolved = _resolve_all(when, known)
    if resolved is not None and not all(condition.values for condition in resolved):
        return KnownParameter(first, is_joint=False, is_never_active=True)
    is_clear = all(is_same_range(one, first) for one in versions)
    if resolved is None or not is_clear or not _is_always_declared(name, when or (), builds):
        return KnownParameter(
            first,
            is_joint=False,
            found_with=_find_differences(builds, name, has=True),
            missing_with=_find_differences(builds, name, has=False),
        )
    return KnownParameter(replace(first, when=resolved))


def _resolve_all(when: tuple[Condition, ...] | None, known: _Known) -> tuple[Condition, ...] | None:
    """Write conditions with their parents' own values; None where a parent is not proposed."""
    resolved = []
    for condition in when if when is not None else ():
        parent = known.find_parent(condition.parent)
        if parent is None:
            return None
        resolved.append(_resolve(condition, parent))
    return None if when is None else tuple(resolved)


def _unite(versions: Sequence[Parameter]) -> tuple[Condition, ...] | None:
    """Find one list of conditions that says the same as several; None where there is none."""
    whens = [version.when for version in versions]
    if not all(whens):
        return ()
    first = whens[0]
    for other in whens[1:]:
        pairs = zip(first, other, strict=False)
        differing = [index for index, (one, two) in enumerate(pairs) if one != two]
        if len(first) != len(other) or len(differing) > 1:
            return None
        if differing:
            united = _unite_two(first[differing[0]], other[differing[0]])
            if united is None:
                return None
            first = (*first[: differing[0]], united, *first[differing[0] + 1 :])
    return first


def _unite_two(one: Condition, other: Condition) -> Condition | None:
    if one.parent != other.parent:
        return None
    added = [value for value in other.values if not any(is_same(value, v) for v in one.values)]
    return replace(one, values=(*one.values, *added))


def _is_always_declared(name: str, when: tuple[Condition, ...], builds: Iterable[Build]) -> bool:
    """Tell whether every build in which the conditions hold has declared the parameter."""
    candidate = Parameter(name, "fixed", when=when)
    return all(
        any(one.name == name for one in build.declared)
        for build in builds
        if _holds_in_code(candidate, build.values)
    )


def _holds_in_code(parameter: Parameter, values: Mapping[str, Scalar]) -> bool:
    """Tell whether conditions hold as KerasTuner compares: 1, 1.0 and True are equal."""
    return all(
        condition.parent in values and values[condition.parent] in condition.values
        for condition in parameter.when
    )


def _resolve(condition: Condition, parent: Parameter) -> Condition:
    """Write a condition with the parent's own values, as KerasTuner compares them."""
    values = values_of(parent)
    if values is None:
        kept = tuple(value for value in condition.values if contains(parent, value))
    else:
        kept = tuple(value for value in values if value in condition.values)
    return replace(condition, values=kept)


def _find_differences(builds: Sequence[Build], name: str, *, has: bool) -> dict[str, Scalar]:
    """Find the fewest values, other than the defaults, with which a name was declared, or not."""
    default = builds[0].values
    differences = [
        {
            other: build.values[other]
            for other in _list_known_before(build, name)
            if other in default and not is_same(build.values[other], default[other])
        }
        for build in builds
        if has == any(one.name == name for one in build.declared)
    ]
    return min(differences, key=len, default={})


def _list_known_before(build: Build, name: str) -> list[str]:
    """List the names on which a declaration can depend: those declared before it, or read."""
    names = [parameter.name for parameter in build.declared]
    before = names[: names.index(name)] if name in names else names
    known = (*build.read.difference(names), *before)
    return [other for other in dict.fromkeys(known) if other in build.values]


def _relate(mine: Parameter, code: Parameter) -> Relation:
    """Say what the file made of a range that the code declares."""
    if mine.type == "fixed" and code.type != "fixed":
        return "fixed" if contains(code, mine.value) else "widened"
    if is_same_range(mine, code):
        return "same"
    return "narrowed" if _lies_within(mine, code) else "widened"


def _lies_within(mine: Parameter, code: Parameter) -> bool:
    values = values_of(mine)
    if values is not None:
        return all(contains(code, value) for value in values)
    if code.type not in ("int", "float") or num_values(code) is not None:
        return False
    (low, high), (code_low, code_high) = mine.bounds, code.bounds
    return code_low <= low and high <= code_high


def _find_unread(
    spec: SweepSpec, declared: Mapping[str, list[Parameter]], builds: Sequence[Build]
) -> Iterable[str]:
    """Name the parameters of the file that neither code, conditions nor constraints look at."""
    if any(build.reads_later for build in builds):
        return
    read = set(declared).union(*(build.read for build in builds))
    read |= {condition.parent for parameter in spec.parameters for condition in parameter.when}
    for parameter in spec.parameters:
        name = parameter.name
        is_used = name in read or any(name in text for text in spec.constraints)
        if not is_used and name not in READ_BY_TRAINING:
            yield name
