"""Ctrl-C and SIGTERM wherever a sweep may be: in mid-epoch, in the checks, in the export."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import pytest

import sweeps
from sweeps import SweepReport
from sweeps.checkpoints.store import open_best
from sweeps.cli.app import run_command_line
from sweeps.durable import read_json
from sweeps.paths import SweepPaths
from sweeps.worker.events import Event, Notice
from sweeps.worker.limits import Stop
from tests.conftest import FAKES, MakeSpace

pytestmark = pytest.mark.usefixtures("shared_engine")

BOTH = pytest.mark.parametrize(
    ("number", "status", "reason"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 75, "terminated")],
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Copy the code, with room for the files that make it slow."""
    folder = tmp_path / "code"
    folder.mkdir()
    for name in ("tiny_model.py", "paced_model.py"):
        shutil.copy(FAKES / name, folder)
    return folder


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 180  # for a busy machine
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def signal_when_held(code: Path, number: signal.Signals) -> None:
    """Let data be held from here on, and send this process a signal when it is."""
    (code / "HELD").unlink(missing_ok=True)
    (code / "HOLD").touch()

    def wait_and_send() -> None:
        wait_for(code / "HELD")
        os.kill(os.getpid(), number)

    threading.Thread(target=wait_and_send).start()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_signal_in_mid_epoch_saves_the_batch_and_resume_is_exact(
    make_space: MakeSpace, tmp_path: Path, code: Path, number: signal.Signals, status: int
) -> None:
    """An epoch of 20 s is not waited for; history and weights are those of an undisturbed trial."""
    space = make_space(
        model=f"{code / 'paced_model.py'}:build_braked",
        data=f"{code / 'paced_model.py'}:load",
        limits="{trials: 1, workers: 1}",
        training="{epochs: 2, batch_size: 2}",
    )
    plain = sweeps.run(space, results=tmp_path / "plain")
    paths = SweepPaths(tmp_path / "cut" / "tiny")
    with subprocess.Popen(
        [sys.executable, "-m", "sweeps", "run", str(space), "--results", str(tmp_path / "cut")],
        stdout=subprocess.DEVNULL,
    ) as driver:
        wait_for(paths.trials)  # after the checks, which train a few batches too
        (code / "BRAKE").touch()
        wait_for(paths.trial(0).params)
        time.sleep(2)
        driver.send_signal(number)
        assert driver.wait(timeout=60) == status
    (code / "BRAKE").unlink()
    states = [path.name for path in paths.trial(0).latest.iterdir()]
    assert any("-batch-" in name for name in states)
    assert sweeps.read(paths.root).trials[0].state == "interrupted"
    resumed = sweeps.resume(paths.root)
    assert resumed.to_rows() == plain.to_rows()
    assert read_json(paths.trial(0).outcome)["resume"] == "exact"
    assert paths.trial(0).history.read_text() == trial_of(plain).history.read_text()
    assert read_weights(open_best(paths.trial(0))) == read_weights(open_best(trial_of(plain)))


def trial_of(report: SweepReport) -> object:
    return SweepPaths(report.folder).trial(0)


def read_weights(checkpoint: Path) -> dict[str, bytes]:
    """Read every array of a saved model."""
    arrays: dict[str, bytes] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()].tobytes()

    with zipfile.ZipFile(checkpoint) as archive:
        content = BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(take)
    assert arrays
    return arrays


@BOTH
def test_signal_while_model_and_data_are_checked_leaves_nothing(
    make_space: MakeSpace,
    tmp_path: Path,
    code: Path,
    number: signal.Signals,
    status: int,
    reason: str,
) -> None:
    """Nothing has begun, so there is no folder; the status says what ended it."""
    space = make_space(data=f"{code / 'paced_model.py'}:load_held")
    signal_when_held(code, number)
    before = signal.getsignal(number)
    assert run_command_line(["run", str(space), "--results", str(tmp_path / "results")]) == status
    assert not (tmp_path / "results").exists()
    assert signal.getsignal(number) == before


@BOTH
def test_signal_while_the_leader_is_exported_leaves_that_to_resume(
    make_space: MakeSpace,
    tmp_path: Path,
    code: Path,
    number: signal.Signals,
    status: int,
    reason: str,
) -> None:
    """The export is given up, no part of a bundle is left, and resume exports."""
    space = make_space(
        data=f"{code / 'paced_model.py'}:load_held_everywhere",
        limits="{trials: 1, workers: 1}",
        training="{epochs: 1}",
    )

    def observe(event: Event) -> None:
        if isinstance(event, Notice) and event.text.startswith("exporting"):
            signal_when_held(code, number)

    report = sweeps.run(space, results=tmp_path, observer=observe)
    assert report.stopped == reason
    assert report.bundle is None
    names = {path.name for path in report.folder.iterdir()}
    assert names == {"space.yaml", "spec.json", "study.journal", "sweep.lock", "trials"}
    (code / "HOLD").unlink()
    assert run_command_line(["resume", str(report.folder), "--plain"]) == 0
    assert sweeps.read(report.folder).manifest is not None


def test_stop_takes_a_signal_over_what_was_less_urgent() -> None:
    """SIGTERM does not wait for trials that drain after the time limit."""
    stop = Stop()
    stop.ask("timeout")
    stop.ask("3 trials failed")
    assert stop.reason == "timeout"
    stop.ask("terminated", urgent=True)
    assert stop.reason == "terminated"


TWICE = """
import os, signal, sys
from sweeps.worker.events import ignore_events
from sweeps.worker.limits import Stop
from sweeps.worker.signals import Signals

stop = Stop()
signals = Signals(stop, ignore_events)
with signals.taken(), signals.draining():
    for name in sys.argv[1:]:
        os.kill(os.getpid(), getattr(signal, name))
        print(stop.reason, flush=True)
"""


@pytest.mark.parametrize(
    ("names", "said", "status"),
    [
        (["SIGINT"], "interrupted\n", 0),
        (["SIGINT", "SIGINT"], "interrupted\n", 130),
        (["SIGTERM", "SIGTERM"], "terminated\n", 75),
        (["SIGINT", "SIGTERM"], "interrupted\n", 75),
    ],
)
def test_second_signal_ends_the_process_at_once(names: list[str], said: str, status: int) -> None:
    """The first one asks; whoever cannot wait sends another."""
    ended = subprocess.run(
        [sys.executable, "-c", TWICE, *names], capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.returncode) == (said, status)
