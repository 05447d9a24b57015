"""A model to be served: small images, augmentation that has to be off, one output by name."""

from __future__ import annotations

import keras
import numpy as np


def load():
    """Make 96 training and 48 validation and test images whose brighter half is to be told."""
    generator = np.random.default_rng(3)
    x = generator.random((192, 6, 6, 1)).astype("float32")
    y = (x[:, :3].mean(axis=(1, 2, 3)) > x[:, 3:].mean(axis=(1, 2, 3))).astype("int32")
    return {
        "train": (x[:96], y[:96]),
        "validation": (x[96:144], y[96:144]),
        "test": (x[144:], y[144:]),
    }


def build(hp):
    """Build a classifier whose random layers must not be seen from outside."""
    inputs = keras.Input((6, 6, 1), name="image")
    hidden = keras.layers.RandomTranslation(0.2, 0.2)(inputs)
    hidden = keras.layers.Conv2D(4, 3, activation="relu")(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Flatten()(hidden)
    hidden = keras.layers.Dropout(hp.Float("dropout", 0.1, 0.5))(hidden)
    outputs = keras.layers.Dense(2, activation="softmax", name="half")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
