"""Smaller batches for a trial that ran out of memory, with updates of the same size."""

from __future__ import annotations

from typing import Any

import keras

from sweeps.training.data import Data


def find_fixed_reason(model: Any, data: Data, *, own_fit: bool) -> str:
    """Say why the batch size of a trial is not ours to set; empty where it is."""
    if own_fit:
        return "the HyperModel has its own fit"
    if data.train.dataset is not None:
        return "the training data is a dataset, which makes its own batches"
    if _has_schedule(_find_inner(model.optimizer)):
        return "the learning rate follows a schedule, which counts batches"
    return ""


def accumulate_gradients(optimizer: Any, divisor: int) -> int:
    """Let an optimizer sum the gradients of so many batches up before it changes weights.

    Returns:
        Batches of one update: 1 where that could not be set, since the optimizer is built already
        or none of Keras' own.
    """
    optimizer = _find_inner(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return 1
    steps: int = optimizer.gradient_accumulation_steps or 1
    if divisor > 1 and not optimizer.built:
        # Keras makes the variables for it in `build`, so that this is as good as its argument.
        steps *= divisor
        optimizer.gradient_accumulation_steps = steps
    return steps


def _find_inner(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)


def _has_schedule(optimizer: Any) -> bool:
    # Where there is one, `learning_rate` is its value; the schedule itself has no public name.
    rate = getattr(optimizer, "_learning_rate", None)
    return isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
