"""Settings of the TensorFlow runtime, made before its first operation."""

from __future__ import annotations

import tensorflow as tf


def set_threads(threads: int) -> None:
    """Let one operation use so many CPU threads. The count is part of a trial's identity.

    Weights differ in their last bits between thread counts, so it is never left to chance.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
