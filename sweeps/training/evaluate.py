"""Exporting a trial's best checkpoint as a model, and scoring it again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sweeps.checkpoints.store import BestStore, open_best
from sweeps.paths import TrialPaths
from sweeps.spec.model import SweepSpec
from sweeps.training.data import Data, Split
from sweeps.training.epoch_loop import build_state, compile_pass, find_fit_reason
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters
from sweeps.training.keras_file import check_weights_file
from sweeps.training.models import build_model, load_hypermodel, load_model, save_model
from sweeps.training.own_fit import has_own_fit
from sweeps.training.randomness import seed_everything
from sweeps.training.repetitions import find_model_facts, select_data
from sweeps.training.train import resolve_training


def export_model(
    spec: SweepSpec, trial: TrialPaths, values: dict[str, Any], destination: Path
) -> dict[str, Any]:
    """Write a trial's best model to `destination`, load that file, and score it again.

    Args:
        spec: What the user asked for.
        trial: The trial's folder.
        values: The trial's parameter values.
        destination: The ``.keras`` file to write.

    Returns:
        ``scores`` by split; the checkpoint's recorded ``value``, those of the ``others`` and
        whether the HyperModel's ``own_fit`` computed them; objectives that are ``facts`` of the
        written model; ``inputs`` and ``outputs`` with names, shapes and types.
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
        model = build_model(hypermodel, AskingHyperParameters(_refuse_to_ask, values), spec.model)
        build_state(model, data.train, batch_size)
        check_weights_file(checkpoint)
        model.load_weights(checkpoint)
        save_model(model, destination)
    else:
        shutil.copyfile(checkpoint, destination)
    model = load_model(destination)
    splits = {"validation": data.validation, "test": data.test}
    return {
        "scores": {
            name: score_split(model, split, batch_size) for name, split in splits.items() if split
        },
        "value": best.value if best else None,
        "others": best.others if best else {},
        "facts": find_model_facts(model, spec.objectives),
        "own_fit": has_own_fit(hypermodel),
        "inputs": _describe(model.inputs),
        "outputs": _describe(model.outputs),
    }


def score_split(model: Any, split: Split, batch_size: int) -> dict[str, float]:
    """Compute loss and metrics on a split, the way validation did while training."""
    if find_fit_reason(model, Data(split)):
        return _evaluate_with_keras(model, split, batch_size)
    build_state(model, split, batch_size)
    model.reset_metrics()
    return compile_pass(model.test_step, split, batch_size)(None, model)


def _evaluate_with_keras(model: Any, split: Split, batch_size: int) -> dict[str, float]:
    arrays = (split.dataset,) if split.dataset is not None else split.arrays
    size = None if split.dataset is not None else batch_size
    x, y, sample_weight = (*arrays, None, None)[:3]
    scores: dict[str, float] = model.evaluate(
        x, y, sample_weight=sample_weight, batch_size=size, return_dict=True, verbose=0
    )
    return scores


def _describe(tensors: Any) -> list[dict[str, Any]]:
    return [
        {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
        for tensor in tensors or []
    ]


def _refuse_to_ask(parameter: Any) -> Any:
    message = f"the model's code declares {parameter.name!r} now, which the trial was built without"
    raise RuntimeError(message)
