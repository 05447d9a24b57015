"""Reading YAML 1.2 with lines, and where PyYAML would read something else."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.errors import Problem, SpecError
from sweeps.spec.yaml_source import parse_yaml


def _parse(text: str) -> Any:
    return parse_yaml(text, name="f", problems=[]).to_python()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("'1'", "1"),
        ('"true"', "true"),
        ("-.inf", float("-inf")),
        (".", "."),
        ("1e", "1e"),
    ],
)
def test_parse_yaml_scalar_is_read_by_yaml_1_2(text: str, value: object) -> None:
    """Numbers, flags and texts are those of YAML 1.2's core schema."""
    found = _parse(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_parse_yaml_nodes_know_their_line_and_path() -> None:
    """Every value knows the line of its key and the keys above it."""
    root = parse_yaml("a:\n  b:\n    - x\n    - y: 1\n", name="f", problems=[])
    y = root.value["a"].value["b"].value[1].value["y"]
    assert (y.where, y.key, y.value) == ("f:4", "a.b.1.y", 1)
    assert root.value["a"].value["b"].where == "f:2"


def test_parse_yaml_alias_is_a_copy_at_its_own_place() -> None:
    """An alias means its anchor's value, and mistakes in it are told where it is used."""
    root = parse_yaml("a: &x {k: 1}\nb: *x\n", name="f", problems=[])
    assert root.to_python() == {"a": {"k": 1}, "b": {"k": 1}}
    assert (root.value["b"].value["k"].where, root.value["b"].value["k"].key) == ("f:2", "b.k")


def test_parse_yaml_duplicate_keys_are_all_reported_and_the_first_is_kept() -> None:
    """PyYAML silently keeps the last one."""
    problems: list[Problem] = []
    root = parse_yaml("a: 1\nb: {c: 1, c: 2}\na: 3\n", name="f", problems=problems)
    assert root.to_python() == {"a": 1, "b": {"c": 1}}
    assert [str(problem) for problem in problems] == [
        "f:2: b.c: this key is given twice, on line 2 and line 2; keep one",
        "f:3: a: this key is given twice, on line 1 and line 3; keep one",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: *x\n", "f:1: a: there is no anchor '&x' before this"),
        ("a: !t 1\n", "f:1: a: got the tag '!t'; tags are not read, remove it"),
        ("a: [1\nb: 2\n", "f:2: this is no YAML: "),
        ("%YAML 1.3\n---\na: 1\n", "f:1: this is no YAML: "),
        ("a: 1\n b: 2\n", "f:2: this is no YAML: mapping values are not allowed here"),
        ("a: '\n", "f:2: this is no YAML: found unexpected end of stream"),
    ],
)
def test_parse_yaml_broken_text_names_its_line(text: str, problem: str) -> None:
    """A text that is no YAML is refused with the line."""
    with pytest.raises(SpecError) as caught:
        _parse(text)
    assert str(caught.value).startswith(problem)
