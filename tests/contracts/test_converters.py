"""The contract of converters, checked on every member of the menu."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.cli.schema import write_schema
from sweeps.converters import CONVERTERS
from sweeps.errors import SpecError
from sweeps.spec.nodes import Node
from sweeps.spec.yaml_source import parse_yaml, read_yaml
from tests.converters.samples import FILES, convert, load

every_member = pytest.mark.parametrize("name", list(CONVERTERS))


@every_member
def test_converter_has_a_sample(name: str) -> None:
    """A new member brings a file that these tests can use."""
    assert name in FILES


@every_member
def test_converter_knows_its_own_files_only(name: str) -> None:
    """A file is found to be of one format."""
    converter = CONVERTERS.load(name)
    mine = [key for key, text in FILES.items() if converter.is_mine(_parse(text))]
    assert mine == [name]


@every_member
def test_converted_space_can_be_loaded_and_validates(name: str, tmp_path: Path) -> None:
    """What comes out is a space file, for us and for an independent validator."""
    jsonschema = pytest.importorskip("jsonschema")
    spec = load(FILES[name], tmp_path)
    assert spec.parameters
    written = read_yaml(tmp_path / "space.yaml", []).to_python()
    jsonschema.validate(written, json.loads(write_schema()))


@every_member
def test_converted_space_names_every_key_that_is_left_out(name: str, tmp_path: Path) -> None:
    """No key is dropped in silence: an unknown one anywhere is named with its line."""
    text = FILES[name]
    tree = _parse(text).to_python()
    for path in _list_mappings(tree):
        converted = convert(_to_yaml(_add(tree, path)), tmp_path, name).text
        key = ".".join([*path, "unheard_of"])
        left_out = converted.partition("# Left out:")[2]
        parts = [".".join(path[: length + 1]) for length in range(len(path))]
        shown = any(
            f": {part}: " in left_out and "unheard_of" in left_out for part in [*parts, key]
        )
        assert shown, f"{key}\n{converted}"


@every_member
def test_converter_without_parameters_is_refused(name: str, tmp_path: Path) -> None:
    """A file that sweeps over nothing is a mistake, told with its line."""
    tree = _parse(FILES[name]).to_python()
    holder = {"katib": ["spec"], "hydra": ["hydra", "sweeper"]}.get(name, [])
    inner = tree
    for key in holder:
        inner = inner[key]
    for key in ("parameters", "hyperparameters", "params"):
        inner.pop(key, None)
    with pytest.raises(SpecError, match=r"foreign.yaml:\d+: "):
        convert(_to_yaml(tree), tmp_path, name)


def _parse(text: str) -> Node:
    return parse_yaml(text, name="foreign.yaml", problems=[])


def _to_yaml(tree: Any) -> str:
    return json.dumps(tree, indent=1)


def _list_mappings(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Name every mapping of a tree but those of names that the user chose."""
    if isinstance(tree, list):
        return [p for i, item in enumerate(tree) for p in _list_mappings(item, (*path, str(i)))]
    if not isinstance(tree, dict):
        return []
    mine = [] if path and path[-1] in ("parameters", "hyperparameters", "params") else [path]
    return mine + [p for key, item in tree.items() for p in _list_mappings(item, (*path, key))]


def _add(tree: Any, path: tuple[str, ...]) -> Any:
    """Copy a tree, with one more key in one of its mappings."""
    if not path:
        return {**tree, "unheard_of": 17}
    if isinstance(tree, list):
        return [_add(item, path[1:]) if str(i) == path[0] else item for i, item in enumerate(tree)]
    return {**tree, path[0]: _add(tree[path[0]], path[1:])}
