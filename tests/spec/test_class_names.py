"""Tests of `sweeps.spec.class_names`, and of how space files give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.preflight import load_space
from sweeps.spec.class_names import parse_class_names
from sweeps.spec.model import SweepSpec, spec_from_json, spec_to_json


def load(folder: Path, export: str) -> SweepSpec:
    path = folder / "space.yaml"
    path.write_text(f"model: m:build\ndata: m:load\nobjective: val_accuracy\nexport:\n{export}")
    return load_space(path, ())


def test_class_names_list_keeps_its_order(tmp_path: Path) -> None:
    """Names stand in the order of the outputs; numbers become texts."""
    spec = load(tmp_path, "  class_names: [shirt, coat, 7]\n")
    assert spec.export.class_names == ("shirt", "coat", "7")
    assert spec_from_json(spec_to_json(spec)) == spec


def test_class_names_file_is_read_beside_the_space_file(tmp_path: Path) -> None:
    """A file holds one name a line; empty lines are none."""
    (tmp_path / "names.txt").write_text("shirt\n\n coat \n", encoding="utf-8")
    assert load(tmp_path, "  class_names: names.txt\n").export.class_names == ("shirt", "coat")


def test_class_names_are_left_out_by_default(tmp_path: Path) -> None:
    """Nobody has to give them."""
    spec = load(tmp_path, "  formats: [keras]\n")
    assert spec.export.class_names == ()
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("class_names: missing.txt", "export.class_names: got 'missing.txt'; there is no file"),
        ("class_names: [one]", "expected at least two names"),
        ("class_names: [a, b, a]", "'a' stands there twice; expected each name once"),
        ("class_names: [a, [b]]", "got ['b'] as a name; expected a text on one line"),
        ("class_names: 3", "expected a list of names, or a file with one name a line"),
    ],
)
def test_class_names_that_are_wrong_are_told_by_line(
    tmp_path: Path, line: str, message: str
) -> None:
    """A mistake is found before training, once, with its line."""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, f"  {line}\n")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/space.yaml:5: export.")
    assert len(caught.value.problems) == 1


def test_class_names_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no names."""
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="the file is no text in UTF-8"):
        load(tmp_path, "  class_names: names.txt\n")


@pytest.mark.parametrize("value", [["a", "b\nc"], ["a", "x" * 201], ["a", True], ["a", ""]])
def test_parse_class_names_refuses(value: Any) -> None:
    """A name is one short line."""
    with pytest.raises(ValueError, match="expected a text on one line"):
        parse_class_names(value)
