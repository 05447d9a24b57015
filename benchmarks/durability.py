"""What it costs an epoch that its best and its latest checkpoint are on disk.

Run from the repository: ``python benchmarks/durability.py [--quick] [--json FILE]``. Each model
trains in the compiled loop with one thread, epochs of about two seconds of which every one is the
best so far (the worst case), in three ways that take turns:

- ``bare``: nothing is saved;
- ``behind``: best and latest checkpoint, written while the next epoch trains, as trials do it;
- ``at once``: the same, but the training waits for the disk.

``waits`` is how much longer the training thread stands still between two epochs than without; a
``model.save`` of the ``.keras`` file alone would take ``keras``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import tensorflow as tf

from benchmarks.figures import Column, Figures, make_parser
from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.paths import TrialPaths
from sweeps.spec.model import Checkpoint, Objective
from sweeps.training.behind import Behind
from sweeps.training.best_checkpoint import make_best_checkpointing
from sweeps.training.data import Data, Split
from sweeps.training.epoch_loop import FitPlan, build_state, fit
from sweeps.training.latest_checkpoint import LatestCheckpointing
from sweeps.training.repetitions import Repetition
from sweeps.training.snapshot import ModelSaver

UNITS = {"0.1 M": (128,), "1 M": (700, 600), "10 M": (3000, 2500)}
BATCH_SIZE = 64
WAYS = ("bare", "behind", "at once")
COLUMNS = (
    Column("model", "model"),
    Column("parameters", "weights", ",d"),
    Column("epoch_seconds", "epoch s", ".2f"),
    Column("behind_percent", "behind, %", "+.1f"),
    Column("at_once_percent", "at once, %", "+.1f"),
    Column("waits_ms", "waits ms", ".1f"),
    Column("keras_ms", "keras ms", ".1f"),
    Column("epoch_bytes", "bytes an epoch", ",d"),
)


@dataclass(frozen=True)
class Row:
    """What was measured of one model.

    Attributes:
        model: Its size, in words.
        parameters: Its number of weights.
        epoch_seconds: Median length of a bare epoch.
        behind_percent: How much longer epochs are with checkpoints written behind.
        at_once_percent: How much longer where the training waits.
        waits_ms: How much longer the training thread stands still between two epochs, behind.
        keras_ms: Median time of ``model.save`` to a ``.keras`` file.
        epoch_bytes: Bytes written per epoch.
    """

    model: str
    parameters: int
    epoch_seconds: float
    behind_percent: float
    at_once_percent: float
    waits_ms: float
    keras_ms: float
    epoch_bytes: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = make_parser(__doc__, "short epochs, one model, one round")
    options = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    models = {"0.1 M": UNITS["0.1 M"]} if options.quick else UNITS
    seconds, rounds, epochs = (0.05, 1, 3) if options.quick else (2.0, 3, 4)
    figures = Figures("durability", COLUMNS, seeds=[0])
    for model in models:
        figures.rows.append(asdict(measure(model, seconds, rounds, epochs)))
        figures.write(options.json)
    figures.print()


def measure(name: str, seconds: float, rounds: int, epochs: int) -> Row:
    """Train one model in all ways, turn by turn."""
    num_samples = _find_num_samples(UNITS[name], seconds)
    lengths: dict[str, list[float]] = {way: [] for way in WAYS}
    waits: dict[str, list[float]] = {way: [] for way in WAYS}
    num_bytes, parameters, keras_seconds = 0, 0, [0.0]
    for _ in range(rounds):
        for way in WAYS:
            with tempfile.TemporaryDirectory() as folder:
                model = make_model(UNITS[name])
                timing = train(model, num_samples, epochs, TrialPaths(Path(folder)), way)
                lengths[way] += timing.lengths[1:]  # the first one compiles
                waits[way] += timing.waits[1:]
                if way == "behind":
                    num_bytes = _count_bytes(Path(folder))
                    parameters = model.count_params()
                    keras_seconds = _time_saving(model, Path(folder))
    bare, behind, at_once = (statistics.median(lengths[way]) for way in WAYS)
    return Row(
        name,
        parameters,
        bare,
        100 * (behind / bare - 1),
        100 * (at_once / bare - 1),
        1e3 * (statistics.median(waits["behind"]) - statistics.median(waits["bare"])),
        1e3 * statistics.median(keras_seconds),
        num_bytes,
    )


def make_model(units: tuple[int, ...]) -> Any:
    """Make a classifier of 784 features in ten classes."""
    layers = [keras.layers.Dense(each, activation="relu") for each in units]
    model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


class Timing(keras.callbacks.Callback):  # type: ignore[misc]
    """Comes first: gives each epoch a better score, and notes when it begins and has trained.

    Attributes:
        lengths: Seconds from the beginning of an epoch to that of the next.
        waits: Seconds from its last batch to the beginning of the next epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[float] = []
        self.waits: list[float] = []
        self._began = self._trained = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the time."""
        now = time.perf_counter()
        if epoch:
            self.lengths.append(now - self._began)
            self.waits.append(now - self._trained)
        self._began = now

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the time, and let this epoch be the best."""
        self._trained = time.perf_counter()
        logs["score"] = float(epoch)


def train(model: Any, num_samples: int, epochs: int, trial: TrialPaths, way: str) -> Timing:
    """Train a model in one of the ways."""
    generator = np.random.default_rng(0)
    x = generator.random((num_samples, 784), np.float32)
    data = Data(Split(x, generator.integers(0, 10, num_samples)))
    build_state(model, data.train, BATCH_SIZE)
    timing = Timing()
    plan = FitPlan(data, BATCH_SIZE, epochs + 1)
    if way == "bare":
        fit(model, plan, [timing], compiled=True)
        return timing
    with Behind(at_once=way == "at once") as behind:
        best = make_best_checkpointing(
            BestStore(trial),
            Checkpoint(),
            [Objective(metric="score", direction="maximize")],
            counters={"trial": 0, "attempt": 1},
            num_kept=1,
            behind=behind,
            saver=ModelSaver(model) if way == "behind" else None,
        )
        latest = LatestCheckpointing(
            LatestStore(trial),
            trial.history,
            [],
            None,
            Repetition(0, 1, 0),
            behind=behind,
            find_saved=lambda: best.saved,
        )

        def settle() -> bool:
            behind.settle()
            return False

        plan = FitPlan(data, BATCH_SIZE, epochs + 1, settle=settle)
        start = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: behind.start())
        fit(model, plan, [timing, best, latest, start], compiled=True)
    return timing


def _find_num_samples(units: tuple[int, ...], seconds: float) -> int:
    """Find how many samples make an epoch of about so many seconds."""
    num_samples = 10 * BATCH_SIZE
    with tempfile.TemporaryDirectory() as folder:
        timing = train(make_model(units), num_samples, 3, TrialPaths(Path(folder)), "bare")
    return max(num_samples, int(num_samples * seconds / min(timing.lengths)))


def _count_bytes(folder: Path) -> int:
    """Count what the last epoch has written: one best checkpoint and the newer state of two."""
    older = min((folder / "latest").iterdir())
    status = [path.stat() for path in folder.rglob("*") if path.is_file() and path.parent != older]
    return sum({each.st_ino: each.st_size for each in status}.values())


def _time_saving(model: Any, folder: Path) -> list[float]:
    found = []
    for _ in range(3):
        began = time.perf_counter()
        model.save(folder / "model.keras")
        found.append(time.perf_counter() - began)
    return found


if __name__ == "__main__":
    main()
