"""Reading ``training.class_weight`` and ``training.validation_split``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.spec.model import spec_from_json, spec_to_json
from sweeps.spec.schema import json_schema
from tests.spec.spaces import load, refuse


def test_class_weight_is_numbers_by_class(tmp_path: Path) -> None:
    """Keys of YAML are words; classes are numbers, in spec.json and back too."""
    spec = load(tmp_path, "training: {class_weight: {0: 1.0, 1: 5}, validation_split: 0.2}\n")
    assert spec.training.class_weight == {0: 1.0, 1: 5.0}
    assert spec.training.validation_split == 0.2
    assert spec_from_json(spec_to_json(spec)) == spec


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("class_weight: 5", "class_weight", "got 5; expected a mapping of classes to weights"),
        ("class_weight: {}", "class_weight", "got {}; expected a mapping of classes to weights"),
        ("class_weight: {cat: 2}", "class_weight", "got cat: 2; expected a whole number and its"),
        ("class_weight: {-1: 2}", "class_weight", "got -1: 2; expected a whole number and its"),
        ("class_weight: {1: much}", "class_weight", "got 1: much; expected a whole number and its"),
        ("class_weight: {1: -2.0}", "class_weight", "expected weights of at least 0"),
        ("validation_split: 0", "validation_split", "got 0; expected a share between 0 and 1"),
        ("validation_split: 1.0", "validation_split", "got 1.0; expected a share between 0 and 1"),
        ("validation_split: 20%", "validation_split", "got '20%'; expected a number"),
    ],
)
def test_training_mistake_names_line_and_what_was_expected(
    tmp_path: Path, text: str, key: str, words: str
) -> None:
    """Found before anything is trained."""
    (problem,) = refuse(tmp_path, f"training: {{{text}}}\n")
    assert problem.startswith(f"space.yaml:4: training.{key}: ")
    assert words in problem


@pytest.mark.parametrize(
    ("training", "is_valid"),
    [
        ({"class_weight": {"0": 1.0, "1": 5}}, True),
        ({"class_weight": {"cat": 1.0}}, False),
        ({"class_weight": {}}, False),
        ({"validation_split": 0.2}, True),
        ({"validation_split": 1}, False),
    ],
)
def test_schema_of_training_says_the_same(training: object, is_valid: bool) -> None:
    """An editor marks what `load_spec` would refuse."""
    space = {"model": "m.py:build", "data": "m.py:load", "metric": "loss", "training": training}
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(space) == is_valid
