"""Models beyond the example, each of them small, with the inputs to try it on.

This file is also what a clean process imports for the classes that are registered here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

layers = keras.layers

Made = tuple[Any, Any]  # a model, and inputs in the form in which it takes them

_GENERATOR = np.random.default_rng(5)
_TEXTS = ["a good day", "a bad day", "good good night", "bad", "day and night", "a night"]


def draw(*shape: int) -> Any:
    return _GENERATOR.normal(size=shape).astype("float32")


def make_dense() -> Made:
    """Dense layers."""
    return keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3)]), draw(
        6, 4
    )


def make_convolutions() -> Made:
    """Convolutions, batch normalization, dropout."""
    body = [
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.DepthwiseConv2D(3),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.3),
        layers.Dense(3, "softmax"),
    ]
    return keras.Sequential([keras.Input((8, 8, 1)), *body]), draw(6, 8, 8, 1)


def make_augmented() -> Made:
    """Augmentation layers (inactive when used)."""
    body = [
        layers.RandomFlip(),
        layers.RandomTranslation(0.2, 0.2),
        layers.RandomRotation(0.1),
        layers.RandomContrast(0.2),
        layers.GaussianNoise(0.1),
        layers.Flatten(),
        layers.Dense(3),
    ]
    return keras.Sequential([keras.Input((6, 6, 1)), *body]), draw(6, 6, 6, 1)


def make_any_size() -> Made:
    """Images of any size."""
    body = [layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(3)]
    return keras.Sequential([keras.Input((None, None, 3)), *body]), draw(6, 9, 7, 3)


def make_lists() -> Made:
    """Lists of inputs and of outputs."""
    left, right = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    both = layers.Concatenate()([layers.Dense(3)(left), right])
    outputs = [layers.Dense(3, name="kind")(both), layers.Dense(1, name="size")(both)]
    return keras.Model([left, right], outputs), [draw(6, 4), draw(6, 2)]


def make_dicts() -> Made:
    """Inputs and outputs by name (dict)."""
    left, right = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    both = layers.Concatenate()([layers.Dense(3)(left), right])
    outputs = {"kind": layers.Dense(3)(both), "size": layers.Dense(1)(both)}
    return (
        keras.Model({"left": left, "right": right}, outputs),
        {"left": draw(6, 4), "right": draw(6, 2)},
    )


def make_texts() -> Made:
    """Texts as input: TextVectorization and Embedding."""
    vectorize = layers.TextVectorization(max_tokens=20, output_sequence_length=4)
    vectorize.adapt(_TEXTS)
    inputs = keras.Input((), dtype="string", name="text")
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(vectorize(inputs)))
    return keras.Model(inputs, layers.Dense(2)(hidden)), np.array(_TEXTS)


def make_lookups() -> Made:
    """Categories as texts: StringLookup."""
    lookup = layers.StringLookup(vocabulary=["red", "green", "blue"], output_mode="one_hot")
    inputs = keras.Input((1,), dtype="string", name="colour")
    colours = np.array([["red"], ["blue"], ["grey"], ["green"], ["red"], ["blue"]])
    return keras.Model(inputs, layers.Dense(2)(lookup(inputs))), colours


def make_normalization() -> Made:
    """Normalization and Rescaling."""
    normalize = layers.Normalization()
    normalize.adapt(draw(40, 4))
    body = [normalize, layers.Rescaling(0.5, 1.0), layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *body]), draw(6, 4)


def make_discretization() -> Made:
    """Discretization."""
    inputs = keras.Input((1,), name="age")
    bins = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])(inputs)
    outputs = layers.Dense(2)(layers.Flatten()(layers.Embedding(4, 3)(bins)))
    return keras.Model(inputs, outputs), draw(6, 1)


def make_encoding() -> Made:
    """CategoryEncoding."""
    inputs = keras.Input((2,), dtype="int32", name="tags")
    encoded = layers.CategoryEncoding(5, output_mode="multi_hot")(inputs)
    tags = _GENERATOR.integers(0, 5, (6, 2)).astype("int32")
    return keras.Model(inputs, layers.Dense(2)(encoded)), tags


def make_embedding() -> Made:
    """Embedding of whole numbers."""
    inputs = keras.Input((5,), dtype="int32", name="tokens")
    hidden = layers.Conv1D(4, 2)(layers.Embedding(9, 4)(inputs))
    tokens = _GENERATOR.integers(0, 9, (6, 5)).astype("int32")
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(hidden))), tokens


def make_lstm() -> Made:
    """LSTM."""
    return keras.Sequential([keras.Input((5, 3)), layers.LSTM(4), layers.Dense(2)]), draw(6, 5, 3)


def make_gru() -> Made:
    """Bidirectional GRU."""
    body = [layers.Bidirectional(layers.GRU(4)), layers.Dense(2)]
    return keras.Sequential([keras.Input((5, 3)), *body]), draw(6, 5, 3)


def make_attention() -> Made:
    """Attention: MultiHeadAttention, LayerNormalization."""
    inputs = keras.Input((5, 8), name="tokens")
    attended = layers.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True)
    hidden = layers.LayerNormalization()(inputs + attended)
    return keras.Model(inputs, layers.Dense(2)(hidden[:, -1])), draw(6, 5, 8)


def make_gelu() -> Made:
    """Exact gelu."""
    return keras.Sequential([keras.Input((4,)), layers.Dense(8, "gelu"), layers.Dense(2)]), draw(
        6, 4
    )


def make_mixed() -> Made:
    """Mixed precision (mixed_float16)."""
    inputs = keras.Input((4,))
    hidden = layers.Dense(8, "relu", dtype="mixed_float16")(inputs)
    return keras.Model(inputs, layers.Dense(2, dtype="float32")(hidden)), draw(6, 4)


@keras.saving.register_keras_serializable("tests")
class Squares(keras.layers.Layer):
    """Adds scaled squares of its inputs."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return keras.ops.concatenate([inputs, self.scale * inputs**2], axis=-1)


def make_custom_layer() -> Made:
    """A layer of one's own, registered."""
    return keras.Sequential([keras.Input((4,)), Squares(), layers.Dense(2)]), draw(6, 4)


@keras.saving.register_keras_serializable("tests")
class Own(keras.Model):
    """Subclassed instead of made of inputs and outputs."""

    def __init__(self, units: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.hidden, self.head = layers.Dense(units, "relu"), layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.head(self.hidden(inputs))

    def get_config(self) -> Any:
        return {**super().get_config(), "units": self.units}


def make_subclass() -> Made:
    """A subclassed model, registered."""
    model, x = Own(), draw(6, 4)
    model(x)
    return model, x


MODELS: dict[str, Callable[[], Made]] = {
    make.__name__.removeprefix("make_"): make
    for make in (
        make_dense,
        make_convolutions,
        make_augmented,
        make_any_size,
        make_lists,
        make_dicts,
        make_embedding,
        make_normalization,
        make_discretization,
        make_encoding,
        make_lookups,
        make_texts,
        make_lstm,
        make_gru,
        make_attention,
        make_gelu,
        make_mixed,
        make_custom_layer,
        make_subclass,
    )
}
CUSTOM = ("custom_layer", "subclass")
