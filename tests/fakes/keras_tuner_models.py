"""KerasTuner's own applications, as a user points at them."""

from __future__ import annotations

import keras
import keras_tuner
import numpy as np

xception = keras_tuner.applications.HyperXception(input_shape=(32, 32, 3), classes=2)
resnet = keras_tuner.applications.HyperResNet(input_shape=(32, 32, 3), classes=2)


def augmented(hp):
    """Put KerasTuner's augmentation before a small network."""
    augment = keras_tuner.applications.HyperImageAugment(
        input_shape=(32, 32, 3), rotate=0.3, augment_layers=0
    )
    layers = [augment.build(hp), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


def load():
    """Make 16 images of two classes."""
    generator = np.random.default_rng(7)
    x = generator.random((16, 32, 32, 3), dtype="float32")
    y = np.eye(2, dtype="float32")[np.arange(16) % 2]
    return (x, y), (x, y)
