"""The tiny model, whose batches take time in a trial, or which stops for ever in mid-epoch."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import keras
from tiny_model import build as build_tiny
from tiny_model import load

__all__ = ["build", "load"]

BATCH_SECONDS = 0.4
FIRST_BATCHES = 3
"""So many are done before the model stalls."""


@keras.saving.register_keras_serializable("stalling")
class Stalling(keras.layers.Layer):
    """Gives its inputs back after a while, or never."""

    def __init__(self, stalls, **options):
        super().__init__(**options)
        self.stalls = stalls

    def get_config(self):
        return {**super().get_config(), "stalls": self.stalls}

    def call(self, inputs):
        import tensorflow as tf

        batches = itertools.count(1)
        is_trial = Path("/proc/self/fd/1").readlink().name == "log.txt"

        def wait(values):
            if is_trial:
                is_over = self.stalls and next(batches) > FIRST_BATCHES
                time.sleep(1000 if is_over else BATCH_SECONDS)
            return values

        outputs = tf.numpy_function(wait, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs


def build(hp):
    """Build the tiny model behind a layer that takes its time."""
    stalls = hp.Boolean("stalls")
    model = build_tiny(hp)
    stalling = keras.Sequential([keras.Input((4,)), Stalling(stalls), model])
    stalling.compile(model.optimizer, model.loss, metrics=["accuracy"])
    return stalling
