"""The JSON Schema of a space file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.spec.aliases import PARAMETER_ALIASES, SECTIONS, TOP_ALIASES, TOP_KEYS
from sweeps.spec.nodes import Node
from sweeps.spec.rooms import Rooms
from sweeps.spec.schema import json_schema
from sweeps.spec.yaml_source import read_yaml

SPACES = Path(__file__).parents[2] / "search_spaces"
SCHEMA = json_schema(Rooms(samplers=SAMPLERS, pruners=PRUNERS))


def test_json_schema_is_json_and_closed() -> None:
    """The schema is JSON, names its dialect, and allows no unknown key."""
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["additionalProperties"] is False


def test_json_schema_names_every_key_and_alias() -> None:
    """Whatever the loader knows at the top, in sections and in parameters is in the schema."""
    spellings = {spelling for spellings in TOP_ALIASES.values() for spelling in spellings}
    assert set(SCHEMA["properties"]) == {*TOP_KEYS, *spellings, "$schema"}
    for section, model in SECTIONS.items():
        described = SCHEMA["properties"][section]
        mapping = described.get("anyOf", [described])[0]
        assert set(model.model_fields) <= set(mapping["properties"])
    parameter = SCHEMA["$defs"]["parameter"]["anyOf"][-1]["properties"]
    assert {alias for aliases in PARAMETER_ALIASES.values() for alias in aliases} <= set(parameter)


def test_json_schema_every_key_has_a_description() -> None:
    """An editor can explain every key that it completes."""
    missing = [
        key
        for key, described in SCHEMA["properties"].items()
        if "description" not in described and "$ref" not in described
    ]
    for section in SECTIONS:
        described = SCHEMA["properties"][section]
        mapping = described.get("anyOf", [described])[0]
        missing += [k for k, v in mapping["properties"].items() if "description" not in v]
    assert missing == []


def test_json_schema_lists_members_and_their_options() -> None:
    """The pruners and their options can be completed."""
    described = SCHEMA["properties"]["pruner"]["anyOf"]
    assert described[0]["enum"][:2] == ["none", "median"]
    asha = next(m for m in described[1:] if "asha" in m["properties"]["name"]["enum"])
    assert set(asha["properties"]) >= {"name", "min_epochs", "reduction_factor", "eta"}


def _read(path: Path) -> Any:
    node: Node = read_yaml(path, [])
    return node.to_python()


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_json_schema_accepts_the_ready_spaces(path: Path) -> None:
    """Every space of search_spaces/ validates with an independent validator."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(_read(path), SCHEMA)


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": {}},
        {"limits": {"trails": 3}},
        {"limits": {"trials": 0}},
        {"limits": {"timeout": "3 weeks"}},
        {"parameters": {}},
        {"parameters": {"a": {"low": 0, "hihg": 1}}},
        {"pruner": {"name": "medain"}},
        {"sampler": {"name": "tpe", "foo": 1}},
        {"training": {"loop": "fitt"}},
        {"model": None},
        {"objectives": ["val_loss"]},
        {"objectives": ["a", "b", "c", "d", "e"]},
        {"objectives": ["val_loss", {"metric": "loss", "goal": "up"}]},
    ],
)
def test_json_schema_refuses_what_the_loader_refuses(changes: dict[str, Any]) -> None:
    """The mistakes that can be seen without context are seen by an editor too."""
    jsonschema = pytest.importorskip("jsonschema")
    good = {"model": "m.py:build", "data": "m.py:load", "objective": "val_loss"}
    jsonschema.validate(good, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, **changes}, SCHEMA)


def test_json_schema_accepts_several_objectives() -> None:
    """They stand in place of the one, short or long, with the words of other tools."""
    jsonschema = pytest.importorskip("jsonschema")
    objectives = ["val_accuracy", {"name": "num_weights", "goal": "minimize"}]
    space = {"model": "m.py:build", "data": "m.py:load", "objectives": objectives}
    jsonschema.validate(space, SCHEMA)
