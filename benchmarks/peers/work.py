"""The work of the throughput benchmark: the same data, models and trials for everybody.

Read by our own sweep (`build`, `load`) and by the scripts of the peers beside this file, so it
knows Keras only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # where others load this file by its path
import todo


def load() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read the images as float32 from 0 to 1, shape ``(images, 28, 28, 1)``."""
    with np.load(todo.find_folder() / "data.npz") as file:
        return {
            split: (file[f"x_{split}"].astype("float32") / 255.0, file[f"y_{split}"])
            for split in ("train", "validation")
        }


def build(hp: Any) -> keras.Model:
    """Build an MLP or a small CNN."""
    inputs = keras.Input((28, 28, 1))
    hidden = inputs
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["mlp"]):
        if kind == "mlp":
            hidden = add_dense_layers(hp, hidden)
    with hp.conditional_scope("kind", ["cnn"]):
        if kind == "cnn":
            hidden = add_convolutions(hp, hidden)
    hidden = keras.layers.Dropout(hp.Float("dropout", 0.0, 0.5))(hidden)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(hidden))
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def add_dense_layers(hp: Any, hidden: Any) -> Any:
    hidden = keras.layers.Flatten()(hidden)
    for _ in range(hp.Int("layers", 1, 2)):
        hidden = keras.layers.Dense(hp.Int("units", 32, 256, step=32), activation="relu")(hidden)
    return hidden


def add_convolutions(hp: Any, hidden: Any) -> Any:
    filters = hp.Int("filters", 8, 48, step=8)
    convolve = {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}
    hidden = keras.layers.Conv2D(filters, **convolve)(hidden)
    hidden = keras.layers.Conv2D(2 * filters, **convolve)(hidden)
    return keras.layers.Flatten()(hidden)


class FixedValues:
    """Gives `build` the values of one trial.

    Args:
        values: By name.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def conditional_scope(self, *_: Any) -> Any:
        """Every parameter that is asked for is active."""
        return nullcontext()

    def _find(self, name: str, *_: Any, **__: Any) -> Any:
        return self._values[name]

    Choice = Int = Float = _find


def train(
    number: int,
    values: Mapping[str, Any],
    data: Mapping[str, tuple[np.ndarray, np.ndarray]],
    epochs: int,
) -> float:
    """Train one trial as a Keras user would, and give its best accuracy."""
    keras.utils.set_random_seed(number)
    model = build(FixedValues(values))
    checkpoint = keras.callbacks.ModelCheckpoint(
        todo.find_folder() / f"trial-{number:02d}.keras", monitor=todo.METRIC, save_best_only=True
    )
    history = model.fit(
        *data["train"],
        batch_size=values["batch_size"],
        epochs=epochs,
        validation_data=data["validation"],
        callbacks=[checkpoint],
        verbose=0,
    )
    value = float(max(history.history[todo.METRIC]))
    todo.note(number, epochs, value)
    return value
