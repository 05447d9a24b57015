"""A value of a space file together with the place where it was written."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sweeps.errors import Problem, SpecError
from sweeps.menu import suggest_name
from sweeps.spec.units import show_value

MAX_NUMBER_DIGITS = 300

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Node:
    """One value of a space file: a scalar, a mapping or a list.

    Attributes:
        value: A Python scalar, a dict of nodes by key, or a list of nodes.
        where: ``file:line``, or ``--set`` for an override.
        path: Keys from the top of the file to here, as the user wrote them.
        plain: A scalar written without quotes.
    """

    value: Any
    where: str
    path: tuple[str, ...] = ()
    plain: bool = False

    @property
    def key(self) -> str:
        """Dotted key as the user wrote it."""
        return ".".join(self.path)

    @property
    def is_mapping(self) -> bool:
        """Tell whether the value is a mapping."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Tell whether the value is a list."""
        return isinstance(self.value, list)

    def is_one_of(self, words: Container[str]) -> bool:
        """Tell whether the value is one of some words; a list or a mapping is none."""
        return isinstance(self.value, str) and self.value in words

    def to_python(self) -> Any:
        """Drop the places: plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.to_python() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.to_python() for node in self.value]
        return self.value

    def problem(self, message: str) -> Problem:
        """Describe a mistake at this place."""
        return Problem(self.where, self.key, message)

    def error(self, message: str) -> SpecError:
        """Make an error of one mistake at this place."""
        return SpecError([self.problem(message)])

    def wrong(self, expected: str) -> SpecError:
        """Make an error that says what was given here and what was expected."""
        return self.error(f"got {show_value(self.to_python())}; {expected}")

    def with_value(self, value: Any) -> Node:
        """Put another value at the same place."""
        return replace(self, value=value, plain=False)


@contextmanager
def collecting(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of a `SpecError` raised inside to a list, and go on."""
    try:
        yield
    except SpecError as error:
        problems.extend(error.problems)


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise one `SpecError` with all problems, if there are any."""
    if problems:
        raise SpecError(problems)


def find_node(root: Node, path: Sequence[str | int]) -> Node:
    """Follow keys and list positions down from `root`, as far as they exist."""
    node = root
    for part in path:
        child = _find_child(node, part)
        if child is None:
            return node
        node = child
    return node


def _find_child(node: Node, part: str | int) -> Node | None:
    child: Node | None = None
    if node.is_list and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
    elif node.is_mapping:
        child = node.value.get(part)
    return child


def describe_unknown_key(key: str, known: Sequence[str]) -> str:
    """Say that a key is unknown, what there is, and what was probably meant."""
    listed = ", ".join(known)
    return f"unknown key {show_value(key)}; expected one of {listed}.{suggest_name(key, [*known])}"


def resolve_scalar(text: str) -> Any:
    """Read an unquoted scalar by the core schema of YAML 1.2: ``1e-4`` is a float, ``no`` a string.

    Raises:
        ValueError: A number with more digits than any hyperparameter needs.
    """
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text) or _BASED.fullmatch(text):
        _check_digits(text)
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        _check_digits(text)
        return float(text)
    special = _SPECIAL.fullmatch(text)
    return float((special[1] or "") + (special[2] or special[3])) if special else text


def _check_digits(text: str) -> None:
    if len(text) > MAX_NUMBER_DIGITS:
        raise ValueError(
            f"got a number of {len(text)} characters; expected at most {MAX_NUMBER_DIGITS}"
        )
