"""Tiny models and data, and what tests compare of a training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from sweeps.checkpoints.store import BestCheckpoint
from sweeps.spec.parameters import Parameter, default_of
from sweeps.training.channel import Action
from sweeps.training.data import Data, Split
from sweeps.training.latest_checkpoint import list_variables

NUM_SAMPLES = 22
BATCH_SIZE = 8


def make_arrays(num_samples: int, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Draw inputs and one of three classes each."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(num_samples, *shape)).astype("float32")
    return x, generator.integers(0, 3, num_samples)


def make_data(shape: tuple[int, ...] = (4,)) -> Data:
    """Make 22 samples to train on and 10 for validation: with batches of 8 both end in a part."""
    return Data(
        Split(*make_arrays(NUM_SAMPLES, shape)), validation=Split(*make_arrays(10, shape, seed=1))
    )


def make_mlp(optimizer: Any = "adam", *layers: Any, units: int = 8) -> Any:
    """Make a compiled classifier of four features with a dropout layer."""
    hidden = [keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(0.4), *layers]
    model = keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(3)])
    return compile_classifier(model, optimizer)


def make_cnn() -> Any:
    """Make a classifier of 6x6 images with augmentation, batch normalization, noise and dropout."""
    layers = [
        keras.layers.RandomTranslation(0.2, 0.2),
        keras.layers.RandomFlip("horizontal"),
        keras.layers.Conv2D(4, 3),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.GaussianNoise(0.1),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(3),
    ]
    return compile_classifier(keras.Sequential([keras.Input((6, 6, 1)), *layers]), "adam")


def make_rnn() -> Any:
    """Make a classifier of sequences with dropout in its recurrent layer."""
    layers = [keras.layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2), keras.layers.Dense(3)]
    return compile_classifier(keras.Sequential([keras.Input((5, 2)), *layers]), "adam")


def make_two_headed() -> Any:
    """Make a model with a dict of inputs and a dict of outputs."""
    left, right = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate()([keras.layers.Dense(3)(left), right])
    outputs = {
        "kind": keras.layers.Dense(3, name="kind")(both),
        "size": keras.layers.Dense(1, name="size")(both),
    }
    model = keras.Model({"left": left, "right": right}, outputs)
    model.compile(
        "adam",
        loss={"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    return model


def make_two_headed_data() -> Data:
    """Make the data of `make_two_headed`."""

    def make(num_samples: int, seed: int) -> Split:
        x, kind = make_arrays(num_samples, (6,), seed)
        return Split({"left": x[:, :4], "right": x[:, 4:]}, {"kind": kind, "size": x[:, :1]})

    return Data(make(NUM_SAMPLES, 0), validation=make(10, 1))


def compile_classifier(model: Any, optimizer: Any) -> Any:
    """Compile a model that gives logits of three classes."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], weighted_metrics=["accuracy"])
    return model


def hash_variables(model: Any) -> str:
    """Compute one digest of weights, seeds and optimizer state, every bit of them."""
    return hash_arrays([np.asarray(variable) for variable in list_variables(model)])


def hash_arrays(arrays: Sequence[Any]) -> str:
    """Compute one digest of arrays, their shapes and types included."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


@dataclass
class FakeChannel:
    """Answers with defaults, and to an epoch's report as told."""

    actions: Mapping[int, Action] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    values: Mapping[str, Any] = field(default_factory=dict)
    reports: list[tuple[int, float | None, float | None]] = field(default_factory=list)
    stop_at: int = 0
    num_progress: int = 0
    reasons: list[str] | None = None
    batch: tuple[int, int, str] | None = None
    loop: tuple[str, str] | None = None

    def suggest(self, parameter: Parameter) -> Any:
        self.asked.append(parameter.name)
        return default_of(parameter)

    def record_values(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def tell_resume(self, reasons: Sequence[str]) -> None:
        self.reasons = list(reasons)

    def tell_batch(self, size: int, gradient_accumulation_steps: int, fixed: str) -> None:
        self.batch = (size, gradient_accumulation_steps, fixed)

    def tell_loop(self, loop: str, reason: str) -> None:
        self.loop = (loop, reason)

    def progress(self) -> Action:
        self.num_progress += 1
        return "stop" if self.num_progress == self.stop_at else "continue"

    def report(self, epoch: int, value: float | None, best: float | None) -> Action:
        self.reports.append((epoch, value, best))
        return self.actions.get(epoch, "continue")


BEST = BestCheckpoint("a.keras", 0.5, 1, "ab")
