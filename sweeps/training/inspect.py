"""Finds what is wrong with data and model before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from sweeps.checkpoints.template import find_template_problems
from sweeps.errors import describe_error, describe_traceback
from sweeps.menu import suggest_name
from sweeps.spec.metrics import MODEL_FACTS
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import default_of
from sweeps.training.callback_state import get_state, has_state
from sweeps.training.callbacks import make_callbacks
from sweeps.training.data import Data, describe_parts, describe_split
from sweeps.training.epoch_loop import FitPlan, build_state, take_batch, weigh
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters
from sweeps.training.models import build_model, check_saving, load_hypermodel
from sweeps.training.randomness import seed_everything
from sweeps.training.repetitions import select_data
from sweeps.training.runtime import PeakMemory
from sweeps.training.train import find_loop_reason, resolve_training


@dataclass
class Inspection:
    """What was found. Lists of plain values: it travels as JSON.

    Attributes:
        problems: (dotted key, message) of every mistake.
        traceback: Where the user's code failed; empty where it did not.
        metrics: Names a trained epoch logs.
        num_weights: Number of weights of the model.
        data: One line a split.
        data_parts: Shape, type and digest of each array.
        loop_reason: Why trials train with `model.fit`; empty for the compiled loop.
        memory_bytes: The most that the process held for itself; None where that is not known.
    """

    problems: list[tuple[str, str]] = field(default_factory=list)
    traceback: str = ""
    metrics: list[str] = field(default_factory=list)
    num_weights: int | None = None
    data: list[str] = field(default_factory=list)
    data_parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    loop_reason: str = ""
    memory_bytes: int | None = None


def inspect_sweep(spec: SweepSpec, values: dict[str, Any]) -> Inspection:
    """Load the data, build one model and look at both, without training.

    Args:
        spec: What the user asked for.
        values: Values of the space file's parameters to build with.
    """
    with PeakMemory() as peak:
        found = _inspect_sweep(spec, values)
    found.memory_bytes = peak.num_bytes or None
    return found


def _inspect_sweep(spec: SweepSpec, values: dict[str, Any]) -> Inspection:
    found = Inspection()
    data = _inspect_data(found, spec)

    hp = AskingHyperParameters(default_of, values)
    model = _try(found, "model", lambda: build_model(load_hypermodel(spec.model), hp, spec.model))
    if model is not None and data is not None:
        _inspect_both(found, spec, model, data, hp.values)
    return found


def inspect_data(spec: SweepSpec) -> Inspection:
    """Load the data as `inspect_sweep` does, and look at it alone."""
    found = Inspection()
    _inspect_data(found, spec)
    return found


def _inspect_data(found: Inspection, spec: SweepSpec) -> Data | None:
    seed_everything(spec.seed)
    data: Data | None = _try(found, "data", lambda: take_data(spec.data))
    if data is not None:
        found.data = [describe_split(name, split) for name, split in data.named().items()]
        found.data_parts = describe_parts(data)
    return data


def _inspect_both(
    found: Inspection, spec: SweepSpec, model: Any, data: Data, values: dict[str, Any]
) -> None:
    sizes = _try(found, "training", lambda: resolve_training(spec, values))
    if sizes is None:
        return
    callbacks = _try(found, "training.callbacks", partial(_make_checked_callbacks, spec)) or []
    data = _try(found, "data", lambda: select_data(data, spec, 0)) or data
    epochs, batch_size = sizes
    plan = FitPlan(data, batch_size, epochs, class_weight=spec.training.class_weight)
    plan = _try(found, "training.class_weight", lambda: weigh(plan)) or plan
    for name, split in data.named().items():
        _try(found, f"data ({name})", partial(_try_batch, model, split, batch_size))
    if found.problems:
        return
    found.loop_reason = find_loop_reason(spec, model, plan, callbacks)
    _try(found, "model", partial(check_saving, model))
    found.num_weights = model.count_params()
    shapes = {name: tuple(np.shape(value)) for name, value in model.get_metrics_result().items()}
    if data.validation is not None:
        shapes |= {f"val_{name}": shape for name, shape in shapes.items()}
    found.metrics = list(shapes)
    found.problems += _find_metric_problems(spec, shapes, data, epochs=epochs)


def _make_checked_callbacks(spec: SweepSpec) -> list[Any]:
    callbacks = make_callbacks(spec)
    for callback in callbacks:
        if has_state(callback):
            get_state(callback)
    return callbacks


def _try_batch(model: Any, split: Any, batch_size: int) -> bool:
    """Compute loss and metrics on one batch, as validation does: shapes and types must fit."""
    build_state(model, split, batch_size)
    model.test_step(take_batch(split, batch_size))
    model.reset_metrics()
    return True


def _find_metric_problems(
    spec: SweepSpec, shapes: Mapping[str, tuple[int, ...]], data: Data, *, epochs: int
) -> Iterator[tuple[str, str]]:
    metrics = [name for name, shape in shapes.items() if not shape]
    key = "objective.metric" if len(spec.objectives) == 1 else "objectives"
    wanted = {objective.metric: key for objective in spec.objectives}
    wanted.setdefault(spec.checkpoint.monitor or spec.objective.metric, "checkpoint.monitor")
    for metric, key in wanted.items():
        for other, message in _find_wanted_problems(metric, spec, shapes, data, epochs):
            yield other or key, message
    by_batch = spec.checkpoint.save_freq != "epoch"
    for problem in find_template_problems(
        spec.checkpoint.path,
        save_weights_only=spec.checkpoint.save_weights_only,
        save_best_only=spec.checkpoint.save_best_only,
        metrics=[name for name in metrics if not (by_batch and name.startswith("val_"))],
        by_batch=by_batch,
    ):
        yield "checkpoint.path", problem


def _find_wanted_problems(
    metric: str, spec: SweepSpec, shapes: Mapping[str, tuple[int, ...]], data: Data, epochs: int
) -> Iterator[tuple[str, str]]:
    """Find what is wrong with one metric; an empty key stands for the one that names it."""
    if metric in MODEL_FACTS:
        return
    metrics = [name for name, shape in shapes.items() if not shape]
    if shapes.get(metric):
        yield (
            "",
            f"got {metric!r}, of shape {shapes[metric]}; expected a metric with a single value.",
        )
    elif metric not in metrics:
        hint = suggest_name(metric, metrics)
        if metric.startswith("val_") and data.validation is None:
            hint = " The data has no validation split."
        yield (
            "",
            f"got {metric!r}, which is not in the logs (have: {', '.join(metrics)}).{hint}",
        )
    elif metric.startswith("val_") and spec.training.validation_freq > epochs:
        yield (
            "training.validation_freq",
            f"got {spec.training.validation_freq}; with {epochs} epochs {metric!r} never appears.",
        )


def _try(found: Inspection, key: str, do: Callable[[], Any]) -> Any:
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - the edge between our code and the user's
        message = describe_error(error)
        found.problems.append((key, message))
        found.traceback = found.traceback or describe_traceback(error)
        return None
