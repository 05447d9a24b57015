"""What `init` writes: it runs as it is."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import sweeps
from sweeps.cli.schema import EDITOR_LINE, SCHEMA_FILE, open_rooms, write_schema
from sweeps.errors import OptionError
from sweeps.spec.load import load_spec
from sweeps.spec.yaml_source import read_yaml
from sweeps.starters.write import METRICS, STARTERS, Starter, write_starter

every_starter = pytest.mark.parametrize("model", list(STARTERS))


def write(folder: Path, **choices: str) -> list[Path]:
    schema = (SCHEMA_FILE, write_schema())
    return write_starter(folder, Starter(**choices), editor_line=EDITOR_LINE, schema=schema)


@every_starter
@pytest.mark.usefixtures("shared_engine")
def test_starter_runs_as_it_is(model: str, tmp_path: Path) -> None:
    """Every starter trains and exports a model without a change and without a network."""
    space = write(tmp_path / "new", name="first-try", model=model)[0]
    report = sweeps.run(space, results=tmp_path / "results", overrides=["limits.trials=1"])
    assert [trial.state for trial in report.trials] == ["complete"]
    assert report.folder == tmp_path / "results/first-try"
    assert report.bundle is not None
    assert set(report.test_scores or {}) == {"accuracy", "loss"}


@every_starter
@pytest.mark.parametrize("metric", list(METRICS))
def test_starter_space_loads_and_validates(model: str, metric: str, tmp_path: Path) -> None:
    """Whatever is chosen, the space file is one, and names the schema beside it."""
    jsonschema = pytest.importorskip("jsonschema")
    written = write(tmp_path, model=model, metric=metric)
    assert [path.name for path in written] == ["space.yaml", "model.py", "space.schema.json"]
    spec = load_spec(written[0], rooms=open_rooms())
    assert (spec.objective.metric, spec.objective.direction) == (metric, METRICS[metric])
    lines = written[0].read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=./space.schema.json"
    schema = json.loads((tmp_path / "space.schema.json").read_text())
    jsonschema.validate(read_yaml(written[0], []).to_python(), schema)


@every_starter
def test_starter_marks_where_ones_own_goes(model: str, tmp_path: Path) -> None:
    """Both files say where data of one's own goes, and the code is Python that explains itself."""
    space, code, _ = write(tmp_path, model=model)
    assert "YOUR DATA" in space.read_text()
    assert "YOUR DATA" in code.read_text()
    tree = ast.parse(code.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions][:2] == ["load", "build"]
    assert ast.get_docstring(tree)
    assert all(len(line) <= 100 for path in (space, code) for line in path.read_text().split("\n"))


@pytest.mark.parametrize("name", ["space.yaml", "model.py", "space.schema.json"])
def test_starter_overwrites_nothing(name: str, tmp_path: Path) -> None:
    """One file that is there already: nothing is written, and it stays as it is."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(OptionError, match=f"holds {name} already; nothing is overwritten"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"model": "cmn"}, "--model: got 'cmn'; expected one of mlp, cnn, own. Did you mean 'cnn'"),
        ({"metric": "val_acuracy"}, "--metric: got 'val_acuracy'.* Did you mean 'val_accuracy'"),
        ({"name": "a/b"}, "--name: got 'a/b'; expected a name of letters"),
    ],
)
def test_starter_wrong_choice_writes_nothing(
    choices: dict[str, str], message: str, tmp_path: Path
) -> None:
    """A choice that makes no sense is told before a folder is made."""
    with pytest.raises(OptionError, match=message):
        write(tmp_path / "new", **choices)
    assert not (tmp_path / "new").exists()


def test_starter_file_in_place_of_a_folder(tmp_path: Path) -> None:
    """A file cannot hold files."""
    (tmp_path / "new").write_text("")
    with pytest.raises(OptionError, match="this is a file; expected a folder"):
        write(tmp_path / "new")
