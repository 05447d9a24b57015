"""Tests of `sweeps.training.retrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeps.checkpoints.store import BestStore
from sweeps.errors import CheckpointError, OptionError
from sweeps.paths import TrialPaths
from sweeps.spec.model import Objective, SweepSpec, Training
from sweeps.training.randomness import derive_seed, draw_order
from sweeps.training.retrain import retrain
from sweeps.training.train import Attempt, train_trial
from tests.training.samples import FakeChannel, hash_variables, make_data

VALUES = {"rate": 0.1}


def make_spec(build: str = "build_mlp", load: str = "load_mlp", **training: Any) -> SweepSpec:
    return SweepSpec(
        name="tiny",
        model=f"tests.training.spaces:{build}",
        data=f"tests.training.spaces:{load}",
        objective=Objective(metric="val_loss", direction="minimize"),
        training=Training(**{"epochs": 3, "batch_size": 8, **training}),
    )


def train(spec: SweepSpec, folder: Path) -> TrialPaths:
    trial = TrialPaths(folder / "0007")
    end = train_trial(spec, trial, Attempt(7, 1, VALUES, seed=1), FakeChannel())
    assert end.state == "complete"
    return trial


def test_retrain_learns_from_both_splits_for_the_best_epochs(tmp_path: Path) -> None:
    """The model sees every sample of both, for as many epochs as the kept checkpoint had."""
    spec = make_spec(early_stopping=1)
    trial = train(spec, tmp_path)
    best = BestStore(trial).find_best()
    assert best is not None
    found = retrain(spec, trial, 7, VALUES)
    assert found.epochs == len(found.history) == best.epoch
    assert [row["epoch"] for row in found.history] == list(range(1, best.epoch + 1))
    assert {"epoch", "loss", "accuracy"} <= set(found.history[0])
    assert not [name for name in found.history[0] if name.startswith("val_")]
    data = make_data()
    assert data.validation is not None
    both = np.concatenate([data.train.x, data.validation.x])
    np.testing.assert_array_equal(found.data.train.x, both)
    assert found.data.validation is None
    assert found.model.optimizer.iterations.numpy() == best.epoch * 4  # 32 samples, 8 a batch


def test_retrain_is_what_keras_would_do_by_hand(tmp_path: Path) -> None:
    """The weights are those of `model.fit` on both splits, in the same order of samples."""
    from sweeps.training.epoch_loop import FitPlan, build_state, fit
    from sweeps.training.randomness import EpochSeeding, seed_everything
    from tests.training.samples import make_mlp

    spec = make_spec()
    trial = train(spec, tmp_path)
    found = retrain(spec, trial, 7, VALUES)
    seed = derive_seed(spec.seed, "retrain", 7)
    seed_everything(seed)
    model = make_mlp()
    plan = FitPlan(found.data, 8, found.epochs, seed=seed)
    build_state(model, found.data.train, 8)
    fit(model, plan, [EpochSeeding(seed)], compiled=False)  # Keras' own fit
    assert hash_variables(model) == hash_variables(found.model)


def test_retrain_twice_gives_the_same_bits_and_another_order(tmp_path: Path) -> None:
    """It can be repeated, and its randomness is not that of the trial."""
    spec = make_spec(epochs=1)
    trial = train(spec, tmp_path)
    first, second = (retrain(spec, trial, 7, VALUES) for _ in range(2))
    assert hash_variables(first.model) == hash_variables(second.model)
    seeds = derive_seed(0, "retrain", 7), derive_seed(0, "retrain", 8)
    assert draw_order(seeds[0], 1, 32).tolist() != draw_order(seeds[1], 1, 32).tolist()


def test_retrain_with_callbacks_of_the_user(tmp_path: Path) -> None:
    """A schedule takes part; it is the one of the trial, begun anew."""
    spec = make_spec(callbacks="tests.training.spaces:make_schedule", epochs=2)
    trial = train(spec, tmp_path)
    found = retrain(spec, trial, 7, VALUES)
    expected = 0.001 * 0.5 ** (found.epochs - 1)
    assert float(found.model.optimizer.learning_rate) == pytest.approx(expected)


def test_retrain_with_smaller_batches_updates_as_often(tmp_path: Path) -> None:
    """A trial that had no memory for its batches is trained again with what it had."""
    spec = make_spec(epochs=1)
    trial = train(spec, tmp_path)
    found = retrain(spec, trial, 7, VALUES, divisor=2)
    assert found.batch_size == 4
    assert found.model.optimizer.gradient_accumulation_steps == 2


def test_retrain_without_validation_data_is_refused(tmp_path: Path) -> None:
    """There is nothing more to learn from."""
    spec = make_spec(load="load_train_only")
    with pytest.raises(OptionError, match="there is no validation data to train on"):
        retrain(spec, TrialPaths(tmp_path), 7, VALUES)


def test_retrain_without_a_best_epoch_is_refused(tmp_path: Path) -> None:
    """Nobody knows for how long to train."""
    with pytest.raises(CheckpointError, match="there is no record of the best epoch"):
        retrain(make_spec(), TrialPaths(tmp_path), 7, VALUES)
