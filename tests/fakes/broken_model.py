"""Code of users who made a mistake."""

from __future__ import annotations

import sys

import keras
import numpy as np


def return_nothing(hp):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


def not_compiled(hp):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


class Unregistered(keras.layers.Dense):
    """A layer that Keras cannot find again."""


def not_loadable(hp):
    model = keras.Sequential([keras.Input((4,)), Unregistered(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model


def raising(hp):
    raise RuntimeError("my own bug")


def exiting(hp):
    sys.exit(5)


def nothing():
    return None


def wrong_lengths():
    return (np.zeros((8, 4)), np.zeros(7)), (np.zeros((8, 4)), np.zeros(8))


def wrong_width():
    return (np.zeros((8, 5)), np.zeros(8)), (np.zeros((8, 5)), np.zeros(8))
