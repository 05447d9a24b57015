"""Models whose code declares its parameters in every way that there is, and in some wrong ones."""

from __future__ import annotations

import itertools

import keras
import keras_tuner
import numpy as np

calls = itertools.count()


def load():
    """Make a few samples of four numbers and two classes."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=(48, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    return (x[:32], y[:32]), (x[32:], y[32:])


def make(units, rate=0.01, depth=1):
    layers = [keras.layers.Dense(units, activation="relu") for _ in range(depth)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def finite(hp):
    """Declare a finite space with a condition: 2 * (1 + 2) = 6 configurations."""
    units = hp.Choice("units", [4, 8])
    kind = hp.Choice("kind", ["shallow", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        depth = hp.Int("depth", 2, 3)
    return make(units, depth=depth if kind == "deep" else 1)


def narrowable(hp):
    """Declare one parameter of each kind; `momentum` is declared nowhere but read."""
    units = hp.Int("units", 4, 16, step=4)
    rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
    if "momentum" in hp:
        rate *= hp.get("momentum")
    return make(units, rate)


def loop(hp):
    """Declare the units of each layer, as every KerasTuner tutorial does."""
    layers = [
        keras.layers.Dense(hp.Int(f"units_{index}", 4, 8, step=4))
        for index in range(hp.Int("layers", 1, 2))
    ]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model


def twice(hp):
    """Declare one name with two ranges."""
    hp.Int("units", 4, 8)
    return make(hp.Int("units", 4, 16))


def changing(hp):
    """Declare another name on each call."""
    return make(hp.Int(f"units_{next(calls)}", 4, 8))


def growing(hp):
    """Build a larger model on each call."""
    return make(4 + next(calls))


def lazy(hp):
    """Build a model that learns its inputs from the data."""
    model = keras.Sequential([keras.layers.Dense(hp.Int("units", 4, 8)), keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model


def huge(hp):
    """Build a model whose largest version fits no machine: 4 TB."""
    return make(hp.Int("units", 4, 250_000_000_000))


class OwnFit(keras_tuner.HyperModel):
    """Reads a parameter where nobody can see it before training."""

    def build(self, hp):
        return finite(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.get("batch"), **kwargs)


class Declaring(keras_tuner.HyperModel):
    """Declares in a method of its own, as HyperModel allows."""

    def declare_hyperparameters(self, hp):
        hp.Int("units", 4, 8, step=4)

    def build(self, hp):
        return make(hp.get("units"))
