"""The tiny model made slow by files beside it.

Where there is a file ``BRAKE``, a batch of `build_braked` takes a quarter of a second. Where there
is one ``HOLD``, `load_held` says by ``HELD`` that it waits, and does so until ``HOLD`` is gone.

Trials of `build_paced` wait for others, by their learning rate: ``PACE`` says ``low`` or ``high``:
which rates, below or above 0.01, wait until there is a file ``GO``. So two runs of a sweep can be
given the same trials in another order of time, on a busy machine too.
"""

from __future__ import annotations

import time
from pathlib import Path

import keras
from tiny_model import build, load

__all__ = ["build_braked", "build_paced", "load", "load_held", "load_held_everywhere"]

BRAKE, GO, HELD, HOLD = map(Path(__file__).with_name, ("BRAKE", "GO", "HELD", "HOLD"))
LONGEST_SECONDS = 60


@keras.saving.register_keras_serializable("paced")
class Paced(keras.layers.Layer):
    """Gives its inputs back, where it waits only once there is ``GO``."""

    def __init__(self, waits, **options):
        super().__init__(**options)
        self.waits = waits

    def get_config(self):
        return {**super().get_config(), "waits": self.waits}

    def call(self, inputs):
        import tensorflow as tf

        def wait(values):
            deadline = time.monotonic() + LONGEST_SECONDS
            while self.waits and not GO.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            return values

        outputs = tf.numpy_function(wait, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs


@keras.saving.register_keras_serializable("paced")
class Braked(keras.layers.Layer):
    """Gives its inputs back, slowly while there is ``BRAKE``."""

    def call(self, inputs):
        import tensorflow as tf

        def wait(values):
            time.sleep(0.25 * BRAKE.exists())
            return values

        outputs = tf.numpy_function(wait, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs


def load_held():
    """Load the data, but not while there is ``HOLD``."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while HOLD.exists() and time.monotonic() < deadline:
        HELD.touch()
        time.sleep(0.02)
    return load()


def load_held_everywhere():
    """Load as `load_held` does, but in every process: none inherits data after an operation."""
    import tensorflow as tf

    tf.constant(0)
    return load_held()


def build_braked(hp):
    """Build the tiny model behind a layer that may be slow."""
    model = build(hp)
    braked = keras.Sequential([keras.Input((4,)), Braked(), model], name="braked")
    braked.compile(model.optimizer, model.loss, metrics=["accuracy"])
    return braked


def build_paced(hp):
    """Build the tiny model behind a layer that waits where ``PACE`` says so."""
    model = build(hp)
    side = "low" if float(model.optimizer.learning_rate) < 0.01 else "high"
    waits = Path(__file__).with_name("PACE").read_text() == side
    paced = keras.Sequential([keras.Input((4,)), Paced(waits), model], name="paced")
    paced.compile(model.optimizer, model.loss, metrics=["accuracy"])
    return paced
