"""Tests of `sweeps.training.batches`, and of trials that train with smaller batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sweeps.checkpoints.store import BestStore
from sweeps.paths import TrialPaths
from sweeps.training.batches import accumulate_gradients, find_fixed_reason
from sweeps.training.data import Data, Split
from sweeps.training.epoch_loop import FitPlan, build_state, fit
from sweeps.training.train import Attempt, train_trial
from tests.training.samples import (
    FakeChannel,
    compile_classifier,
    make_arrays,
    make_data,
    make_mlp,
)
from tests.training.test_resume import make_spec, read_state

SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)


def train(folder: Path, channel: FakeChannel, *, attempt: int = 1, divisor: int = 2) -> Any:
    told = Attempt(number=3, attempt=attempt, values={}, seed=11, batch_divisor=divisor)
    return train_trial(make_spec(), TrialPaths(folder), told, channel)


def fit_steps(batch_size: int, divisor: int, *, compiled: bool) -> list[Any]:
    """Train for two epochs of 16 samples and give the weights."""
    keras.utils.set_random_seed(1)
    layers = [keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(3)]
    model = compile_classifier(keras.Sequential(layers), keras.optimizers.SGD(0.5, momentum=0.9))
    accumulate_gradients(model.optimizer, divisor)
    plan = FitPlan(Data(Split(*make_arrays(16, (4,)))), batch_size, 2)
    build_state(model, plan.data.train, batch_size)
    fit(model, plan, [], compiled=compiled)
    return list(model.get_weights())


@pytest.mark.parametrize("compiled", [True, False])
def test_accumulate_gradients_keeps_the_effective_batch_size(*, compiled: bool) -> None:
    """Two batches of four train as one of eight does; without accumulation they do not."""
    whole = fit_steps(8, 1, compiled=compiled)
    for one, other in zip(whole, fit_steps(4, 2, compiled=compiled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert not np.allclose(whole[0], fit_steps(4, 1, compiled=compiled)[0], rtol=1e-2)


def test_accumulate_gradients_multiplies_what_the_user_asked_for() -> None:
    """A user's own accumulation goes on; an optimizer that is built stays as it is."""
    adam = keras.optimizers.Adam(gradient_accumulation_steps=3)
    assert accumulate_gradients(keras.optimizers.LossScaleOptimizer(adam), 2) == 6
    assert adam.get_config()["gradient_accumulation_steps"] == 6
    built = keras.optimizers.Adam()
    built.build([keras.Variable(1.0)])
    assert accumulate_gradients(built, 2) == 1
    assert accumulate_gradients(None, 2) == 1


def test_find_fixed_reason_names_who_sets_the_batch_size() -> None:
    """Whose batches are not ours to make, or whose schedule counts them, keep their size."""
    data = make_data()
    assert find_fixed_reason(make_mlp(), data, own_fit=False) == ""
    assert "own fit" in find_fixed_reason(make_mlp(), data, own_fit=True)
    scheduled = make_mlp(keras.optimizers.Adam(SCHEDULE))
    assert "schedule" in find_fixed_reason(scheduled, data, own_fit=False)
    dataset = Data(Split(dataset=object()))
    assert "dataset" in find_fixed_reason(make_mlp(), dataset, own_fit=False)


def test_train_trial_with_half_the_batch_begins_anew(tmp_path: Path) -> None:
    """States and checkpoints of the larger batch are gone: they are of another training."""
    first = FakeChannel({3: "stop"})
    assert train(tmp_path, first, divisor=1).epoch == 3
    assert first.batch == (8, 1, "")
    store = BestStore(TrialPaths(tmp_path))
    unbeatable = store.find_best()
    assert unbeatable is not None
    store.commit(replace(unbeatable, value=-1.0))
    channel = FakeChannel({1: "stop"})
    end = train(tmp_path, channel, attempt=2)
    assert (end.state, end.epoch) == ("interrupted", 1)
    assert channel.batch == (4, 2, "")
    best = store.find_best()
    assert best is not None
    assert (best.epoch, best.value) == (1, channel.reports[0][1])
    assert len(store.names()) == 2
    assert len(list(TrialPaths(tmp_path).latest.iterdir())) == 1
    assert [row["epoch"] for row in read_state(tmp_path)[1]] == [1]


def test_train_trial_with_half_the_batch_resumes_bit_identically(tmp_path: Path) -> None:
    """Sums of gradients are part of what is saved; who does not know of the divisor finds it."""
    assert train(tmp_path / "whole", FakeChannel()).state == "complete"
    assert train(tmp_path / "parts", FakeChannel({2: "stop"})).epoch == 2
    channel = FakeChannel()
    assert train(tmp_path / "parts", channel, attempt=2, divisor=1).state == "complete"
    assert channel.batch == (4, 2, "")
    assert channel.reasons == []
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


def test_train_trial_single_sample_is_not_halved(tmp_path: Path) -> None:
    """Less than one sample is no batch."""
    channel = FakeChannel({1: "stop"})
    train(tmp_path, channel, divisor=8)
    assert channel.batch is not None
    assert channel.batch[2] == "it is a single sample already"
