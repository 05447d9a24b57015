"""Where a model was made: the machine, the packages, and the state of the user's code."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.search.trials import TrialRecord
from sweeps.spec.fingerprint import find_code, find_versions
from sweeps.spec.model import SweepSpec

_GIT_SECONDS = 10.0


def describe_machine() -> dict[str, Any]:
    """Describe the machine that exports; neither its name nor its user's."""
    return {
        "system": platform.platform(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }


def describe_versions() -> dict[str, str]:
    """List the versions of Python and of every package that wrote or proved a format."""
    from importlib.metadata import PackageNotFoundError, version

    found = find_versions()
    for package in ("h5py", *_list_packages(), "keras-sweeps"):
        try:
            found.setdefault(package, version(package))
        except PackageNotFoundError:
            continue
    return found


def describe_git(spec: SweepSpec) -> dict[str, Any] | None:
    """Tell the commit of the user's code, and whether a file of that folder differs from it.

    Returns:
        ``commit`` and ``dirty``; None where the code lies in no git repository.
    """
    folder = next((path.parent for path in find_code(spec, Path("/")).values()), None)
    commit = folder and _ask_git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _ask_git(folder, "status", "--porcelain", "--untracked-files=all", "--", ".")
    return {"commit": commit, "dirty": changed is None or bool(changed)}


def describe_search(spec: SweepSpec, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    """Tell what the model was chosen from: how trials were proposed, pruned, and how they ended."""
    ends = Counter(trial.state for trial in trials)
    return {
        "sampler": spec.sampler.name,
        "pruner": spec.pruner.name,
        "trials": dict(sorted(ends.items())),
    }


def _list_packages() -> Iterator[str]:
    for name in FORMATS:
        member: Format = FORMATS.load(name)
        yield from (*member.loads_with.values(), *member.writes_with.values())


def _ask_git(folder: Path | None, *words: str) -> str | None:
    # A repository may name a program to be run at every look: none is.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
