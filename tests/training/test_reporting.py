"""Tests of `sweeps.training.reporting`."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.errors import OptionError
from sweeps.training.channel import Action
from sweeps.training.repetitions import Repetition
from sweeps.training.reporting import Heartbeat, Reporting
from tests.training.samples import FakeChannel, make_arrays, make_mlp

NAN, INF = float("nan"), float("inf")


class Model:
    """As much of a model as the callback touches."""

    stop_training = False


def make_reporting(channel: FakeChannel, **options: Any) -> tuple[Reporting, Model]:
    reporting, model = (
        Reporting(channel, "val_loss", Repetition(0, 1, 0), lambda: 0.25, **options),
        Model(),
    )
    reporting.set_model(model)
    return reporting, model


@pytest.mark.parametrize(
    ("action", "state", "stops"),
    [("continue", "", False), ("prune", "pruned", True), ("stop", "interrupted", True)],
)
def test_reporting_does_what_the_answer_says(action: Action, state: str, stops: bool) -> None:
    """It reports 1-based epochs with value and best, and stops by Keras' own flag."""
    channel = FakeChannel({2: action})
    reporting, model = make_reporting(channel)
    reporting.on_epoch_end(1, {"loss": 1.0, "val_loss": 0.5})
    assert channel.reports == [(2, 0.5, 0.25)]
    assert (reporting.epoch, reporting.state, model.stop_training) == (2, state, stops)


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ({"loss": NAN, "val_loss": 0.5}, "loss is nan after epoch 3: training diverged."),
        ({"loss": INF, "val_loss": 0.5}, "loss is inf after epoch 3: training diverged."),
        ({"loss": 1.0, "val_loss": -INF}, "val_loss is -inf after epoch 3: training diverged."),
    ],
)
def test_reporting_what_is_not_finite_fails_the_trial(logs: Any, reason: str) -> None:
    """It is never told to the study, which would take infinity for a record."""
    channel = FakeChannel()
    reporting, model = make_reporting(channel)
    reporting.on_epoch_end(2, logs)
    assert channel.reports == []
    assert (reporting.state, reporting.epoch, model.stop_training) == ("failed", 3, True)
    assert reporting.reason.startswith(reason)


def test_reporting_missing_metric_names_those_there_are() -> None:
    """A warning would let the trial run to its end for nothing."""
    reporting, _ = make_reporting(FakeChannel())
    with pytest.raises(OptionError) as caught:
        reporting.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
    assert str(caught.value) == (
        "metric 'val_loss' is not in the logs (have: loss, accuracy). "
        "Set objective.metric to one of these."
    )


def test_reporting_metric_may_be_missing_between_validations() -> None:
    """With validation_freq 2 the first epoch is reported without a value; the second needs one."""
    channel = FakeChannel()
    reporting, _ = make_reporting(channel, validation_freq=2)
    reporting.on_epoch_end(0, {"loss": 1.0})
    assert channel.reports == [(1, None, 0.25)]
    with pytest.raises(OptionError, match="metric 'val_loss' is not in the logs"):
        reporting.on_epoch_end(1, {"loss": 1.0})


def test_reporting_catch_up_tells_every_epoch_and_ends_by_the_last_answer() -> None:
    """A report that was lost with the last attempt is made up for before training goes on."""
    history = [
        {"epoch": 1, "loss": 1.0, "val_loss": 0.5},
        {"epoch": 2, "loss": 1.0, "val_loss": 0.4},
    ]
    for actions, state in (
        ({1: "prune"}, ""),
        ({2: "prune"}, "pruned"),
        ({2: "stop"}, "interrupted"),
    ):
        channel = FakeChannel(actions)  # type: ignore[arg-type]
        reporting, _ = make_reporting(channel)
        reporting.catch_up(history)
        assert [report[:2] for report in channel.reports] == [(1, 0.5), (2, 0.4)]
        assert (reporting.state, reporting.epoch) == (state, 2)


def test_reporting_catch_up_of_a_diverged_trial_says_so_again() -> None:
    """Killed before it could tell that it diverged, a trial is not trained on."""
    reporting, _ = make_reporting(FakeChannel())
    reporting.catch_up([{"epoch": 1, "loss": NAN, "val_loss": NAN}])
    assert (reporting.state, reporting.epoch) == ("failed", 1)


@pytest.mark.parametrize(("seconds", "num_heard"), [(0.0, 5), (1000.0, 1)])
def test_heartbeat_is_heard_in_training_and_validation(seconds: float, num_heard: int) -> None:
    """Every batch is a sign of life, told no more often than asked; its answer stops nothing."""
    channel = FakeChannel(stop_at=1)
    heartbeat = Heartbeat(channel, seconds=seconds)
    x, y = make_arrays(24, (4,))
    model = make_mlp()
    model.fit(
        x, y, batch_size=8, validation_data=(x[:16], y[:16]), validation_batch_size=8,
        callbacks=[heartbeat], verbose=0,
    )  # fmt: skip
    assert channel.num_progress == num_heard
    assert not model.stop_training
