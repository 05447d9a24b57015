"""``init``: from the command line to the files."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]


def test_init_without_a_terminal_takes_the_defaults(sweeps, tmp_path: Path) -> None:
    """No question is asked where nobody can answer; the sweep is called as its folder."""
    said = sweeps("init", "my first")
    assert said.status == 0
    assert said.out == (
        "wrote my first/space.yaml\n"
        "wrote my first/model.py\n"
        "wrote my first/space.schema.json\n"
        "Run it with: python -m sweeps run 'my first/space.yaml'\n"
    )
    text = (tmp_path / "my first/space.yaml").read_text()
    assert "\nname: my-first " in text
    assert "\nobjective: {metric: val_accuracy, direction: maximize}\n" in text


def test_init_in_this_folder(sweeps, tmp_path: Path) -> None:
    """Without FOLDER the files go here, and check finds nothing wrong with them."""
    assert sweeps("init", "--yes", "--model", "cnn", "--metric", "val_loss").status == 0
    assert (tmp_path / "model.py").is_file()
    assert sweeps("check", "space.yaml", "--no-build").status == 0


def test_init_twice_is_a_mistake(sweeps) -> None:
    """Nothing is overwritten."""
    sweeps("init", "new")
    said = sweeps("init", "new")
    assert said.status == 2
    assert said.out == ""
    assert said.err == (
        "new: holds space.yaml and model.py and space.schema.json already; nothing is "
        "overwritten. Choose another folder, or move them away.\n"
    )


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ("\n\n\n", ["name: new ", "keras.layers.Dense(hp.Int", "{metric: val_accuracy,"]),
        ("shapes\ncnn\nval_loss\n", ["name: shapes ", "keras.layers.Conv2D", "{metric: val_loss,"]),
    ],
)
def test_init_asks_on_a_terminal(answers: str, found: list[str], tmp_path: Path) -> None:
    """Three questions, each with a default that an empty answer takes."""
    controller, terminal = pty.openpty()
    os.write(controller, answers.encode())
    done = subprocess.run(
        [sys.executable, "-m", "sweeps", "init", "new"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        timeout=60,
        check=False,
    )
    asked = os.read(controller, 10_000).decode()
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 0, asked
    assert all(word in asked for word in ("Name of the sweep", "Kind of model", "What is best"))
    text = "".join(path.read_text() for path in (tmp_path / "new").glob("*.[yp]*"))
    assert all(word in text for word in found), text


def test_init_wrong_option_is_a_mistake(sweeps, tmp_path: Path) -> None:
    """An option is checked before anything is asked or written."""
    said = sweeps("init", "new", "--model", "rnn")
    assert said.status == 2
    assert "--model: got 'rnn'; expected one of mlp, cnn, own." in said.err
    assert list(tmp_path.iterdir()) == []
