"""A full disk stops the sweep with a clear message, and costs nothing once there is space."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import sweeps
from sweeps import durable
from sweeps.checkpoints.store import LatestStore, open_best
from sweeps.durable import is_disk_full
from sweeps.errors import DiskFullError
from sweeps.paths import SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.worker.events import EpochReported
from tests.conftest import MakeSpace

LIMITS = {"limits": "{trials: 2, workers: 1}", "pruner": "none"}


def fill_after(patch: pytest.MonkeyPatch, owner: object, name: str, calls: int) -> None:
    """Let a function fail as on a full disk, from its call number `calls` on."""
    left = [calls]
    original = getattr(owner, name)

    def call(*arguments: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments)

    patch.setattr(owner, name, call)


def test_checkpoint_on_a_full_disk_interrupts_the_trial_and_resume_loses_nothing(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial continues from its last state, and the sweep ends as if the disk had had space."""
    space = make_space(**LIMITS)
    plain = sweeps.run(space, results=tmp_path / "plain", engine="inline")
    with monkeypatch.context() as patch:
        fill_after(patch, durable, "sync_tree", 3)
        report = sweeps.run(space, results=tmp_path / "full", engine="inline")
    assert report.stopped.startswith(f"disk full: {report.folder} cannot be written")
    assert f"sweeps resume {report.folder}" in report.stopped
    assert [trial.state for trial in report.trials] == ["interrupted"]
    trial = SweepPaths(report.folder).trial(0)
    latest = LatestStore(trial).find()
    assert latest is not None
    assert open_best(trial).exists()
    assert durable.read_json(trial.outcome)["cause"] == "disk full"
    resumed = sweeps.resume(report.folder, engine="inline")
    assert [each.value for each in resumed.trials] == [each.value for each in plain.trials]
    assert resumed.trials[0].attempt == 2


@pytest.mark.usefixtures("shared_engine")
def test_journal_on_a_full_disk_is_an_error_that_says_what_to_do(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver stops with the folder's name, the journal stays whole, and resume goes on."""
    space = make_space(**LIMITS)
    with monkeypatch.context() as patch:
        fill_after(patch, JournalBackend, "_write", 12)
        with pytest.raises(DiskFullError, match=r"tiny cannot be written.*Free space there"):
            sweeps.run(space, results=tmp_path)
    resumed = sweeps.resume(tmp_path / "tiny")
    assert [trial.state for trial in resumed.trials] == ["complete", "complete"]
    assert resumed.manifest is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.usefixtures("shared_engine")
def test_real_full_disk_stops_the_sweep_and_it_goes_on_after_space_is_freed(
    make_space: MakeSpace, small_disk: Path
) -> None:
    """What was written before stays whole, and the sweep ends complete."""
    filler = small_disk / "filler"

    def fill(event: object) -> None:
        if isinstance(event, EpochReported) and not filler.exists():
            fill_disk(filler)

    with suppress(DiskFullError):
        report = sweeps.run(make_space(**LIMITS), results=small_disk, observer=fill)
        assert report.stopped.startswith("disk full")
    assert filler.exists()
    assert open_best(SweepPaths(small_disk / "tiny").trial(0)).exists()
    filler.unlink()
    resumed = sweeps.resume(small_disk / "tiny")
    assert [trial.state for trial in resumed.trials] == ["complete", "complete"]
    assert resumed.manifest is not None


def fill_disk(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_is_disk_full_looks_at_causes_and_at_hdf5s_text() -> None:
    """Keras and HDF5 wrap the system's error; another error is none."""
    wrapped = RuntimeError("could not save")
    wrapped.__cause__ = OSError(errno.ENOSPC, "full")
    assert is_disk_full(wrapped)
    assert is_disk_full(OSError("file write failed: error message = 'No space left on device'"))
    assert not is_disk_full(OSError(errno.EIO, "input/output error"))
    assert not is_disk_full(None)
