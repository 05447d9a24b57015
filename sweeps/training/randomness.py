"""Randomness that is derived, never saved: from the trial's seed and the epoch.

An epoch draws the same numbers whether the trial came to it at one stretch or was resumed just
before it. So nothing about random generators has to be in a checkpoint.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sweeps.training.data import Data


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
        in_graphs: All that draws in an epoch is compiled, so that TensorFlow's own seed decides
            nothing. It is left alone then: with it TensorFlow drops whatever it has prepared of
            compiled functions, and prepares that again, for longer than a short epoch takes.
    """

    def __init__(self, seed: int, *, in_graphs: bool = False) -> None:
        super().__init__()
        self._seed = seed
        self._in_graphs = in_graphs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Seed the epoch that begins; `epoch` is 0-based here, as Keras counts."""
        random.seed(derive_seed(self._seed, "python", epoch + 1))
        np.random.seed(derive_seed(self._seed, "numpy", epoch + 1))
        if not self._in_graphs:
            tf.random.set_seed(derive_seed(self._seed, "tensorflow", epoch + 1))
        for index, state in enumerate(find_seed_states(self.model)):
            state.assign(
                [
                    derive_seed(self._seed, "layer", index, epoch + 1) & 0x7FFFFFFF,
                    derive_seed(self._seed, "counter", index, epoch + 1) & 0x7FFFFFFF,
                ]
            )


def draws_in_graphs(model: Any, data: Data, callbacks: Sequence[Any]) -> bool:
    """Tell whether nothing in an epoch may call a random op of TensorFlow outside a graph.

    Args:
        model: A model that `model.fit` or the compiled loop trains.
        data: The splits.
        callbacks: What the user wants to be called; Keras' own draw nothing.
    """
    return (
        not model.run_eagerly
        and all(split.dataset is None for split in data.named().values())
        and not any(_is_users(callback) for callback in callbacks)
    )


def _is_users(callback: Any) -> bool:
    # What Keras' own callbacks call for the user is the user's too.
    calls = (keras.callbacks.LambdaCallback, keras.callbacks.LearningRateScheduler)
    return isinstance(callback, calls) or not type(callback).__module__.startswith("keras.")


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
