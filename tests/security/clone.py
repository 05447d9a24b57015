"""A sweep started from a clone full of traps, in an environment full of secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "sweeps"
SECRET = "hunter2-c0ffee"
ENVIRONMENT = {
    "WANDB_API_KEY": SECRET,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "DATABASE_URL": f"postgresql://me:{SECRET}@host/db",
}
OTHERS = (
    *("yaml", "optuna", "keras", "tensorflow", "keras_tuner", "numpy", "joblib", "h5py", "typer"),
    *("pydantic", "ruamel", "rich", "click", "sitecustomize", "usercustomize", "pandas", "torch"),
)
# `python -m` imports these before any code of ours runs; only `python -P` keeps it from doing so.
BY_PYTHON_ITSELF = {
    *("importlib", "warnings", "contextlib", "collections", "keyword", "operator", "reprlib"),
    *("functools", "types", "runpy", "pkgutil", "typing", "inspect", "abc", "os", "io"),
}
MODEL = """
import os
import keras
import numpy as np
from my_layers import make_dense


def load():
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    return {"train": (x[:48], y[:48]), "validation": (x[48:], y[48:])}


def build(hp):
    if hp.Choice("database", ["off"]) == "on":
        raise ConnectionError("cannot reach " + os.environ["DATABASE_URL"])
    model = keras.Sequential([keras.Input((4,)), make_dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model
"""
SIBLING = "import keras\n\n\ndef make_dense(units):\n    return keras.layers.Dense(units)\n"
SPACE = """
name: tiny
model: tiny_model.py:build
data: tiny_model.py:load
objective: {metric: val_accuracy, direction: maximize}
parameters: {database: ["off", "on"]}
sampler: grid
limits: {trials: 2, workers: 1}
training: {epochs: 1}
"""


@dataclass(frozen=True)
class CloneRun:
    """How a sweep in a clone went.

    Attributes:
        done: The command.
        folder: The sweep's folder.
        sprung: What was imported that should not have been.
    """

    done: subprocess.CompletedProcess[str]
    folder: Path
    sprung: str


def run_in_clone(folder: Path) -> CloneRun:
    """Run a sweep from a checkout that is not installed; traps lie beside its space file, too."""
    marker, clone = folder / "marker", folder / "clone"
    plant(clone, marker, spare=BY_PYTHON_ITSELF)
    (clone / "sweeps").symlink_to(PACKAGE)
    spaces = clone / "spaces"
    plant(spaces, marker)
    (spaces / "tiny_model.py").write_text(MODEL)
    (spaces / "my_layers.py").write_text(SIBLING)
    (spaces / "tiny.yaml").write_text(SPACE)
    command = [sys.executable, "-m", "sweeps", "run", "spaces/tiny.yaml"]
    done = call(command, clone, **ENVIRONMENT)
    sprung = marker.read_text() if marker.exists() else ""
    return CloneRun(done, clone / "results" / "tiny", sprung)


def plant(folder: Path, marker: Path, *, spare: Collection[str] = ()) -> None:
    """Put a module into a folder for every name that could be meant for another one."""
    folder.mkdir(exist_ok=True)
    for name in {*sys.stdlib_module_names, *OTHERS}.difference(spare):
        trap = f"with open({str(marker)!r}, 'a') as file:\n    file.write('{folder}/{name}\\n')\n"
        (folder / f"{name}.py").write_text(trap)


def call(command: Sequence[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a working directory."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
