"""Tests of `sweeps.causes`: a closed set, spelled in one place, each explained."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sweeps.causes import FACTS, RETRIES, Cause, is_infeasible

PACKAGE = Path(__file__).parents[1] / "sweeps"


def test_causes_each_say_what_happened_and_what_is_done() -> None:
    """No cause without its row of the table."""
    assert set(FACTS) == set(Cause)
    for facts in FACTS.values():
        assert facts.meaning.endswith(".")
        assert facts.policy.endswith(".")
        assert facts.advice == "" or facts.advice.endswith(".")


def test_causes_are_spelled_in_one_place() -> None:
    """Nobody passes or compares a cause by its text, which the set would not know."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            found += [f"{path.name}:{line}" for line in _find_spelled(node)]
    assert found == []


def test_find_spelled_finds_both_ways() -> None:
    """Red control."""
    text = "end(cause='lost')\nend.cause == 'lost'\nend.cause == Cause.LOST"
    lines = [line for node in ast.walk(ast.parse(text)) for line in _find_spelled(node)]
    assert sorted(lines) == [1, 2]


def _find_spelled(node: ast.AST) -> list[int]:
    if isinstance(node, ast.keyword) and node.arg == "cause" and _is_text(node.value):
        return [node.value.lineno]
    if isinstance(node, ast.Compare) and getattr(node.left, "attr", "") == "cause":
        return [each.lineno for each in node.comparators if _is_text(each)]
    return []


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


@pytest.mark.parametrize(
    ("state", "cause", "expected"),
    [
        ("pruned", "infeasible", True),
        ("pruned", "out of memory", True),
        ("failed", "out of memory", False),
        ("pruned", None, False),
    ],
)
def test_is_infeasible_needs_state_and_cause(state: str, cause: str, *, expected: bool) -> None:
    """A trial that failed for memory may have failed for its neighbours; it counts."""
    assert is_infeasible(state, cause) is expected


def test_retries_have_the_documented_defaults() -> None:
    """What a sweep does overnight is a promise."""
    assert RETRIES == {
        "error": 0,
        "out of memory": 1,
        "killed": 1,
        "crashed": 1,
        "exit": 0,
        "timeout": 0,
        "no progress": 0,
        "lost": 3,
    }
