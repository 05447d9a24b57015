"""How large a model is, in weights and in bytes of a checkpoint, and whether that is allowed."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from sweeps.spec.builds import ModelSize
from sweeps.spec.model import SweepSpec
from sweeps.training.models import save_model


class InfeasibleModelError(Exception):
    """A model is larger than the space file allows: this point is proposed again elsewhere.

    Attributes:
        violation: By which share of the limit it is too large, above 0.
    """

    def __init__(self, message: str, violation: float) -> None:
        self.violation = violation
        super().__init__(message)


def measure_model(model: Any) -> ModelSize:
    """Count a built model's weights, and estimate its checkpoint with the optimizer's state.

    The optimizer's variables are created, which they would be anyway at the first step.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    variables = {id(one): one for one in (*model.variables, *model.optimizer.variables)}
    return ModelSize(model.count_params(), sum(map(_count_bytes, variables.values())))


def measure_overhead(model: Any, *, weights_only: bool) -> int:
    """Save a model once, and tell by how many bytes the file is larger than its variables."""
    measured = measure_model(model).checkpoint_bytes or 0  # first: it completes the model
    name = "model.weights.h5" if weights_only else "model.keras"
    with tempfile.TemporaryDirectory(prefix="sweeps-") as folder:
        path = Path(folder) / name
        save_model(model, path)
        return path.stat().st_size - measured


def check_size(spec: SweepSpec, model: Any) -> None:
    """Make sure that a built model is no larger than the space file allows.

    Raises:
        InfeasibleModelError: It is; says by how much.
    """
    if spec.max_params is None and spec.max_model_bytes is None:
        return
    size = measure_model(model)
    for key, limit, found, unit in (
        ("max_params", spec.max_params, size.num_weights, "weights"),
        ("max_model_bytes", spec.max_model_bytes, size.checkpoint_bytes or 0, "bytes"),
    ):
        if limit is not None and found > limit:
            message = f"the model has {found:,} {unit}; {key} allows {limit:,}."
            raise InfeasibleModelError(message, found / limit - 1)


def _count_bytes(variable: Any) -> int:
    return int(tf.as_dtype(variable.dtype).size * math.prod(variable.shape))
