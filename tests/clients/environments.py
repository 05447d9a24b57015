"""Environments that hold a runtime and nothing of ours: made once, in a folder of the caller's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"

_LONGEST_SECONDS = 900


class UnavailableError(Exception):
    """Something that a client needs cannot be had here: a package, a compiler, a network."""


def make_environment(folder: Path, packages: Sequence[str]) -> Path:
    """Make a virtual environment with some packages, and give its interpreter.

    Raises:
        UnavailableError: The packages could not be installed, for want of a network as a rule.
    """
    python = folder / "bin" / "python"
    if (uv := shutil.which("uv")) is not None:
        steps = [
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
        ]
    else:
        steps = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", *packages],
        ]
    for step in steps:
        run(step, folder.parent)
    return python


def install_node_package(folder: Path, package: str) -> None:
    """Install a package of Node into a folder, without running any script of it."""
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}')
    options = ["--ignore-scripts", "--no-audit", "--no-fund"]
    run([find_program("npm"), "install", *options, package], folder)


def find_program(name: str) -> str:
    """Find a program.

    Raises:
        UnavailableError: It is not installed.
    """
    if (path := shutil.which(name)) is None:
        raise UnavailableError(f"{name} is not installed")
    return path


def run(command: Sequence[str], folder: Path) -> str:
    """Run a step of an installation and give what it printed.

    Raises:
        UnavailableError: It failed.
    """
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UnavailableError(f"{Path(command[0]).name} failed: {''.join(last)}")
    return done.stdout


def run_client(command: Sequence[str], folder: Path, text: str = "") -> tuple[str, str]:
    """Run a client where nothing of ours can be found; gives its output and its remarks.

    Unlike a step of an installation it has to succeed: what it prints is in the error.
    """
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:3])}: status {done.returncode}\n{done.stderr}")
    return done.stdout, done.stderr
