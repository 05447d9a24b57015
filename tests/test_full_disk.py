"""A full disk pauses the sweep with a clear message, and costs nothing once there is space."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import sweeps
import sweeps.bundles.export
import sweeps.worker.conclusions
from sweeps import durable
from sweeps.checkpoints.store import open_best
from sweeps.durable import is_disk_full, read_json
from sweeps.errors import DiskFullError
from sweeps.paths import SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.worker import disk_space, trial_process
from sweeps.worker.disk_space import LEAST_BYTES, DiskSpace
from sweeps.worker.events import EpochReported, Event, Notice, TrialEnded, ignore_events
from sweeps.worker.limits import Stop
from tests.conftest import MakeSpace

LIMITS = {
    "limits": "{trials: 2, workers: 1}",
    "pruner": "none",
    # All that is declared: what a busy machine finds in time may differ from run to run.
    "parameters": "{kind: wide, units: 8, learning_rate: {type: float, low: 1e-3, high: 1e-1}}",
}
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_calls(
    patch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    calls: Container[int],
    error: OSError = FULL,
) -> None:
    """Let some calls of a function fail, by default as on a full disk."""
    count = iter(range(10**6))
    original = getattr(owner, name)

    def call(*arguments: object) -> object:
        if next(count) in calls:
            raise error
        return original(*arguments)

    patch.setattr(owner, name, call)


@dataclass
class Watcher:
    """Notes what a sweep tells of pauses, and what it does then.

    Attributes:
        when_paused: Called each time the sweep pauses.
        told: What was said, without what every sweep says.
        states: How trials ended.
    """

    when_paused: Callable[[], object] = lambda: None
    told: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialEnded):
            self.states.append(event.state)
        if isinstance(event, Notice) and "disk" in event.text:
            self.told.append(event.text)
            if event.text.startswith("disk full"):
                self.when_paused()


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let the disk look as this list says, one item a look; with space once it is empty."""
    looks: list[bool] = []
    monkeypatch.setattr(disk_space, "has_space", lambda folder, size: not looks or looks.pop(0))
    monkeypatch.setattr(disk_space, "LOOK_SECONDS", 0.01)
    return looks


def test_checkpoint_on_a_full_disk_pauses_and_the_trial_continues_in_place(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk: list[bool]
) -> None:
    """It is told once, and the sweep ends as if the disk had had space."""
    space = make_space(**LIMITS)
    plain = sweeps.run(space, results=tmp_path / "plain", engine="inline")
    watcher = Watcher()
    full_disk += [False, False, False]
    with monkeypatch.context() as patch:
        fail_calls(patch, durable, "sync_tree", range(3, 4))
        report = sweeps.run(space, results=tmp_path / "full", engine="inline", observer=watcher)
    assert len(watcher.told) == 2
    assert watcher.told[0].startswith(f"disk full: {report.folder} needs at least 1.05 MB more")
    assert "goes on by itself" in watcher.told[0]
    assert watcher.told[1] == "there is space on the disk again: the sweep goes on"
    assert watcher.states == ["complete", "complete"]
    assert (report.stopped, full_disk) == ("", [])
    assert report.to_rows() == plain.to_rows()
    assert report.trials[0].attempt == 2
    assert report.manifest is not None


def test_pauses_ask_for_more_only_where_no_epoch_came_between(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long trial may meet a full disk many times, and fail otherwise: it is no other disk."""
    asked: list[int] = []
    monkeypatch.setattr(disk_space, "has_space", lambda folder, size: not asked.append(size))
    space = make_space(**{**LIMITS, "training": "{epochs: 6}", "limits": "{trials: 1}"})
    with monkeypatch.context() as patch:
        for name, calls in (("first", (2, 5, 8)), ("second", (2, 3, 4))):
            asked.clear()
            with patch.context() as inner:
                fail_calls(inner, durable, "sync_tree", calls)
                report = sweeps.run(space, results=tmp_path / name, engine="inline")
            assert (report.trials[0].state, report.trials[0].attempt) == ("complete", 4)
            growth = [later / earlier for earlier, later in itertools.pairwise(asked)]
            assert growth == ([1, 1] if name == "first" else [8, 8])


@pytest.mark.usefixtures("shared_engine")
def test_driver_on_a_full_disk_pauses_and_does_again_what_failed(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk: list[bool]
) -> None:
    """Records of the study, outcomes and the bundle are there once, and no attempt is lost."""
    space = make_space(**LIMITS)
    plain = sweeps.run(space, results=tmp_path / "plain")
    watcher = Watcher(lambda: full_disk.extend([False, False]))
    with monkeypatch.context() as patch:
        fail_calls(patch, JournalBackend, "_write_once", range(12, 14))
        fail_calls(patch, JournalBackend, "_write_once", range(30, 31))
        fail_calls(patch, sweeps.worker.conclusions, "write_json", range(1))
        fail_calls(patch, sweeps.bundles.export, "write_manifest", range(1))
        full_disk.append(False)
        report = sweeps.run(space, results=tmp_path / "full", observer=watcher)
    assert len(watcher.told) == 2
    assert watcher.states == ["complete", "complete"]
    assert report.to_rows() == plain.to_rows()
    assert [trial.attempt for trial in report.trials] == [1, 1]
    assert read_json(SweepPaths(report.folder).trial(0).outcome)["state"] == "complete"
    assert report.manifest is not None
    assert list_names(report.folder / "bundle") == list_names(plain.folder / "bundle")


@pytest.mark.usefixtures("shared_engine")
@pytest.mark.parametrize(
    ("number", "reason", "owner", "name", "call"),
    [
        (signal.SIGINT, "interrupted", JournalBackend, "_write_once", 12),
        (signal.SIGTERM, "terminated", sweeps.bundles.export, "write_manifest", 0),
    ],
)
def test_signal_ends_a_pause(  # noqa: PLR0917 - the first five are fixtures
    make_space: MakeSpace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    full_disk: list[bool],
    number: signal.Signals,
    reason: str,
    owner: object,
    name: str,
    call: int,
) -> None:
    """While trials run and while the leader is exported; resume goes on."""
    watcher = Watcher(lambda: os.kill(os.getpid(), number))
    space = make_space(limits="{trials: 1, workers: 1}", training="{epochs: 2}")
    with monkeypatch.context() as patch:
        fail_calls(patch, owner, name, range(call, 10**6))
        full_disk += [False] * 10**4
        report = sweeps.run(space, results=tmp_path, observer=watcher)
    assert report.stopped == reason
    assert len(watcher.told) == 1
    assert not any(name.startswith(".") for name in list_names(report.folder))
    full_disk.clear()
    resumed = sweeps.resume(report.folder)
    assert [trial.state for trial in resumed.trials] == ["complete"]
    assert resumed.manifest is not None


def test_wait_ends_with_the_time_limit(tmp_path: Path, full_disk: list[bool]) -> None:
    """A pause does not outlast `limits.timeout`; what was to be written fails then."""
    full_disk += [False] * 10**4
    stop = Stop(time.monotonic() + 0.1)
    space = DiskSpace(tmp_path, stop, ignore_events)

    def write() -> None:
        raise FULL

    with pytest.raises(OSError, match="No space left"):
        space.retry(write)
    assert stop.reason == "timeout"


def test_wait_asks_for_more_space_each_time_the_same_fails_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what needs more than anyone knew, or is about another disk, comes to rest."""
    asked: list[int] = []
    monkeypatch.setattr(disk_space, "has_space", lambda folder, size: not asked.append(size))
    left = [FULL, FULL, FULL]

    def write() -> str:
        if left:
            raise left.pop()
        return "written"

    assert DiskSpace(tmp_path, Stop(), ignore_events).retry(write) == "written"
    assert asked == [LEAST_BYTES, 8 * LEAST_BYTES, 64 * LEAST_BYTES]


def test_retry_lets_other_errors_through(tmp_path: Path) -> None:
    """Waiting mends no broken disk."""

    def write() -> None:
        raise OSError(errno.EIO, "input/output error")

    with pytest.raises(OSError, match="input/output"):
        DiskSpace(tmp_path, Stop(), ignore_events).retry(write)


def test_trial_whose_log_has_no_space_begins_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then says itself that the disk is full, rather than to end with status 1."""
    request = {"folder": str(tmp_path), "number": 0}
    for error in (FULL, OSError(errno.EACCES, "permission denied")):
        with monkeypatch.context() as patch:
            fail_calls(patch, trial_process, "make_dir", range(1), error)
            if error is FULL:
                descriptor = trial_process._open_log(request)
                assert os.path.samestat(os.fstat(descriptor), Path(os.devnull).stat())
                os.close(descriptor)
            else:
                with pytest.raises(OSError, match="permission"):
                    trial_process._open_log(request)


def test_sweep_that_cannot_begin_says_what_to_do(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is anything to lose nobody waits."""
    fail_calls(monkeypatch, sweeps.sweep, "write_json", range(1))
    with pytest.raises(DiskFullError, match=r"tiny cannot be written.*Free space there"):
        sweeps.run(make_space(**LIMITS), results=tmp_path / "full", engine="inline")
    assert list_names(tmp_path / "full") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    deadline = time.monotonic() + 10
    # The last trial's process may need a moment to be gone, and its log is on this disk.
    while subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode:
        assert time.monotonic() < deadline, "something still uses the disk"
        time.sleep(0.05)


def is_first_epoch(event: Event) -> bool:
    return isinstance(event, EpochReported)


def is_export(event: Event) -> bool:
    return isinstance(event, Notice) and event.text.startswith("exporting")


@pytest.mark.usefixtures("shared_engine")
def test_real_full_disk_pauses_the_sweep_and_it_goes_on_after_space_is_freed(
    make_space: MakeSpace, small_disk: Path, tmp_path: Path
) -> None:
    """In a trial and in the export: old files stay whole, and the end is that of a plain sweep."""
    space = make_space(**LIMITS)
    plain = sweeps.run(space, results=tmp_path / "plain")
    root = small_disk / "tiny"
    ballast = small_disk / "ballast"
    to_fill = [is_first_epoch, is_export]
    seen: list[tuple[int, bool]] = []

    def look_and_free() -> None:
        time.sleep(0.5)  # it pauses, rather than to ask once
        seen.append((len(sweeps.read(root).trials), open_best(SweepPaths(root).trial(0)).exists()))
        ballast.unlink()

    watcher = Watcher(lambda: threading.Thread(target=look_and_free).start())

    def observe(event: Event) -> None:
        if to_fill and to_fill[0](event):
            del to_fill[0]
            fill_disk(ballast)
        watcher(event)

    report = sweeps.run(space, results=small_disk, observer=observe)
    assert to_fill == []
    assert seen == [(1, True), (2, True)]
    assert [text[:9] for text in watcher.told] == [
        "disk full",
        "there is ",
        "disk full",
        "there is ",
    ]
    assert report.stopped == ""
    assert report.to_rows() == plain.to_rows()
    assert report.manifest is not None
    assert plain.manifest is not None
    assert report.manifest["scores"] == plain.manifest["scores"]


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
