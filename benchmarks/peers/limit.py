"""The limit: what the arithmetic of all trials costs by itself, one thread, nothing around it.

For each trial all training steps and validations run inside one compiled function per epoch, on
data that is in memory already. Building and compiling the model, reading the data and saving are
left out. Prints JSON: ``cpu_seconds`` and ``wall_seconds`` of all trials together.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import todo
import work


def measure(values: dict[str, Any], data: Any, epochs: int) -> tuple[float, float]:
    """Train one trial; gives the seconds of processor and clock that its epochs took."""
    keras.utils.set_random_seed(0)
    model = work.build(work.FixedValues(values))
    size = values["batch_size"]
    train, validation = (tuple(map(tf.constant, data[split])) for split in ("train", "validation"))
    model.train_on_batch(*(part[:size] for part in train))  # makes all variables
    model.test_on_batch(*(part[:size] for part in validation))
    learn, judge = (
        compile_epoch(model.train_step, train),
        compile_epoch(model.test_step, validation),
    )
    num_train, num_validation = len(train[0]), len(validation[0])
    for run in (learn, judge):  # traces
        run(tf.range(min(size, num_validation)), size)
    cpu, wall = time.process_time(), time.perf_counter()
    for epoch in range(epochs):
        learn(np.random.default_rng(epoch).permutation(num_train).astype("int32"), size)
        judge(np.arange(num_validation, dtype="int32"), size)
    return time.process_time() - cpu, time.perf_counter() - wall


def compile_epoch(step: Any, data: tuple[Any, ...]) -> Any:
    """Make one function of all batches of an epoch."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)])
    def run(order: Any, size: Any) -> None:
        for start in tf.range(0, tf.shape(order)[0], size):
            chosen = order[start : start + size]
            step(tuple(tf.gather(part, chosen) for part in data))

    return run


def main() -> None:
    """Measure a share of the trials and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first trial")
    parser.add_argument("--every", type=int, default=1, help="distance to the next one")
    parser.add_argument("--epochs", type=int, help="train fewer epochs and scale up")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    data, given = work.load(), todo.read_todo()
    epochs = arguments.epochs or given["epochs"]
    trials = given["trials"][arguments.first :: arguments.every]
    costs = [measure(values, data, epochs) for values in trials]
    scale = given["epochs"] / epochs
    cpu, wall = (scale * sum(each) for each in zip(*costs, strict=True))
    each = [round(scale * cost, 2) for cost, _ in costs]
    print(json.dumps({"cpu_seconds": cpu, "wall_seconds": wall, "trials": each}))


if __name__ == "__main__":
    main()
