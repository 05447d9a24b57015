"""Training one configuration several times: repeats with other seeds, or folds of the data."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeps.checkpoints.better import Direction, is_better
from sweeps.errors import OptionError
from sweeps.spec.metrics import MODEL_FACTS
from sweeps.spec.model import Checkpoint, Objective, SweepSpec
from sweeps.training.data import Data, hold_out, take_rows
from sweeps.training.joining import join_splits
from sweeps.training.randomness import derive_seed

_BY_OBJECTIVE = Checkpoint()


@dataclass(frozen=True)
class Repetition:
    """One of the trainings of a trial.

    Attributes:
        index: 0 for the first.
        seed: From which its randomness is derived.
        first_epoch: Epochs of the trial before it: all that the earlier ones may train.
        earlier: Best values of the earlier ones.
        earlier_others: Values of the further objectives of the earlier ones, by metric.
    """

    index: int
    seed: int
    first_epoch: int
    earlier: tuple[float, ...] = ()
    earlier_others: tuple[Mapping[str, float], ...] = ()

    def average(self, value: float) -> float:
        """Give the trial's value so far: the mean over the earlier ones and this one's value."""
        return statistics.fmean((*self.earlier, value))

    def average_others(self, others: Mapping[str, float]) -> dict[str, float]:
        """Give the further objectives' values so far, as `average` does."""
        return average_each((*self.earlier_others, others))


def num_repetitions(spec: SweepSpec) -> int:
    """Count the trainings of a trial."""
    return spec.folds or spec.repeats


def make_repetition(
    seed: int, index: int, *, epochs: int, earlier: Sequence[float] = ()
) -> Repetition:
    """Make the repetition number `index` of a trial whose seed is `seed`."""
    own = seed if index == 0 else derive_seed(seed, "repetition", index)
    return Repetition(index, own, index * epochs, tuple(earlier))


def find_best_value(
    history: Sequence[Mapping[str, Any]], metric: str, direction: Direction
) -> float | None:
    """Find the best finite value of a metric in the rows of a history."""
    best: float | None = None
    for row in history:
        value = row.get(metric)
        if value is not None and is_better(value, best, direction):
            best = value
    return best


def choose_monitor(objective: Objective, checkpoint: Checkpoint) -> Objective:
    """Give the metric that decides which epoch is the best one, and its direction."""
    if checkpoint.monitor in (None, objective.metric):
        return objective
    direction: Direction = "maximize" if checkpoint.mode == "max" else "minimize"
    return Objective(metric=checkpoint.monitor, direction=direction)


def find_best_values(
    history: Sequence[Mapping[str, Any]],
    objectives: Sequence[Objective],
    facts: Mapping[str, float],
    checkpoint: Checkpoint = _BY_OBJECTIVE,
) -> dict[str, float]:
    """Find the values of all objectives at the best epoch, by metric; empty where there is none.

    The best epoch is the best by the monitored metric, which is the first objective unless
    ``checkpoint.monitor`` says otherwise, among those in which it and every objective have a finite
    value: the epoch whose model `BestCheckpointing` keeps.

    Args:
        history: A row of logs per epoch.
        objectives: The primary one first.
        facts: Values that no epoch changes.
        checkpoint: What is monitored, and the value that an epoch has to beat.
    """
    monitor = choose_monitor(objectives[0], checkpoint)
    bound = checkpoint.initial_value_threshold
    best: dict[str, float] = {}
    for row in history:
        values = pick_values(row, [*objectives, monitor], facts)
        if values and is_better(values[monitor.metric], bound, monitor.direction):
            best, bound = values, values[monitor.metric]
    wanted = {objective.metric for objective in objectives}
    return {metric: value for metric, value in best.items() if metric in wanted}


def pick_values(
    logs: Mapping[str, Any], objectives: Sequence[Objective], facts: Mapping[str, float]
) -> dict[str, float]:
    """Give one epoch's value of every objective; nothing where one is missing or not finite.

    Nor where the loss is not: an accuracy is a number even if every weight is NaN.
    """
    found = {**logs, **facts}
    if not math.isfinite(found.get("loss") or 0.0):
        return {}
    values = {objective.metric: found.get(objective.metric) for objective in objectives}
    finite = {
        metric: float(value)
        for metric, value in values.items()
        if value is not None and math.isfinite(value)
    }
    return finite if len(finite) == len(values) else {}


def find_model_facts(model: Any, objectives: Sequence[Objective]) -> dict[str, float]:
    """Compute the objectives that are facts of the built model: those of `MODEL_FACTS`."""
    metrics = {objective.metric for objective in objectives} & MODEL_FACTS.keys()
    return {metric: float(model.count_params()) for metric in metrics}


def average_each(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give the mean of each metric."""
    return {metric: statistics.fmean(each[metric] for each in values) for metric in values[-1]}


def summarize(values: Sequence[float]) -> tuple[float, float | None]:
    """Give the mean of the repetitions' values and their sample standard deviation.

    The spread of a single value is not known: None.
    """
    spread = statistics.stdev(values) if len(values) > 1 else None
    return statistics.fmean(values), spread


def select_data(data: Data, spec: SweepSpec, index: int) -> Data:
    """Give the data of one repetition: all of it, or one fold to validate on and the others.

    With ``training.validation_split`` a part of the training data is held out for validation.

    Folds are drawn from the training and the validation data together, the same ones for every
    trial of the sweep. The test data stays what it is.

    Raises:
        OptionError: The data is not arrays, or has too few samples.
    """
    share = spec.training.validation_split
    if spec.folds is None:
        return hold_out(data, share)
    if share is not None:
        raise OptionError("folds hold out a part each. Leave out training.validation_split.")
    parts = [split for split in (data.train, data.validation) if split is not None]
    if any(split.dataset is not None for split in parts):
        raise OptionError("folds need arrays, but the data is a dataset. Leave out folds.")
    merged = functools.reduce(join_splits, parts)
    num_samples = merged.num_samples or 0
    if num_samples < spec.folds:
        raise OptionError(f"{num_samples} samples cannot be split into {spec.folds} folds.")
    order = np.random.Generator(np.random.Philox(key=derive_seed(spec.seed, "folds"))).permutation(
        num_samples
    )
    is_held = np.zeros(num_samples, dtype=bool)
    is_held[order[index :: spec.folds]] = True
    return Data(take_rows(merged, ~is_held), take_rows(merged, is_held), data.test)
