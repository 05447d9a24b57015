"""A trial that extends another one ends as if that one had been trained longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweeps.checkpoints.store import BestStore, LatestStore, open_best
from sweeps.durable import read_json
from sweeps.errors import CheckpointError
from sweeps.paths import TrialPaths
from sweeps.spec.model import Objective, SweepSpec, Training
from sweeps.training.train import Attempt, train_trial
from sweeps.worker.extensions import copy_trial
from tests.states import hash_state
from tests.training.samples import FakeChannel

SAMPLES = "tests.training.spaces"


def make_spec(model: str, **training: Any) -> SweepSpec:
    return SweepSpec(
        name="tiny",
        model=f"{SAMPLES}:{model}",
        data=f"{SAMPLES}:load_{model.removeprefix('build_')}",
        objective=Objective(metric="val_loss", direction="minimize"),
        training=Training(**{"epochs": 2, "batch_size": 8, **training}),
    )


def train(folder: Path, spec: SweepSpec, number: int = 3, **told: Any) -> Any:
    attempt = Attempt(number=number, attempt=1, values={}, seed=11, **told)
    return train_trial(spec, TrialPaths(folder), attempt, FakeChannel())


def read_end(folder: Path) -> tuple[Any, ...]:
    """Read what a trial has come to: all variables by hash, its history, its best epoch."""
    trial = TrialPaths(folder)
    latest, best = LatestStore(trial).find(), BestStore(trial).find_best()
    assert latest is not None
    assert best is not None
    return hash_state(latest), trial.history.read_bytes(), best.epoch, best.value


@pytest.mark.parametrize("model", ["build_mlp", "build_accumulating", "build_own_step"])
def test_extended_trial_is_bit_identical_to_one_trained_as_long(tmp_path: Path, model: str) -> None:
    """Dropout and Adam, EMA and schedules, `model.fit`: weights, optimizer, history, best epoch."""
    train(tmp_path / "whole", make_spec(model, epochs=5))
    train(tmp_path / "source", make_spec(model))
    copy_trial(TrialPaths(tmp_path / "source"), TrialPaths(tmp_path / "extended"))
    end = train(tmp_path / "extended", make_spec(model), number=9, origin=3, epochs=5)
    assert (end.state, end.epoch) == ("complete", 5)
    assert read_end(tmp_path / "extended") == read_end(tmp_path / "whole")


def test_red_control_with_its_own_number_for_a_seed_it_comes_to_other_bits(tmp_path: Path) -> None:
    """Without the origin's randomness the epochs after the copy are other ones."""
    train(tmp_path / "whole", make_spec("build_mlp", epochs=4))
    train(tmp_path / "source", make_spec("build_mlp"))
    copy_trial(TrialPaths(tmp_path / "source"), TrialPaths(tmp_path / "extended"))
    train(tmp_path / "extended", make_spec("build_mlp"), number=9, epochs=4)
    assert read_end(tmp_path / "extended")[0] != read_end(tmp_path / "whole")[0]


def test_extended_trial_that_had_stopped_early_goes_on(tmp_path: Path) -> None:
    """Its patience begins anew; the best epoch of before stays the best one, with its file."""
    spec = make_spec("build_diverging", epochs=8, early_stopping=3)
    assert train(tmp_path / "source", spec).epoch == 4
    copy_trial(TrialPaths(tmp_path / "source"), TrialPaths(tmp_path / "extended"))
    end = train(tmp_path / "extended", spec, number=9, origin=3, epochs=20)
    assert (end.state, end.epoch) == ("complete", 7)
    source, extended = TrialPaths(tmp_path / "source"), TrialPaths(tmp_path / "extended")
    assert extended.best.read_bytes() == source.best.read_bytes()
    assert open_best(extended).read_bytes() == open_best(source).read_bytes()


def test_extended_trial_with_epochs_as_a_hyperparameter_keeps_its_value(tmp_path: Path) -> None:
    """The model is built with the old value, and trained for the new number of epochs."""
    spec = make_spec("build_with_units")
    assert train(tmp_path / "source", spec).epoch == 1
    copy_trial(TrialPaths(tmp_path / "source"), TrialPaths(tmp_path / "extended"))
    assert train(tmp_path / "extended", spec, number=9, origin=3, epochs=2).epoch == 2
    assert read_json(TrialPaths(tmp_path / "extended").params)["epochs"] == 1


def test_copy_trial_of_what_is_damaged_leaves_nothing(tmp_path: Path) -> None:
    """A trial is never begun from half of another one."""
    source = TrialPaths(tmp_path / "source")
    train(source.root, make_spec("build_improving"))
    open_best(source).write_bytes(b"other")
    with pytest.raises(CheckpointError, match="gone, or not the one that was saved"):
        copy_trial(source, TrialPaths(tmp_path / "extended"))
    LatestStore(source).clear()
    with pytest.raises(CheckpointError, match="no whole state to continue from"):
        copy_trial(source, TrialPaths(tmp_path / "extended"))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
