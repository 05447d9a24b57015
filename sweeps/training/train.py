"""One attempt of one trial, from its folder to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import write_json
from sweeps.errors import OptionError
from sweeps.paths import TrialPaths
from sweeps.spec.model import SweepSpec
from sweeps.training.best_checkpoint import BestCheckpointing
from sweeps.training.channel import Channel, TrialEnd
from sweeps.training.data import Data, load_data
from sweeps.training.epoch_loop import FitPlan, build_state, find_fit_reason, fit
from sweeps.training.hyperparameters import AskingHyperParameters
from sweeps.training.latest_checkpoint import LatestCheckpointing, restore_model
from sweeps.training.models import build_model
from sweeps.training.randomness import EpochSeeding, derive_seed, seed_everything
from sweeps.training.reporting import Reporting
from sweeps.training.user_code import load_target


@dataclass(frozen=True)
class Attempt:
    """What a trial process is told about the trial it is to train.

    Attributes:
        number: The trial.
        attempt: 1 for its first life.
        values: Parameter values that are known already: those of the space file.
        seed: The sweep's seed.
    """

    number: int
    attempt: int
    values: dict[str, Any]
    seed: int


def train_trial(spec: SweepSpec, trial: TrialPaths, attempt: Attempt, channel: Channel) -> TrialEnd:
    """Train a trial, or continue it from its latest checkpoint.

    If the process dies at any moment, the next attempt continues from the last finished epoch and
    comes to the same weights.

    Args:
        spec: What the user asked for.
        trial: The trial's folder.
        attempt: Which trial, and what is known of its parameters.
        channel: Answers questions and takes reports.

    Raises:
        Exception: Whatever the user's code raises.
    """
    seed = derive_seed(attempt.seed, "trial", attempt.number)
    seed_everything(seed)
    data = load_data(load_target(spec.data))
    hp = AskingHyperParameters(channel.suggest, attempt.values)
    model = build_model(spec.model, hp)
    channel.record_values(hp.values)
    trial.root.mkdir(parents=True, exist_ok=True)
    write_json(trial.params, hp.values)
    return _fit_trial(model, spec, trial, data, _Run(attempt, seed, hp.values, channel))


@dataclass(frozen=True)
class _Run:
    attempt: Attempt
    seed: int
    values: dict[str, Any]
    channel: Channel


def _fit_trial(model: Any, spec: SweepSpec, trial: TrialPaths, data: Data, run: _Run) -> TrialEnd:
    epochs, batch_size = resolve_training(spec, run.values)
    build_state(model, data.train, batch_size)
    latest = LatestStore(trial).find()
    if latest:
        restore_model(model, latest)
    callbacks = make_callbacks(spec)
    best = make_best_checkpointing(spec, trial, run.attempt)
    saving = LatestCheckpointing(LatestStore(trial), trial.history, callbacks, latest)
    reporting = Reporting(
        run.channel,
        spec.objective.metric,
        lambda: best.best.value if best.best else None,
        validation_freq=spec.training.validation_freq,
    )
    reporting.catch_up(saving.history)
    has_ended = bool(reporting.state) or bool(latest and latest.state["stopped"])
    if not has_ended:
        plan = FitPlan(
            data, batch_size, epochs, latest.epoch if latest else 0,
            spec.training.validation_freq, run.seed,
        )  # fmt: skip
        every = [EpochSeeding(run.seed), *callbacks, best, saving, reporting]
        compiled = spec.training.loop == "auto" and not find_fit_reason(model, data, every)
        fit(model, plan, every, compiled=compiled)
    return _conclude(reporting, best)


def resolve_training(spec: SweepSpec, values: dict[str, Any]) -> tuple[int, int]:
    """Find a trial's number of epochs and batch size: hyperparameters of these names win."""
    epochs = values.get("epochs", spec.training.epochs)
    batch_size = values.get("batch_size", spec.training.batch_size)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f"{name} is {value!r}; expected a whole number of at least 1.")
    return epochs, batch_size


def make_callbacks(spec: SweepSpec) -> list[Any]:
    """Make the callbacks that the space file asks for."""
    if spec.training.early_stopping is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor=spec.objective.metric,
            patience=spec.training.early_stopping,
            mode=spec.objective.direction[:3],
        )
    ]


def make_best_checkpointing(
    spec: SweepSpec, trial: TrialPaths, attempt: Attempt
) -> BestCheckpointing:
    """Make the callback that keeps the best model, as the space file's ``checkpoint`` says."""
    return BestCheckpointing(
        BestStore(trial, keep_older=not spec.checkpoint.save_best_only),
        spec.checkpoint.path,
        spec.objective.metric,
        spec.objective.direction,
        counters={"trial": attempt.number, "attempt": attempt.attempt},
        save_best_only=spec.checkpoint.save_best_only,
    )


def _conclude(reporting: Reporting, best: BestCheckpointing) -> TrialEnd:
    if reporting.state:
        return TrialEnd(
            reporting.state,  # type: ignore[arg-type]
            reporting.epoch,
            best.best,
            cause="diverged" if reporting.state == "failed" else "",
            reason=reporting.reason,
        )
    if best.best is None:
        return TrialEnd(
            "failed",
            reporting.epoch,
            cause="no finite value",
            reason="no epoch gave a finite value of the objective.",
        )
    return TrialEnd("complete", reporting.epoch, best.best)
