"""The tiny model, in trials that are killed, or fail, at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path

import keras
import numpy as np


def load():
    """Make numbers that a small network can learn."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=(240, 4)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("int32")
    return {"train": (x[:160], y[:160]), "validation": (x[160:], y[160:])}


def build(hp):
    """Build a small network; in a trial's process, something may happen at any moment from now."""
    units = hp.Int("units", 4, 64)
    rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
    if Path("/proc/self/fd/1").readlink().name == "log.txt":
        _choose_fault()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(2)])
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _choose_fault():
    fault = random.SystemRandom().choice(["none", "none", "error", "kill", "segv", "kill"])
    if fault == "error":
        raise ValueError("".join(random.SystemRandom().choices("abcdefghij", k=8)))
    if fault != "none":
        number = signal.SIGKILL if fault == "kill" else signal.SIGSEGV
        delay = random.SystemRandom().uniform(0, 1)
        timer = threading.Timer(delay, lambda: os.kill(os.getpid(), number))
        timer.daemon = True
        timer.start()
