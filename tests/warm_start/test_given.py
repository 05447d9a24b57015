"""Parameters that the user has written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from sweeps.warm_start.given import parse_settings, read_values_file


def test_parse_settings_reads_values_as_yaml() -> None:
    """Numbers, texts, booleans; names may hold dots and slashes."""
    found = parse_settings(["a=1", "b=1e-4", "c=adam", "d=true", "e.f/g='1'", "h= 2"])
    assert found.values == {"a": 1, "b": 1e-4, "c": "adam", "d": True, "e.f/g": "1", "h": 2}
    assert found.where == "--set"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (["units"], "--set: got 'units'; expected name=value, such as units=64"),
        (["=3"], "--set: got '=3'; expected name=value"),
        (["a=1", "a=2"], "--set: got 'a=2'; expected name=value once"),
        (["a=[1, 2]"], "--set: a: got [1, 2]; expected one number, text, true or false"),
    ],
)
def test_parse_settings_mistake(settings: list[str], problem: str) -> None:
    """What is no setting is shown with what was expected."""
    with pytest.raises(SpecError) as caught:
        parse_settings(settings)
    assert problem in str(caught.value)


def test_read_values_file_one_mapping_a_trial(tmp_path: Path) -> None:
    """Each knows its line."""
    path = tmp_path / "good.yaml"
    path.write_text("- {units: 64, lr: 1e-3}\n-\n  units: 32\n")
    first, second = read_values_file(path)
    assert (first.values, first.where) == ({"units": 64, "lr": 0.001}, f"{path}:1")
    assert (second.values, second.where) == ({"units": 32}, f"{path}:3")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("units: 64\n", "good.yaml:1: got {'units': 64}; expected a list of mappings"),
        ("[]\n", "good.yaml:1: got []; expected a list of mappings"),
        ("- {a: 1}\n- 3\n", "good.yaml:2: 1: got 3; expected a mapping such as {units: 64}"),
        ("- {a: [1]}\n", "good.yaml:1: 0.a: got [1]; expected one number"),
        ("- {a: 1, a: 2}\n", "this key is given twice"),
        ("- {\n", "this is no YAML"),
    ],
)
def test_read_values_file_mistake(text: str, problem: str, tmp_path: Path) -> None:
    """A file of another form is refused with its line."""
    (tmp_path / "good.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        read_values_file(tmp_path / "good.yaml")
    assert problem in str(caught.value)
