"""Where the values of several objectives come from: the epoch whose model is kept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import pytest

from sweeps.checkpoints.store import BestCheckpoint, BestStore
from sweeps.paths import TrialPaths
from sweeps.spec.model import Checkpoint, Objective
from sweeps.training.best_checkpoint import BestCheckpointing
from sweeps.training.repetitions import (
    Repetition,
    average_each,
    find_best_values,
    find_model_facts,
    pick_values,
)
from tests.training.samples import make_mlp

NAN, INF = math.nan, math.inf
ACCURACY = Objective(metric="val_accuracy", direction="maximize")
LOSS = Objective(metric="val_loss", direction="minimize")
WEIGHTS = Objective(metric="num_weights", direction="minimize")
THREE = (ACCURACY, LOSS, WEIGHTS)
FACTS = {"num_weights": 67.0}


def make_logs(accuracy: float | None, loss: float | None) -> dict[str, Any]:
    logs = {"loss": 1.0, "val_accuracy": accuracy, "val_loss": loss}
    return {name: value for name, value in logs.items() if value is not None}


CURVES: list[tuple[list[tuple[float | None, float | None]], int]] = [
    ([(0.5, 0.9), (0.7, 0.6), (0.6, 0.5)], 2),
    ([(0.5, 0.9), (0.9, NAN), (0.6, 0.5)], 3),
    ([(0.5, 0.9), (0.9, -INF), (0.6, INF)], 1),
    ([(0.5, NAN), (NAN, 0.5)], 0),
    ([(None, None), (0.5, 0.6), (None, None)], 2),
    ([(0.5, None), (0.4, 0.6)], 2),
]
"""Accuracy and loss by epoch, and the best epoch; 0 where there is none."""


@pytest.mark.parametrize(("curve", "expected"), CURVES)
def test_best_epoch_has_a_finite_value_of_every_objective(
    tmp_path: Path, curve: list[tuple[float | None, float | None]], expected: int
) -> None:
    """An epoch without one is passed over; kept file and told values are of the same epoch."""
    store = BestStore(TrialPaths(tmp_path))
    callback = BestCheckpointing(
        store, Checkpoint(path="{epoch}.keras"), THREE, counters={"trial": 0}, facts=FACTS
    )
    callback.set_model(make_mlp())
    for epoch, pair in enumerate(curve):
        callback.on_epoch_end(epoch, make_logs(*pair))
    values = find_best_values([make_logs(*pair) for pair in curve], THREE, FACTS)
    best = store.find_best()
    if expected == 0:
        assert (best, values) == (None, {})
        return
    accuracy, loss = curve[expected - 1]
    assert best is not None
    assert (best.epoch, best.value) == (expected, accuracy)
    assert best.others == {"val_loss": loss, "num_weights": 67.0}
    assert values == {"val_accuracy": accuracy, **best.others}


def test_best_checkpoint_written_before_there_were_several_objectives_is_read(
    tmp_path: Path,
) -> None:
    """A record without the other values is one of a single objective."""
    trial = TrialPaths(tmp_path)
    trial.checkpoints.mkdir()
    trial.best.write_text(
        '{"schema": 1, "file": "a.keras", "value": 0.5, "epoch": 3, "sha256": "ab"}'
    )
    assert BestStore(trial).find_best() == BestCheckpoint("a.keras", 0.5, 3, "ab")


def test_pick_values_of_one_objective_needs_that_one_only() -> None:
    """What nobody asked for may be NaN."""
    assert pick_values(make_logs(0.5, NAN), (ACCURACY,), {}) == {"val_accuracy": 0.5}


def test_pick_values_of_an_epoch_with_a_broken_loss_are_none() -> None:
    """A model of NaN weights has a finite accuracy, which is none of a model worth keeping."""
    for loss in (NAN, INF):
        assert pick_values({"loss": loss, "val_accuracy": 0.9}, (ACCURACY,), {}) == {}
    assert pick_values({"val_accuracy": 0.9}, (ACCURACY,), {}) == {"val_accuracy": 0.9}


def test_find_model_facts_counts_the_weights_that_were_asked_for() -> None:
    """`num_weights` is what Keras' summary calls the total of parameters."""
    model = make_mlp(units=8)
    assert find_model_facts(model, THREE) == {"num_weights": 4 * 8 + 8 + 8 * 3 + 3}
    assert find_model_facts(model, (ACCURACY,)) == {}
    assert model.count_params() == sum(
        int(keras.ops.size(weight)) for weight in model.trainable_weights
    )


def test_repetition_averages_each_objective() -> None:
    """Over repeats every objective is told as its mean, as the primary one is."""
    repetition = Repetition(2, 0, 6, (0.5, 0.7), ({"val_loss": 1.0}, {"val_loss": 3.0}))
    assert repetition.average_others({"val_loss": 2.0}) == {"val_loss": 2.0}
    assert average_each([{"a": 1.0, "b": 5.0}, {"a": 2.0, "b": 5.0}]) == {"a": 1.5, "b": 5.0}
