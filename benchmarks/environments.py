"""Environments of the peers: each has the packages it needs and no others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]
DEFAULT_FOLDER = HOME / "results" / "benchmark-envs"  # git ignores results/

KERAS = ("tensorflow-cpu==2.21.0", "keras==3.15.1")
PACKAGES = {
    "optuna": (*KERAS, "optuna==5.0.0"),
    "loky": (*KERAS, "optuna==5.0.0", "joblib==1.6.0"),
    "keras_tuner": (*KERAS, "keras-tuner==1.4.8", "tensorboard"),
    "ray": (*KERAS, "ray[tune]==2.60.0"),
}


def open_environment(name: str, folder: Path) -> Path:
    """Make a peer's environment, or find the one that was made earlier.

    Args:
        name: The peer.
        folder: Where environments lie.

    Returns:
        Its interpreter.

    Raises:
        RuntimeError: A package could not be installed.
    """
    root = folder / name
    python = root / "bin" / "python"
    wanted = "\n".join(PACKAGES[name])
    done = root / "packages.txt"
    if done.exists() and done.read_text() == wanted:
        return python
    print(f"making the environment of {name} in {root}", flush=True)
    uv = shutil.which("uv")
    if uv:
        _do([uv, "venv", "--quiet", "--clear", "--python", sys.executable, root])
        _do([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES[name]])
    else:
        _do([sys.executable, "-m", "venv", "--clear", root])
        _do([python, "-m", "pip", "install", "--quiet", *PACKAGES[name]])
    done.write_text(wanted)
    return python


def _do(command: list[str | Path]) -> None:
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{ran.stderr[-2000:]}")
