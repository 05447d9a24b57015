"""Randomness that is derived, never saved: from the trial's seed and the epoch.

An epoch draws the same numbers whether the trial came to it at one stretch or was resumed just
before it. So nothing about random generators has to be in a checkpoint.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf


def derive_seed(*parts: int | str) -> int:
    """Derive a seed of 32 bits from numbers and words; the same on every machine and version."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, before a model is built."""
    keras.utils.set_random_seed(seed)


def draw_order(seed: int, epoch: int, num_samples: int) -> npt.NDArray[np.int64]:
    """Draw the order in which an epoch sees the samples.

    Args:
        seed: The trial's seed.
        epoch: The epoch, 1-based.
        num_samples: How many samples there are.

    Returns:
        A permutation of ``range(num_samples)``, shape ``(num_samples,)``.
    """
    generator = np.random.Generator(np.random.Philox(key=derive_seed(seed, "order", epoch)))
    return generator.permutation(num_samples)


class EpochSeeding(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets every random generator at the start of an epoch: Python, NumPy, TensorFlow and layers.

    Layers such as Dropout and RandomTranslation hold a seed generator whose state is in no Keras
    file. Deriving it at every epoch makes a resumed epoch draw what it would have drawn.

    Args:
        seed: The trial's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Seed the epoch that begins; `epoch` is 0-based here, as Keras counts."""
        random.seed(derive_seed(self._seed, "python", epoch + 1))
        np.random.seed(derive_seed(self._seed, "numpy", epoch + 1))
        tf.random.set_seed(derive_seed(self._seed, "tensorflow", epoch + 1))
        for index, state in enumerate(find_seed_states(self.model)):
            state.assign(
                [
                    derive_seed(self._seed, "layer", index, epoch + 1) & 0x7FFFFFFF,
                    derive_seed(self._seed, "counter", index, epoch + 1) & 0x7FFFFFFF,
                ]
            )


def find_seed_states(model: Any) -> Iterator[Any]:
    """Give the states of all seed generators that a model draws from."""
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):
            yield variable
    # Layers without a seed of their own draw from one global generator (keras.random).
    from keras.src.backend.common import global_state

    shared = global_state.get_global_attribute("global_seed_generator")
    if shared is not None:
        yield shared.state


def open_shared_generator() -> None:
    """Make sure that the generator exists from which layers without a seed of their own draw."""
    from keras.src.random.seed_generator import global_seed_generator

    global_seed_generator()
