"""The options of a chosen sampler or pruner, checked before any training and without Optuna."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from sweeps.errors import MissingExtraError
from sweeps.menu import Menu, suggest_name
from sweeps.spec.model import Choice, SweepSpec


class Options(BaseModel):
    """Base of all options: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Member(Protocol):
    Options: type[BaseModel]

    @staticmethod
    def check(options: Any, spec: SweepSpec) -> Iterator[tuple[str, str]]: ...


def load_options(menu: Menu, choice: Choice) -> tuple[Any, Any]:
    """Load the member that was chosen and its options, defaults filled in.

    Raises:
        KeyError: The menu has no such member.
        pydantic.ValidationError: An option is unknown or out of bounds.
    """
    member = menu.load(choice.name)
    return member, member.Options.model_validate(choice.options)


def check_choice(menu: Menu, choice: Choice, spec: SweepSpec) -> list[tuple[str, str]]:
    """Find every mistake in the choice of a sampler or pruner.

    Args:
        menu: ``SAMPLERS`` or ``PRUNERS``.
        choice: What the space file says.
        spec: The rest of the spec, which may make the choice impossible.

    Returns:
        Dotted key such as ``pruner.min_epochs`` and message, one pair per mistake.
    """
    if choice.name not in menu:
        return [(f"{menu.room}.name", menu.describe_unknown(choice.name))]
    member: _Member = menu.load(choice.name)
    try:
        options = member.Options.model_validate(choice.options)
    except ValidationError as error:
        return list(_describe(menu.room, member.Options, error))
    problems = member.check(options, spec)
    return [(".".join(filter(None, (menu.room, key or "name"))), text) for key, text in problems]


def require(what: str, *, extra: str, packages: tuple[str, ...]) -> None:
    """Refuse where a package is missing, without importing it.

    Raises:
        MissingExtraError: Its message holds the command that installs the package.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(what, package=package, extra=extra)


def check_packages(
    what: str, *, extra: str, packages: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield one problem of the choice itself where a package is missing."""
    try:
        require(what, extra=extra, packages=packages)
    except MissingExtraError as error:
        yield "", str(error)


def check_single_objective(what: str, spec: SweepSpec) -> Iterator[tuple[str, str]]:
    """Yield one problem of the choice itself where the spec has several objectives."""
    if len(spec.objectives) > 1:
        yield (
            "",
            f"{what} takes one objective, but the space has {len(spec.objectives)}. "
            "Choose tpe, nsga2, random, qmc or grid.",
        )


def _describe(
    room: str, options: type[BaseModel], error: ValidationError
) -> Iterator[tuple[str, str]]:
    known = list(options.model_fields)
    for problem in error.errors():
        key = ".".join([room, *(str(part) for part in problem["loc"])])
        if problem["type"] == "extra_forbidden":
            given = str(problem["loc"][-1])
            expected = f"expected one of {', '.join(known)}." if known else "there are no options."
            yield key, f"unknown option; {expected}{suggest_name(given, known)}"
        elif problem["loc"]:
            yield key, f"got {problem['input']!r}; {problem['msg']}."
        else:
            yield room, f"{problem['msg'].removeprefix('Value error, ')}."
