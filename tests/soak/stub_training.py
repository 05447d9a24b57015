"""Trials without Keras: they train in milliseconds, and everything around them is the real thing.

`install` puts modules in the place of those that import Keras, in the fork server, before it is
ready. The weights of a trial are a chain of digests, one link an epoch, so that whoever continues
from a wrong state ends elsewhere. What is trained again in another attempt gets another value, so
that it shows whether the study kept the first one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from sweeps.causes import Cause
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore, open_best
from sweeps.durable import make_dir, write_json
from sweeps.paths import BundlePaths, TrialPaths
from sweeps.spec.builds import Build, ModelSize
from sweeps.training.channel import TrialEnd
from sweeps.worker import fork_server
from tests.soak.faults import Fault, TooLargeError, choose_fault
from tests.soak.notes import Notes, open_notes

METRIC = "val_score"
PADDING = bytes(2000)
_START = """\
import sys
sys.path.insert(0, {root!r})
from tests.soak import stub_training
sys.path.pop(0)
stub_training.install()
"""


def replace_keras() -> Callable[[], None]:
    """Let the fork servers that this process starts have the stub; gives what undoes that."""
    start = fork_server._START
    fork_server._START = _START.format(root=str(Path(__file__).parents[2])) + start
    return lambda: setattr(fork_server, "_START", start)


def install() -> None:
    """Take the place of everything that imports Keras."""
    modules: dict[str, dict[str, Any]] = {
        "keras": {},
        "keras_tuner": {},
        "sweeps.training.train": {"train_trial": train_trial, "Attempt": Attempt},
        "sweeps.training.evaluate": {"export_model": export_model},
        "sweeps.training.model_size": {"InfeasibleModelError": TooLargeError},
        "sweeps.training.inspect": {"inspect_sweep": inspect_sweep, "inspect_data": inspect_data},
        "sweeps.training.discover": {"BuildingModels": BuildingModels, "Request": dict},
        # Whatever it is asked to do to TensorFlow, there is none.
        "sweeps.training.runtime": {"__getattr__": lambda name: lambda *_, **__: None},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module


class Attempt(SimpleNamespace):
    """Takes what the real one does."""

    def __init__(self, number: int, attempt: int, values: Any, *_: Any, **others: Any) -> None:
        super().__init__(number=number, attempt=attempt, values=values, **others)


@dataclass
class Inspection:
    """What the check of data and model finds."""

    problems: list[Any] = field(default_factory=list)
    traceback: str = ""
    metrics: tuple[str, ...] = ("loss", METRIC)
    declared: tuple[Any, ...] = ()
    num_weights: int = 1
    data: tuple[str, ...] = ("none",)
    data_parts: dict[str, Any] = field(default_factory=dict)
    loop_reason: str = ""


def inspect_sweep(spec: Any, values: Any) -> Inspection:
    """Find nothing wrong."""
    return Inspection()


def inspect_data(spec: Any) -> Inspection:
    """Find the same data as always."""
    return Inspection()


class BuildingModels:
    """Builds what declares nothing."""

    def __init__(self, spec: Any) -> None:
        pass

    def build(self, request: dict[str, Any]) -> Build:
        """Build with given values."""
        return Build(request["values"], size=ModelSize(1, len(PADDING)))


def export_model(spec: Any, trial: TrialPaths, values: Any, bundle: BundlePaths) -> dict[str, Any]:
    """Copy the checkpoint and read its score from it, which is all that proves it."""
    best = BestStore(trial).find_best()
    assert best is not None
    shutil.copyfile(open_best(trial), bundle.model)
    score = read_model(bundle.model)["value"]
    return {
        "scores": {"validation": {METRIC.removeprefix("val_"): score}},
        "value": best.value,
        "others": {},
        "facts": {},
        "own_fit": False,
        "custom_objects": [],
        "signature": None,
        "samples_error": "a stub takes none",
    }


def link(seed: int, number: int, epochs: int) -> str:
    """Compute the weights of a trial after some epochs."""
    chain = f"{seed}/{number}"
    for _ in range(epochs):
        chain = extend(chain)
    return chain


def extend(chain: str) -> str:
    """Train one epoch."""
    return hashlib.sha256(chain.encode()).hexdigest()


def score(values: dict[str, Any], epoch: int, chain: str, attempt: int) -> float:
    """Compute the value of an epoch; a later attempt gets a little another one."""
    noise = int(extend(f"{chain}/{attempt}")[:6], 16) / 16**6
    quality = values["x"] + values["units"] / 10 + len(values["kind"]) / 20
    return float(quality * (1 - 0.7**epoch) + 0.05 * noise)


def write_model(path: Path, **content: Any) -> None:
    """Write the stand-in for a saved model."""
    path.write_bytes(json.dumps(content).encode() + b"\n" + PADDING)


def read_model(path: Path) -> dict[str, Any]:
    """Read what `write_model` wrote."""
    found: dict[str, Any] = json.loads(path.read_bytes().split(b"\n", 1)[0])
    return found


def train_trial(spec: Any, paths: TrialPaths, attempt: Attempt, channel: Any) -> TrialEnd:
    """Train a trial, or continue it, in the order of the real one: best, latest, report."""
    notes = open_notes()
    seed = int(os.environ["SOAK_SEED"])
    fault = choose_fault(seed, attempt.number, attempt.attempt)
    about = {"number": attempt.number, "attempt": attempt.attempt}
    claim = _claim(notes, about)
    notes.add("begin", fault=fault.kind, place=fault.place, **about)
    fault.watch_disk()
    try:
        return _Training(spec, paths, attempt, channel, fault, notes, about, seed).run()
    finally:
        notes.add("over", **about)
        if fault.kind != "closed":
            os.close(claim)


def _claim(notes: Notes, about: dict[str, Any]) -> int:
    """Hold a lock of the trial, which the kernel frees with this process."""
    name = notes.path.with_name("alive") / f"{about['number']}"
    name.parent.mkdir(exist_ok=True)
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        notes.add("two alive", **about)
    return descriptor


@dataclass
class _Training:
    spec: Any
    paths: TrialPaths
    attempt: Attempt
    channel: Any
    fault: Fault
    notes: Notes
    about: dict[str, Any]
    seed: int
    history: list[list[float]] = field(default_factory=list)
    action: str = "continue"

    def run(self) -> TrialEnd:
        self.fault.at("build")
        make_dir(self.paths.root)
        values = self.attempt.values
        write_json(self.paths.params, values)
        same_as = self.channel.record_values(values)
        if same_as is not None:
            return TrialEnd("complete", cause=Cause.DUPLICATE, same_as=same_as)
        self.notes.add("values", values=values, **self.about)
        self.channel.tell_batch(32 // self.attempt.batch_divisor, self.attempt.batch_divisor, "")
        self.fault.at("values")
        first, chain, divisor = self._continue()
        self.best = BestStore(self.paths)
        self.best.remove_others(self.best.find_best())
        for epoch, value in self.history:
            self._report(int(epoch), value)
        epoch = first
        while self.action == "continue" and epoch < self.spec.training.epochs:
            epoch += 1
            chain = extend(chain)
            time.sleep(0.002)
            if self.fault.kind == "nan" and self.fault.epoch == epoch - first:
                return self._end("failed", epoch, Cause.DIVERGED, "the loss is nan")
            self._train(epoch, epoch - first, chain, divisor)
        if self.action == "stop":
            return self._end("interrupted", epoch)
        return self._end("pruned" if self.action == "prune" else "complete", epoch)

    def _continue(self) -> tuple[int, str, int]:
        store = LatestStore(self.paths)
        latest = store.find()
        divisor = int(latest.state["divisor"]) if latest else 1
        if divisor < self.attempt.batch_divisor:
            self.notes.add("restarted", **self.about)
            BestStore(self.paths).clear()
            store.clear()
            return 0, link(self.seed, self.attempt.number, 0), self.attempt.batch_divisor
        if latest is None:
            return 0, link(self.seed, self.attempt.number, 0), divisor
        chain = read_model(latest.arrays)["chain"]
        self.notes.add("continued", epoch=latest.epoch, chain=chain, **self.about)
        self.history = latest.state["history"]
        self.channel.tell_resume([])
        store.remove_leftovers()
        return latest.epoch, chain, divisor

    def _train(self, epoch: int, num_trained: int, chain: str, divisor: int) -> None:
        value = score(self.attempt.values, epoch, chain, self.attempt.attempt)
        self.notes.add("trained", epoch=epoch, value=value, **self.about)
        self.fault.at("trained", num_trained)
        self._keep_best(epoch, value, chain)
        self.fault.at("best", num_trained)
        self.history = [*self.history, [epoch, value]]
        LatestStore(self.paths).commit(
            epoch,
            lambda path: write_model(path, chain=chain),
            {"history": self.history, "divisor": divisor},
        )
        self.notes.add("state", epoch=epoch, **self.about)
        self.fault.at("state", num_trained)
        self._report(epoch, value)
        self.fault.at("reported", num_trained)

    def _keep_best(self, epoch: int, value: float, chain: str) -> None:
        known = self.best.find_best()
        sign = 1 if self.spec.objective.direction == "maximize" else -1
        if known and sign * value <= sign * known.value:
            return
        name = f"{self.attempt.number:04d}-epoch{epoch:02d}-{self.attempt.attempt}.keras"
        about = {**self.about, "epoch": epoch, "value": value, "chain": chain}
        digest = self.best.write(name, lambda path: write_model(path, **about))
        self.best.commit(BestCheckpoint(name, value, epoch, digest))
        self.notes.add("best", epoch=epoch, value=value, **self.about)

    def _report(self, epoch: int, value: float) -> None:
        known = self.best.find_best()
        self.notes.add("reporting", epoch=epoch, value=value, **self.about)
        self.action = self.channel.report(epoch, value, known.value if known else None)
        self.notes.add("answered", epoch=epoch, value=value, action=self.action, **self.about)

    def _end(self, state: Any, epoch: int, cause: str = "", reason: str = "") -> TrialEnd:
        best = self.best.find_best()
        value = best.value if best else None
        if state == "complete" and best is None:
            return TrialEnd("failed", epoch, cause=Cause.NO_FINITE_VALUE, reason="no value")
        return TrialEnd(state, epoch, best, value=value, cause=cause, reason=reason)
