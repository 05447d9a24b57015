"""``convert``: from the command line to the space file."""

from __future__ import annotations

from pathlib import Path

from tests.converters.samples import WANDB


def test_convert_prints_the_space_file(sweeps, tmp_path: Path) -> None:
    """Without --output the file goes to standard output, the summary to standard error."""
    (tmp_path / "sweep.yaml").write_text(WANDB)
    said = sweeps("convert", "sweep.yaml")
    assert said.status == 0
    assert said.out.startswith("# Converted from the W&B sweep 'sweep.yaml'.")
    assert said.err == (
        "W&B sweep: 4 keys left out, named at the end of the space file; "
        "2 lines to fill in, marked TODO\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_convert_output_can_be_checked(sweeps, tmp_path: Path) -> None:
    """With --output the space file names the schema that is written beside it."""
    (tmp_path / "sweep.yaml").write_text(WANDB)
    arguments = ("convert", "sweep.yaml", "--from", "wandb", "--output", "new/space.yaml")
    assert sweeps(*arguments).status == 0
    text = (tmp_path / "new/space.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./space.schema.json\n# Converted")
    assert (tmp_path / "new/space.schema.json").is_file()
    assert sweeps("check", "new/space.yaml", "--no-build").status == 0


def test_convert_overwrites_nothing(sweeps, tmp_path: Path) -> None:
    """A file that is there stays as it is."""
    (tmp_path / "sweep.yaml").write_text(WANDB)
    (tmp_path / "space.yaml").write_text("mine")
    said = sweeps("convert", "sweep.yaml", "--output", "space.yaml")
    assert said.status == 2
    assert said.err == "space.yaml: there is such a file already; nothing is overwritten.\n"
    assert (tmp_path / "space.yaml").read_text() == "mine"


def test_convert_mistake_writes_nothing(sweeps, tmp_path: Path) -> None:
    """A mistake is told with its line, and no file is left."""
    (tmp_path / "sweep.yaml").write_text(WANDB.replace("min: 1e-4", "min: 2"))
    said = sweeps("convert", "sweep.yaml", "--output", "space.yaml")
    assert said.status == 2
    assert said.out == ""
    assert said.err == (
        "sweep.yaml:8: parameters.lr.min: got 2.0, above high 0.1; expected low <= high\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]
