"""Data functions that leave traces: what they do once, and what they do in every process."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import keras
import keras_tuner
import numpy as np
from tiny_model import build as build_tiny

VOCABULARY = []


def load():
    """Load data that fills a table of this module, and count that in a file."""
    with Path(__file__).with_name("loads.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")
    VOCABULARY.extend(["a", "b"])
    generator = np.random.default_rng(7)
    x = generator.normal(size=(8192, 4)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("int32")
    return {"train": (x[:4096], y[:4096]), "validation": (x[4096:], y[4096:])}


def load_with_thread():
    """Load the data and leave a thread running."""
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return load()


def load_with_operation():
    """Load the data with an operation of TensorFlow."""
    data = load()
    keras.ops.add(1, 1)
    return data


def load_with_chance():
    """Load data that is another one with every seed."""
    x = np.random.uniform(size=(128, 4)).astype("float32")
    y = (x[:, 0] > 0.5).astype("int32")
    return {"train": (x, y), "validation": (x, y)}


class Careless(keras_tuner.HyperModel):
    """Needs what `load` has left in the module, and spoils the data that it is given."""

    def build(self, hp):
        assert VOCABULARY == ["a", "b"]
        return build_tiny(hp)

    def fit(self, hp, model, x, y, **options):
        history = model.fit(x, y, **options)
        x[:] = 0.0
        return history
