"""``schema``, and the schema that the ready spaces name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweeps.cli.schema import write_schema
from sweeps.spec.yaml_source import read_yaml

SPACES = Path(__file__).parents[2] / "search_spaces"


def test_schema_is_printed_as_json(sweeps) -> None:
    """What is printed is a schema of our space file, and nothing else."""
    said = sweeps("schema")
    assert said.status == 0
    assert said.err == ""
    assert json.loads(said.out)["title"] == "Space file of keras-sweeps"


def test_schema_of_the_ready_spaces_is_current() -> None:
    """The file beside them is what the command prints now."""
    text = (SPACES / "space.schema.json").read_text(encoding="utf-8")
    hint = "run: python -m sweeps schema > search_spaces/space.schema.json"
    assert text == write_schema(), hint


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_schema_is_named_by_every_ready_space(path: Path) -> None:
    """An editor finds the schema through the first line, and the space validates against it."""
    jsonschema = pytest.importorskip("jsonschema")
    first = path.read_text(encoding="utf-8").splitlines()[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((path.parent / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(read_yaml(path, []).to_python(), schema)


def test_schema_refuses_a_misspelt_key() -> None:
    """Red control: the validator and the schema do bite."""
    jsonschema = pytest.importorskip("jsonschema")
    space = read_yaml(SPACES / "digits.yaml", []).to_python()
    space["limits"]["trails"] = 3
    with pytest.raises(jsonschema.ValidationError, match="trails"):
        jsonschema.validate(space, json.loads(write_schema()))
