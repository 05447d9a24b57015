"""What the warm processes of `loky_script.py` do: a module, so that they find it by its name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def train(number: int, values: dict[str, Any], epochs: int) -> tuple[int, float]:
    """Train one trial."""
    data = load()
    import work

    return number, work.train(number, values, data, epochs)


@lru_cache
def load() -> Any:
    """Import TensorFlow, with one thread, and load the data: once per process."""
    import tensorflow as tf
    import work

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return work.load()
