"""Which models to build, so that every branch of the code is seen that a choice opens.

As KerasTuner does, the model is built with defaults and then with values that activate each
conditional scope. Besides, each value of each choice is tried once, which finds what stands behind
a plain ``if``; and all numbers at their smallest and largest, which finds what a loop declares and
how small and large models are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sweeps.spec.builds import Build, Numbers, pick_value
from sweeps.spec.conditions import Condition, Scalar, is_active, is_number
from sweeps.spec.constraints import check_constraints, parse_constraint
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter, contains

MAX_BUILDS = 64
MAX_CHOICES = 16
"""More values of one choice are not tried."""


@dataclass(frozen=True)
class Attempt:
    """With which values to build.

    Attributes:
        answers: Values that differ from the defaults, by name.
        numbers: Which value all numbers get that `answers` does not name.
    """

    answers: Mapping[str, Scalar] = field(default_factory=dict)
    numbers: Numbers = "default"


class Explorer:
    """Decides what to build next from what the builds so far declared.

    Args:
        spec: What the space file says.
        max_builds: How many builds there are at most.

    Attributes:
        builds: All builds so far, failed ones included; the first two had the same values.
        cut: Why not everything was tried; empty where it was.
    """

    def __init__(self, spec: SweepSpec, *, max_builds: int = MAX_BUILDS) -> None:
        self._file = spec.parameters
        self._constraints = tuple(map(parse_constraint, spec.constraints))
        self._max_builds = max_builds
        self._queue = deque([Attempt(), Attempt(), Attempt(numbers="low"), Attempt(numbers="high")])
        self._attempts: list[Attempt] = []
        self._seen: set[str] = set()
        self._declared: dict[str, Parameter] = {}
        self._stages = [self._add_large, self._add_ends]
        self.builds: list[Build] = []
        self.cut = ""

    def next(self) -> Attempt | None:
        """Choose the next attempt, or None where nothing is left to try."""
        if self.builds and self.builds[0].reason:
            return None
        attempt = self._take()
        if attempt is not None and len(self.builds) >= self._max_builds:
            self.cut = f"stopped after {self._max_builds} builds"
            return None
        return attempt

    def values_for(self, attempt: Attempt) -> dict[str, Scalar]:
        """Give the values of the file's parameters that a trial would have before it is built."""
        names = {parameter.name for parameter in self._file}
        return {name: value for name, value in self._predict(attempt).items() if name in names}

    def note(self, attempt: Attempt, build: Build) -> None:
        """Take in what a build told."""
        self.builds.append(build)
        self._attempts.append(attempt)
        if build.reason:
            return
        for parameter in build.declared:
            self._declared.setdefault(parameter.name, parameter)
        self._add_scopes(attempt, build)
        self._add_choices(attempt, build)

    def list_feasible(self) -> list[Build]:
        """List the builds whose values the constraints allow."""
        return [
            build for build in self.builds if not check_constraints(self._constraints, build.values)
        ]

    def _take(self) -> Attempt | None:
        while self._queue or self._stages:
            if not self._queue:
                self._stages.pop(0)()
                continue
            attempt = self._queue.popleft()
            predicted = self._predict(attempt)
            if attempt == Attempt() or not check_constraints(self._constraints, predicted):
                return attempt
        return None

    def _predict(self, attempt: Attempt) -> dict[str, Scalar]:
        """Give the value of every known parameter that is active, as far as one can tell."""
        known = {parameter.name: parameter for parameter in (*self._declared.values(), *self._file)}
        values: dict[str, Scalar] = {}
        while True:
            found = [
                parameter
                for name, parameter in known.items()
                if name not in values and _may_be_active(parameter, values, known)
            ]
            if not found:
                return values
            values |= {each.name: _choose(each, attempt) for each in found}

    def _add_scopes(self, attempt: Attempt, build: Build) -> None:
        """Try to open the conditional scopes that were closed in a build."""
        for scope in (*build.inactive, *(each.when for each in build.declared)):
            if _hold(scope, build.values):
                self._seen.add(repr(scope))
            elif repr(scope) not in self._seen:
                self._seen.add(repr(scope))
                wanted = {condition.parent: condition.values[0] for condition in scope}
                if self._is_possible(wanted):
                    self._queue.append(Attempt({**attempt.answers, **wanted}))

    def _add_choices(self, attempt: Attempt, build: Build) -> None:
        """Try every other value of each choice, beside the answers that led to it."""
        in_file = {parameter.name: parameter for parameter in self._file}
        active = {each.name: each for each in build.declared if each.name in build.values}
        for name, parameter in {**active, **in_file}.items():
            if name not in build.values:
                continue
            self._seen.add(_name_value(name, build.values[name]))
            for value in _list_choices(parameter):
                key = _name_value(name, value)
                if key not in self._seen:
                    self._seen.add(key)
                    self._queue.append(Attempt({**attempt.answers, name: value}))

    def _add_large(self) -> None:
        """Try each choice once more, with all numbers at their largest."""
        self._queue += [
            replace(attempt, numbers="high")
            for attempt, build in zip(self._attempts, self.builds, strict=True)
            if attempt.numbers == "default"
            and not build.reason
            and any(not is_number(value) for value in attempt.answers.values())
        ]

    def _add_ends(self) -> None:
        """Put together the choices that made models larger, and those that made them smaller."""
        ends: tuple[tuple[Numbers, Numbers, int], ...] = (
            ("high", "high", 1),
            ("low", "default", -1),
        )
        for numbers, compared, sign in ends:
            sizes = {
                index: sign * build.size.num_weights
                for index, build in enumerate(self.builds)
                if build.size is not None and self._attempts[index].numbers == compared
            }
            answers: dict[str, Scalar] = {}
            for index in sorted(sizes, key=lambda index: sizes[index]):  # the best one wins
                if sizes[index] > sizes.get(_find_plain(self._attempts, compared), -math.inf):
                    answers |= self._attempts[index].answers
            attempt = Attempt(answers, numbers)
            if attempt not in self._attempts:
                self._queue.append(attempt)

    def _is_possible(self, wanted: Mapping[str, Scalar]) -> bool:
        """Tell whether the file leaves these values open."""
        return all(
            contains(parameter, wanted[parameter.name])
            for parameter in self._file
            if parameter.name in wanted
        )


def describe_attempt(attempt: Attempt) -> str:
    """Say in words with which values a model was built."""
    parts = [f"{name} = {value}" for name, value in attempt.answers.items()]
    if attempt.numbers != "default":
        parts.append(f"every number at its {attempt.numbers} end")
    return " and ".join(parts) or "default values"


def _find_plain(attempts: Sequence[Attempt], numbers: Numbers) -> int:
    """Find the attempt without answers, against which others are compared; -1 where it failed."""
    return attempts.index(Attempt(numbers=numbers)) if Attempt(numbers=numbers) in attempts else -1


def _may_be_active(
    parameter: Parameter, values: Mapping[str, Scalar], known: Mapping[str, Parameter]
) -> bool:
    """Tell whether conditions hold; one on a parameter that nobody has declared yet may."""
    return is_active(
        Parameter(
            parameter.name,
            "fixed",
            when=tuple(one for one in parameter.when if one.parent in known),
        ),
        values,
    )


def _choose(parameter: Parameter, attempt: Attempt) -> Scalar:
    if parameter.name in attempt.answers and contains(parameter, attempt.answers[parameter.name]):
        return attempt.answers[parameter.name]
    return pick_value(parameter, attempt.numbers)


def _hold(scope: Sequence[Condition], values: Mapping[str, Scalar]) -> bool:
    return all(one.parent in values and values[one.parent] in one.values for one in scope)


def _list_choices(parameter: Parameter) -> Sequence[Scalar]:
    if parameter.type == "bool":
        return (False, True)
    return parameter.choices[:MAX_CHOICES] if parameter.type == "categorical" else ()


def _name_value(name: str, value: Scalar) -> str:
    return f"{name}={value!r}"
