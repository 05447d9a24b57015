"""Real processes of a sweep, killed at random moments: nothing is lost, nothing runs twice."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sweeps
from sweeps.paths import SweepPaths
from sweeps.worker.events import EpochReported
from tests.conftest import FAKES, MakeSpace

pytestmark = pytest.mark.usefixtures("shared_engine")

SLOW = {
    "model": f"{FAKES / 'tiny_model.py'}:build_slow",
    "training": "{epochs: 4, batch_size: 16}",
}


def test_driver_killed_again_and_again_ends_in_the_same_sweep(
    make_space: MakeSpace, tmp_path: Path, kills: int
) -> None:
    """SIGKILL of the driver at random moments: the final rows are those of an undisturbed sweep."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the kills: {seed}")
    num_trials = kills + 2
    space = make_space(**SLOW, limits=f"{{trials: {num_trials}, workers: 1}}")
    whole = sweeps.run(space, results=tmp_path / "whole")
    paths = SweepPaths(tmp_path / "killed" / "tiny")
    moments = random.Random(seed)
    states = [live_and_die(space, paths, moments) for _ in range(kills)]
    assert len(set(states)) > 1, "the kills came before anything had happened"
    report = sweeps.resume(paths.root)
    assert [trial.number for trial in report.trials] == list(range(num_trials))
    assert report.to_rows() == whole.to_rows()
    assert report.best is not None
    assert whole.best is not None
    assert report.best.number == whole.best.number
    for trial in report.trials:
        epochs = [int(row["epoch"]) for row in read_history(paths, trial.number)]
        assert epochs == list(range(1, trial.epoch + 1))
        assert read_history(paths, trial.number) == read_history(
            SweepPaths(whole.folder), trial.number
        )


def live_and_die(space: Path, paths: SweepPaths, moments: random.Random) -> int:
    """Let a driver work until a random moment, kill it, and give the journal's size then."""
    verb = ["resume", str(paths.root)]
    if not paths.spec.exists():
        verb = ["run", str(space), "--results", str(paths.root.parent)]
    size = measure(paths.journal)
    with subprocess.Popen(
        [sys.executable, "-m", "sweeps", *verb], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as driver:
        # One life in eight ends while Keras is still imported, all others in the middle of work.
        if moments.random() < 1 / 8:
            time.sleep(moments.uniform(0, 3))
        else:
            deadline = time.monotonic() + 120
            while measure(paths.journal) == size and driver.poll() is None:
                assert time.monotonic() < deadline, "the driver does nothing"
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 1.0))
        is_alive = driver.poll() is None
        driver.kill()
        said = driver.communicate()[0].decode()
    assert is_alive, f"the driver ended by itself:\n{said}"
    return measure(paths.journal)


def measure(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def read_history(paths: SweepPaths, number: int) -> list[dict[str, str]]:
    with paths.trial(number).history.open(newline="") as file:
        return list(csv.DictReader(file))


def test_trial_process_killed_in_mid_epoch_leaves_its_siblings_alone(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """The killed trial is recorded as failed; all others are what they are without it."""
    space = make_space(
        **SLOW,
        sampler="random",
        pruner="none",
        limits="{trials: 4, workers: 2, retries: {killed: 0}}",
        seed="5",
    )
    whole = sweeps.run(space, results=tmp_path / "whole")
    root = tmp_path / "killed" / "tiny"
    killed: list[int] = []

    def kill() -> None:
        time.sleep(0.1)  # an epoch takes 0.3 s or more: ten batches and five of validation
        for pid in find_writers(SweepPaths(root).trial(1).log):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    def watch(event: object) -> None:
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (1, 2):
            threading.Thread(target=kill).start()

    report = sweeps.run(space, results=root.parent, observer=watch)
    assert len(killed) == 1
    failed = report.trials[1]
    assert (failed.state, failed.cause) == ("failed", "killed")
    assert failed.epoch in (2, 3)  # 3 where the machine is busy and the kill comes late
    siblings = [0, 2, 3]
    assert [report.to_rows()[number] for number in siblings] == [
        whole.to_rows()[number] for number in siblings
    ]
    assert [report.trials[number].attempt for number in siblings] == [1, 1, 1]


def find_writers(log: Path) -> Iterator[int]:
    """Find the processes whose output goes to a trial's log."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "fd/1").readlink() == log:
                yield int(process.name)
        except OSError:
            continue


def test_stop_from_another_terminal_saves_and_can_be_resumed(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """`stop` is a SIGTERM to who holds the sweep: status 75, nothing lost, resume goes on."""
    space = make_space(
        model=f"{FAKES / 'tiny_model.py'}:build_slow", limits="{trials: 2, workers: 1}"
    )
    paths = SweepPaths(tmp_path / "tiny")
    with subprocess.Popen(
        [sys.executable, "-m", "sweeps", "run", str(space), "--results", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    ) as driver:
        while not paths.trial(0).history.exists():
            assert driver.poll() is None
            time.sleep(0.02)
        said = subprocess.run(
            [sys.executable, "-m", "sweeps", "stop", str(paths.root)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert driver.wait(timeout=30) == 75
    assert f"asked process {driver.pid} on" in said
    assert "python -m sweeps resume" in said
    assert sweeps.read(paths.root).trials[0].state in ("interrupted", "complete", "pruned")
    report = sweeps.resume(paths.root)
    assert len(report.trials) == 2
    assert all(trial.state in ("complete", "pruned") for trial in report.trials)
