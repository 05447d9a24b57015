"""Exporting a trial's best checkpoint as a model, and scoring it again."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from sweeps.checkpoints.store import BestStore, open_best
from sweeps.errors import describe_error
from sweeps.paths import BundlePaths, TrialPaths
from sweeps.spec.model import SweepSpec
from sweeps.training.arrays import write_arrays
from sweeps.training.compiled_pass import compile_pass, has_own_steps
from sweeps.training.data import Data, Split
from sweeps.training.epoch_loop import build_state, find_fit_reason
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters, refuse_to_ask
from sweeps.training.keras_file import check_weights_file
from sweeps.training.models import (
    build_model,
    list_custom_objects,
    load_hypermodel,
    load_model,
    save_model,
)
from sweeps.training.own_fit import has_own_fit
from sweeps.training.randomness import seed_everything
from sweeps.training.repetitions import find_model_facts, select_data
from sweeps.training.signature import take_samples
from sweeps.training.train import resolve_training

_NUM_PROOFS = 8
"""Rows with which formats are proven where the bundle is to hold none."""


def export_model(
    spec: SweepSpec, trial: TrialPaths, values: dict[str, Any], bundle: BundlePaths
) -> dict[str, Any]:
    """Write a trial's best model into a bundle, load that file, score it, and take samples.

    Args:
        spec: What the user asked for.
        trial: The trial's folder.
        values: The trial's parameter values.
        bundle: Where to write the model and the samples.

    Returns:
        The checkpoint's recorded ``value``, those of the ``others`` and whether the HyperModel's
        ``own_fit`` computed them; what `describe_model` gives.
    """
    seed_everything(spec.seed)
    best = BestStore(trial).find_best()
    data = take_data(spec.data)
    data = select_data(data, spec, best.repeat - 1 if best else 0)
    # The user's code is imported so that custom layers registered there can be loaded.
    hypermodel = load_hypermodel(spec.model)
    checkpoint = open_best(trial)
    _, batch_size = resolve_training(spec, values)
    if checkpoint.name.endswith(".weights.h5"):
        save_model(load_best(spec, trial, values, hypermodel, data), bundle.model)
    else:
        shutil.copyfile(checkpoint, bundle.model)
    return {
        "value": best.value if best else None,
        "others": best.others if best else {},
        "own_fit": has_own_fit(hypermodel),
        **describe_model(spec, bundle, data, batch_size),
    }


def load_best(
    spec: SweepSpec, trial: TrialPaths, values: dict[str, Any], hypermodel: Any, data: Data
) -> Any:
    """Load a trial's best model; where only its weights were kept, the model is built for them.

    Raises:
        CheckpointError: It was deleted, or is not the one that was saved.
    """
    checkpoint = open_best(trial)
    if not checkpoint.name.endswith(".weights.h5"):
        return load_model(checkpoint)
    model = build_model(hypermodel, AskingHyperParameters(refuse_to_ask, values), spec.model)
    build_state(model, data.train, resolve_training(spec, values)[1])
    check_weights_file(checkpoint)
    model.load_weights(checkpoint)
    return model


def describe_model(
    spec: SweepSpec, bundle: BundlePaths, data: Data, batch_size: int
) -> dict[str, Any]:
    """Load the model of a bundle, score it, and write samples of what it takes and gives.

    Args:
        spec: What the user asked for.
        bundle: Holds the model; the samples are written beside it.
        data: The splits; those that are there are scored, the training data is not.
        batch_size: As in training.

    Returns:
        ``scores`` by split; objectives that are ``facts`` of the model; its ``signature`` and no
        ``samples_error``, or the other way round; ``custom_objects`` by name.
    """
    model = load_model(bundle.model)
    return {
        "scores": score_splits(model, data, batch_size),
        "facts": find_model_facts(model, spec.objectives),
        "custom_objects": list_custom_objects(bundle.model),
        **_write_samples(bundle, model, data.validation or data.train, spec.export.samples),
    }


def _write_samples(bundle: BundlePaths, model: Any, split: Split, count: int) -> dict[str, Any]:
    """Write samples, or say why there are none: then only the scores prove the model.

    Where none are to stay, formats are proven with a few all the same.
    """
    try:
        signature, inputs, outputs = take_samples(model, split, count or _NUM_PROOFS)
        bundle.sample_inputs.parent.mkdir()
        write_arrays(bundle.sample_inputs, inputs)
        write_arrays(bundle.sample_outputs, outputs)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model takes that is no array
        shutil.rmtree(bundle.sample_inputs.parent, ignore_errors=True)
        return {"signature": None, "samples_error": describe_error(error)}
    return {"signature": signature, "samples_error": ""}


def score_splits(model: Any, data: Data, batch_size: int) -> dict[str, dict[str, float]]:
    """Score a model on the validation and the test data, where there is any."""
    splits = {"validation": data.validation, "test": data.test}
    return {name: score_split(model, split, batch_size) for name, split in splits.items() if split}


def score_split(model: Any, split: Split, batch_size: int) -> dict[str, float]:
    """Compute loss and metrics on a split, the way validation did while training."""
    if has_own_steps(model) or find_fit_reason(model, Data(split)):
        scores = _evaluate_with_keras(model, split, batch_size)
    else:
        build_state(model, split, batch_size)
        model.reset_metrics()
        scores = compile_pass(model, "test_step", split, batch_size)(None)
    return {name: np.asarray(value).tolist() for name, value in scores.items()}


def _evaluate_with_keras(model: Any, split: Split, batch_size: int) -> dict[str, Any]:
    arrays = (split.dataset,) if split.dataset is not None else split.arrays
    size = None if split.dataset is not None else batch_size
    x, y, sample_weight = (*arrays, None, None)[:3]
    scores: dict[str, Any] = model.evaluate(
        x, y, sample_weight=sample_weight, batch_size=size, return_dict=True, verbose=0
    )
    return scores
