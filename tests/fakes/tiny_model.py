"""A sweep's code that trains in milliseconds: four numbers, two classes, one small layer."""

from __future__ import annotations

import os
import signal
import sys
import time

import keras
import numpy as np


def load():
    """Make 160 training and 80 validation and test samples that a small network can learn."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=(320, 4)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("int32")
    return {
        "train": (x[:160], y[:160]),
        "validation": (x[160:240], y[160:240]),
        "test": (x[240:], y[240:]),
    }


def build(hp):
    """Build a small network; `kind` opens a condition."""
    inputs = keras.Input((4,), name="numbers")
    hidden = inputs
    if hp.Choice("kind", ["wide", "deep"]) == "deep":
        with hp.conditional_scope("kind", ["deep"]):
            for _ in range(hp.Int("layers", 1, 2)):
                hidden = keras.layers.Dense(8, activation="relu")(hidden)
    else:
        hidden = keras.layers.Dense(hp.Int("units", 8, 32, step=8), activation="relu")(hidden)
    hidden = keras.layers.Dropout(0.1)(hidden)
    model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def build_faulty(hp):
    """Build as `build` does, but do what `fault` says first."""
    fault = hp.Choice("fault", ["none"])
    if fault == "raise":
        raise ValueError("the user's own mistake")
    if fault == "exit":
        sys.exit(3)
    if fault == "os_exit":
        os._exit(4)
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "hang":
        time.sleep(1000)
    model = build(hp)
    if fault == "diverge":
        model.optimizer.learning_rate = float("inf")
    return model


@keras.saving.register_keras_serializable("tiny")
class Slow(keras.layers.Layer):
    """Gives its inputs back after 20 ms a batch."""

    def call(self, inputs):
        import tensorflow as tf

        def wait(values):
            time.sleep(0.02)
            return values

        outputs = tf.numpy_function(wait, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs


def build_slow(hp):
    """Build a model whose epochs take long enough to be interrupted."""
    model = build(hp)
    slow = keras.Sequential([keras.Input((4,)), Slow(), model])
    slow.compile(model.optimizer, model.loss, metrics=["accuracy"])
    return slow


def load_dataset():
    """Give the same data as a tf.data pipeline."""
    import tensorflow as tf

    return {
        name: tf.data.Dataset.from_tensor_slices(arrays).batch(16)
        for name, arrays in load().items()
    }


def load_train_only():
    """Give training data alone."""
    return {"train": load()["train"]}
