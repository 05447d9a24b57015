"""Measures how long an epoch takes, on the model built with given values."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import keras

from sweeps.spec.builds import MeasuredEpoch
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import default_of
from sweeps.training.data import Data, take_rows
from sweeps.training.epoch_loop import FitPlan, build_state, fit
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters
from sweeps.training.models import build_model, load_hypermodel
from sweeps.training.randomness import seed_everything
from sweeps.training.repetitions import select_data
from sweeps.training.runtime import PeakMemory
from sweeps.training.train import find_loop_reason, resolve_training

MAX_BATCHES = 40


def measure_epoch(spec: SweepSpec, values: dict[str, Any]) -> MeasuredEpoch | None:
    """Train the default model for two short epochs and time the second one.

    Returns:
        None where the data is a dataset, whose length nobody knows.

    Raises:
        Exception: Whatever the user's code raises.
    """
    with PeakMemory() as peak:
        measured = _measure(spec, values)
    return measured and replace(measured, memory_bytes=peak.num_bytes or None)


def _measure(spec: SweepSpec, values: dict[str, Any]) -> MeasuredEpoch | None:
    seed_everything(spec.seed)
    began = time.monotonic()
    data = select_data(take_data(spec.data), spec, 0)
    if any(split.dataset is not None for split in data.named().values()):
        return None
    hp = AskingHyperParameters(default_of, values)
    model = build_model(load_hypermodel(spec.model), hp, spec.model)
    _, batch_size = resolve_training(spec, hp.values)
    build_state(model, data.train, batch_size)
    short, share = _shorten(data, MAX_BATCHES * batch_size)
    clock = _EpochClock()
    plan = FitPlan(short, batch_size, 2, seed=spec.seed)
    compiled = not find_loop_reason(spec, model, plan)
    fit(model, plan, [clock], compiled=compiled)
    seconds = clock.ends[1] - clock.ends[0]
    return MeasuredEpoch(seconds / share, max(0.0, clock.ends[0] - began - seconds), share)


class _EpochClock(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.ends.append(time.monotonic())


def _shorten(data: Data, num_samples: int) -> tuple[Data, float]:
    """Keep so many samples to train, and the same share of those to validate."""
    total = data.train.num_samples or 1
    share = min(1.0, num_samples / total)
    if share == 1.0:
        return replace(data, test=None), share
    validation = data.validation and take_rows(
        data.validation, slice(math.ceil(share * (data.validation.num_samples or 1)))
    )
    return Data(take_rows(data.train, slice(num_samples)), validation), share
