"""Find the folder that a reading command means."""

from __future__ import annotations

import sys
from pathlib import Path

from sweeps.errors import OptionError
from sweeps.lock import is_held
from sweeps.paths import SweepPaths

RESULTS = Path("results")


def choose_folder(given: Path | None, *, results: Path = RESULTS) -> Path:
    """Take the folder given, else the sweep below `results` that changed last.

    Where there is more than one to choose from, the choice is told on standard error.

    Raises:
        OptionError: No folder is given and `results` holds no sweep.
    """
    if given is not None:
        return given
    found = sorted(find_sweeps(results), key=_changed_at)
    if not found:
        raise OptionError(
            f"{results}: holds no sweep. Give the sweep's folder, or start one with: "
            "python -m sweeps run SPACE"
        )
    if len(found) > 1:
        sys.stderr.write(f"{found[-1]}: the most recently changed of {len(found)} sweeps\n")
    return found[-1]


def choose_running(given: Path | None, *, results: Path = RESULTS) -> Path:
    """Take the folder given, else the one sweep below `results` that a process works on.

    Raises:
        OptionError: No folder is given, and none or several of them run.
    """
    if given is not None:
        return given
    found = [folder for folder in find_sweeps(results) if is_held(SweepPaths(folder).lock)]
    if not found:
        raise OptionError(f"{results}: no sweep runs here. Give the folder of the one to stop.")
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise OptionError(f"{results}: {len(found)} sweeps run: {names}. Give the one to stop.")
    return found[0]


def find_sweeps(results: Path) -> list[Path]:
    """List the folders directly below `results` that hold a sweep, by name."""
    if not results.is_dir():
        return []
    return sorted(folder for folder in results.iterdir() if SweepPaths(folder).spec.is_file())


def _changed_at(folder: Path) -> float:
    paths = SweepPaths(folder)
    return max(path.stat().st_mtime for path in (paths.spec, paths.journal) if path.exists())
