"""What one trial's code does harms nobody else: siblings are the same, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import joblib
import pytest
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

import sweeps
from sweeps.engines.local import LocalEngine
from sweeps.worker.process_tree import list_children
from tests.conftest import FAKES
from tests.worker.test_fork_server import _server_of

# How a trial of each kind ends: its state and cause.
ENDS = {
    "kill": ("failed", "killed"),
    "segfault": ("failed", "crashed"),
    "abort": ("failed", "crashed"),
    "os_exit": ("failed", "exit"),
    "sys_exit": ("failed", "exit"),
    "raise_memory_error": ("failed", "out of memory"),
    "allocate": ("failed", "out of memory"),
    "loop": ("failed", "timeout"),
    "deadlock": ("failed", "timeout"),
    "disturb": ("complete", None),
    "leave_child_and_die": ("failed", "killed"),
    "fork_and_come_back": ("complete", None),
    "close_everything": ("failed", "exit"),
    "write_everywhere": ("failed", "exit"),
}
SIBLING = "nothing"
HARMLESS = "raise_error"
SPACE = """
name: hostile
model: hostile_model.py:build
data: hostile_model.py:load
objective: {metric: val_accuracy, direction: maximize}
parameters:
  learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}
  kind: wide
  units: 8
sampler: random
pruner: none
training: {epochs: 2, batch_size: 16}
resources: {memory: 600MB}
"""


@dataclass(frozen=True)
class Place:
    """A folder with the code, what it leaves behind, and a sweep of it."""

    root: Path

    def run(self, faults: list[str], trial_timeout: str) -> None:
        """Run a sweep in which the trials do what they are told, two at a time."""
        (self.root / "litter").mkdir(parents=True)
        for name in ("hostile_model.py", "tiny_model.py"):
            shutil.copy(FAKES / name, self.root)
        retries = "{killed: 0, crashed: 0, out of memory: 0}"
        limits = f"workers: 2, trial_timeout: {trial_timeout}, retries: {retries}"
        space = self.root / "space.yaml"
        space.write_text(f"{SPACE}limits: {{trials: {len(faults)}, {limits}}}\n")
        (self.root / "plan.json").write_text(json.dumps(faults))
        queue = [{"learning_rate": 0.02 + 0.001 * number} for number in range(len(faults))]
        report = sweeps.run(space, results=self.root / "results", enqueue=queue)
        assert report.stopped == ""

    def list_litter(self) -> list[str]:
        return sorted(path.name for path in (self.root / "litter").iterdir())

    def read(self, number: int, file: str) -> Any:
        path = self.root / f"results/hostile/trials/{number:04d}" / file
        return json.loads(path.read_text()) if path.suffix == ".json" else path.read_text()

    def describe(self, number: int) -> dict[str, Any]:
        """Give all that a sibling is: its values, its history and the bits of its weights."""
        best = self.read(number, "checkpoints/best.json")
        outcome = self.read(number, "outcome.json")
        kept = ("state", "value", "best_epoch", "attempt", "cause")
        checkpoint = self.root / f"results/hostile/trials/{number:04d}/checkpoints" / best["file"]
        return {
            **{key: outcome[key] for key in kept},
            "params": self.read(number, "params.json"),
            "history": self.read(number, "history.csv"),
            "weights": hash_weights(checkpoint),
        }


def hash_weights(checkpoint: Path) -> dict[str, str]:
    found = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = hashlib.sha256(item[()].tobytes()).hexdigest()

    with zipfile.ZipFile(checkpoint) as archive, archive.open("model.weights.h5") as file:
        h5py.File(file, "r").visititems(note)
    assert found
    return found


def test_whatever_a_trial_does_its_siblings_are_the_same_bit_for_bit(
    tmp_path: Path, local_engine: LocalEngine, shared_engine: object
) -> None:
    """Crashes, hangs, threads, children, settings and litter of others change no bit of a trial.

    The sweep to compare with has trials of the same numbers in their places that only raise.
    """
    faults = [SIBLING]
    for index, fault in enumerate(ENDS):
        faults += [fault] if index % 4 else [fault, SIBLING]
    hostile, clean = Place(tmp_path / "hostile"), Place(tmp_path / "clean")
    server = _server_of(local_engine).pid
    hostile.run(faults, "15s")
    (data,) = list_children(server)  # the process that holds the data, and forks the trials
    assert list_children(data) == []
    clean.run([fault if fault == SIBLING else HARMLESS for fault in faults], "10m")
    assert _server_of(local_engine).pid == server  # it has lived through all of this
    siblings = [number for number, fault in enumerate(faults) if fault == SIBLING]
    for number in siblings:
        assert hostile.describe(number) == clean.describe(number)
    ended = {}
    for number, fault in enumerate(faults):
        outcome = hostile.read(number, "outcome.json")
        ended[fault] = (outcome["state"], outcome["cause"])
        if fault in ("segfault", "abort", "loop", "deadlock"):  # where it was is told, too
            assert re.search(rf"hostile_model\.py:\d+, in {fault}\)", outcome["reason"])
    assert ended == {SIBLING: ("complete", None), **ENDS}
    check_output(hostile, faults)
    assert hostile.list_litter() == ["root.log", "written_here.txt"]
    assert clean.list_litter() == []


def check_output(place: Place, faults: list[str]) -> None:
    """What a trial prints, by whatever way, is in its own log and in no other one."""
    logs = {fault: place.read(number, "log.txt") for number, fault in enumerate(faults)}
    assert logs["disturb"].count("print_much: by Python\n") == 20_000
    for way in ("to stderr", "by C", "by a descriptor"):
        assert f"print_much: {way}\n" in logs["disturb"]
    assert "log: by the root logger" in logs["disturb"]
    assert "printed before the crash\n" in logs["segfault"]
    assert "in segfault" in logs["segfault"]
    for fault, text in logs.items():
        assert ("print_much:" in text) == (fault == "disturb")
        assert ("by the root logger" in text) == (fault == "disturb")


def test_red_control_a_pool_of_processes_loses_the_siblings() -> None:
    """With joblib's own processes one that dies takes all the others' work along."""
    ends = [os._exit if number == 2 else abs for number in range(6)]
    with pytest.raises(TerminatedWorkerError):
        joblib.Parallel(n_jobs=2)(joblib.delayed(end)(1) for end in ends)
    get_reusable_executor().shutdown(wait=True)


def test_hash_of_weights_tells_weights_apart(tmp_path: Path) -> None:
    """The comparison above can fail."""
    for value in (0.0, 1.0):
        with h5py.File(tmp_path / f"{value}.h5", "w") as file:
            file["kernel"] = [value]
        with zipfile.ZipFile(tmp_path / f"{value}.keras", "w") as archive:
            archive.write(tmp_path / f"{value}.h5", "model.weights.h5")
    assert hash_weights(tmp_path / "0.0.keras") != hash_weights(tmp_path / "1.0.keras")
