"""Training the parameters of a trial again, on training and validation data together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from sweeps.checkpoints.store import BestStore
from sweeps.errors import CheckpointError, OptionError
from sweeps.paths import BundlePaths, TrialPaths
from sweeps.spec.model import SweepSpec
from sweeps.training.batches import accumulate_gradients
from sweeps.training.callbacks import make_callbacks
from sweeps.training.data import Data
from sweeps.training.epoch_loop import FitPlan, build_state, fit, weigh
from sweeps.training.evaluate import describe_model
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters, refuse_to_ask
from sweeps.training.joining import join_splits
from sweeps.training.models import build_model, load_hypermodel, save_model
from sweeps.training.own_fit import call_own_fit, has_own_fit
from sweeps.training.randomness import EpochSeeding, derive_seed, seed_everything
from sweeps.training.repetitions import select_data
from sweeps.training.train import find_loop_reason, resolve_training


@dataclass(frozen=True)
class Retrained:
    """A model that was trained again.

    Attributes:
        model: The model after its last epoch.
        data: What it has learned from as `train`, and the test data.
        batch_size: Samples of one batch.
        epochs: Epochs that it was trained for.
        history: One row of logs an epoch.
    """

    model: Any
    data: Data
    batch_size: int
    epochs: int
    history: list[dict[str, Any]]


def export_retrained(
    spec: SweepSpec,
    trial: TrialPaths,
    number: int,
    values: dict[str, Any],
    bundle: BundlePaths,
    *,
    divisor: int = 1,
) -> dict[str, Any]:
    """Train a trial's parameters again and write the model into a bundle.

    Args:
        spec: What the user asked for.
        trial: The trial's folder.
        number: The trial.
        values: Its parameter values.
        bundle: Where to write the model and the samples.
        divisor: As for `retrain`.

    Returns:
        What `describe_model` gives, of the test data alone; for how many ``epochs`` it was trained,
        and the ``history`` of these.
    """
    found = retrain(spec, trial, number, values, divisor=divisor)
    save_model(found.model, bundle.model)
    described = describe_model(spec, bundle, found.data, found.batch_size)
    own_fit = has_own_fit(load_hypermodel(spec.model))
    return {**described, "own_fit": own_fit, "epochs": found.epochs, "history": found.history}


def retrain(
    spec: SweepSpec, trial: TrialPaths, number: int, values: dict[str, Any], *, divisor: int = 1
) -> Retrained:
    """Train a new model with a trial's parameters, on training and validation data.

    It trains for as many epochs as the trial's best checkpoint had, without early stopping, which
    would need data that the model has not seen. The callbacks of the space file take part.

    Args:
        spec: What the user asked for.
        trial: The trial's folder.
        number: The trial, from which the randomness is derived: a second call gives the same bits.
        values: The trial's parameter values.
        divisor: By what the trial's batch size was divided for lack of memory.

    Raises:
        OptionError: There is no validation data, or it cannot be joined with the training data.
        CheckpointError: The trial has no record of its best epoch.
        Exception: Whatever the user's code raises.
    """
    seed = derive_seed(spec.seed, "retrain", number)
    seed_everything(seed)
    data = _join(select_data(take_data(spec.data), spec, 0))
    best = BestStore(trial).find_best()
    if best is None:
        raise CheckpointError(f"{trial.best}: there is no record of the best epoch.")
    hypermodel = load_hypermodel(spec.model)
    hp = AskingHyperParameters(refuse_to_ask, values)
    model = build_model(hypermodel, hp, spec.model)
    _, batch_size = resolve_training(spec, values)
    accumulate_gradients(model.optimizer, divisor)
    plan = weigh(
        FitPlan(
            data,
            max(1, batch_size // divisor),
            best.epoch,
            seed=seed,
            class_weight=spec.training.class_weight,
        )
    )
    build_state(model, data.train, plan.batch_size)
    history = _fit(spec, hypermodel, hp, model, plan)
    return Retrained(model, data, plan.batch_size, plan.epochs, history)


def _join(data: Data) -> Data:
    if data.validation is None:
        raise OptionError("there is no validation data to train on, so the trial saw all there is.")
    return Data(join_splits(data.train, data.validation), test=data.test)


def _fit(
    spec: SweepSpec, hypermodel: Any, hp: Any, model: Any, plan: FitPlan
) -> list[dict[str, Any]]:
    rows = _Rows()
    training = spec.training.model_copy(update={"early_stopping": None})
    own = make_callbacks(spec.model_copy(update={"training": training}))
    callbacks = [EpochSeeding(plan.seed), *own, rows]
    if has_own_fit(hypermodel):
        call_own_fit(hypermodel, hp, model, plan, callbacks)
    else:
        reason = find_loop_reason(spec, model, plan, own)
        fit(model, plan, callbacks, compiled=not reason)
    return rows.rows


class _Rows(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes the logs of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the numbers of an epoch."""
        numbers = {name: float(value) for name, value in (logs or {}).items() if _is_number(value)}
        self.rows.append({"epoch": epoch + 1, **numbers})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
