"""Tests of `sweeps.training.model_size`: how large a model is, and whether that is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from sweeps.spec.model import SweepSpec
from sweeps.training.model_size import (
    InfeasibleModelError,
    check_size,
    measure_model,
    measure_overhead,
)

WEIGHTS = 4 * 8 + 8 + 8 * 2 + 2


def make_model(optimizer: Any) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.compile(optimizer, "mse")
    return model


def make_spec(**options: Any) -> SweepSpec:
    objective = {"metric": "val_loss", "direction": "minimize"}
    return SweepSpec(name="a", model="m.py:b", data="m.py:l", objective=objective, **options)


@pytest.mark.parametrize(("optimizer", "slots"), [("sgd", 0), ("rmsprop", 1), ("adam", 2)])
def test_measure_model_counts_the_optimizers_state(optimizer: str, slots: int) -> None:
    """A checkpoint holds what the optimizer remembers of each weight."""
    size = measure_model(make_model(optimizer))
    assert size.num_weights == WEIGHTS
    assert size.checkpoint_bytes == 4 * WEIGHTS * (1 + slots) + 8 + 4


def test_measure_model_counts_bytes_by_type() -> None:
    """Half precision takes half."""
    layers = [keras.Input((4,)), keras.layers.Dense(8, dtype="float16")]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    assert measure_model(model).checkpoint_bytes == 2 * 40 + 12


@pytest.mark.parametrize("weights_only", [False, True])
def test_measure_overhead_is_exact(tmp_path: Path, weights_only: bool) -> None:
    """Variables and overhead together are the file."""
    model = make_model("adam")
    overhead = measure_overhead(model, weights_only=weights_only)
    path = tmp_path / ("m.weights.h5" if weights_only else "m.keras")
    model.save_weights(path) if weights_only else model.save(path)
    measured = overhead + (measure_model(model).checkpoint_bytes or 0)
    assert abs(measured - path.stat().st_size) < 64  # the zip holds a date


def test_check_size_refuses_what_is_too_large() -> None:
    """The message says what was found and what is allowed; the distance is relative."""
    model = make_model("adam")
    check_size(make_spec(max_params=WEIGHTS, max_model_bytes="1MB"), model)
    with pytest.raises(InfeasibleModelError) as caught:
        check_size(make_spec(max_params=29), model)
    assert str(caught.value) == "the model has 58 weights; max_params allows 29."
    assert caught.value.violation == 1.0
    with pytest.raises(InfeasibleModelError, match="has 708 bytes; max_model_bytes allows 500"):
        check_size(make_spec(max_model_bytes="500B"), model)
