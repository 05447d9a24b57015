"""Handwritten digits: the data and the models of `digits.yaml`.

`load` is called once per sweep, `build` once per trial; both names stand in the space file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

HERE = Path(__file__).parent


def load() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read 1,797 images, 8x8 pixels with values from 0 to 1, and the digit each of them shows.

    Of every six images of one digit the first is for validation and the second for the test, in
    the order of the file: the same split on every machine, and each digit has its share of it.

    Returns:
        Three splits of ``(x, y)``: x is float32 of shape ``(images, 8, 8, 1)``, y holds 0..9.
    """
    with np.load(HERE / "digits.npz") as file:
        x = file["x"].astype("float32")[..., np.newaxis] / 16.0
        y = file["y"].astype("int32")
    turn = np.zeros(len(y), dtype=int)
    for digit in range(10):
        turn[y == digit] = np.arange(np.count_nonzero(y == digit)) % 6
    return {
        "train": (x[turn >= 2], y[turn >= 2]),
        "validation": (x[turn == 0], y[turn == 0]),
        "test": (x[turn == 1], y[turn == 1]),
    }


def build(hp: Any) -> keras.Model:
    """Build and compile one model; `hp` gives the values that this trial tries."""
    inputs = keras.Input((8, 8, 1), name="image")
    hidden = inputs
    if hp.Boolean("shift"):
        # Active in training only: each image moves by up to one pixel, differently every time.
        hidden = keras.layers.RandomTranslation(0.125, 0.125, fill_mode="constant")(hidden)
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["mlp"]):
        if kind == "mlp":
            hidden = add_dense_layers(hp, hidden)
    with hp.conditional_scope("kind", ["cnn"]):
        if kind == "cnn":
            hidden = add_convolutions(hp, hidden)
    hidden = keras.layers.Dropout(hp.Float("dropout", 0.0, 0.5))(hidden)
    outputs = keras.layers.Dense(10, activation="softmax", name="digit")(hidden)
    model = keras.Model(inputs, outputs, name="digits")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def add_dense_layers(hp: Any, hidden: Any) -> Any:
    hidden = keras.layers.Flatten()(hidden)
    for _ in range(hp.Int("layers", 1, 2)):
        hidden = keras.layers.Dense(hp.Int("units", 32, 256, step=32), activation="relu")(hidden)
    return hidden


def add_convolutions(hp: Any, hidden: Any) -> Any:
    filters = hp.Int("filters", 8, 32, step=8)
    hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)
    hidden = keras.layers.MaxPooling2D()(hidden)
    hidden = keras.layers.Conv2D(2 * filters, 3, padding="same", activation="relu")(hidden)
    return keras.layers.Flatten()(hidden)
