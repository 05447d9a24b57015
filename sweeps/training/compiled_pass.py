"""One pass over arrays, all its batches in one compiled function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import tensorflow as tf

from sweeps.errors import describe_error
from sweeps.training.data import Split, to_tensor

_OWN_STEPS = ("train_step", "test_step", "compute_metrics", "get_metrics_result")


class Pass(Protocol):
    """One pass over a split, or over some batches of it."""

    def __call__(self, order: Any, first: int = 0, stop: int | None = None) -> dict[str, Any]:
        """Do the step on the batches from `first` up to `stop`.

        Args:
            order: The order of the samples, shape ``(samples,)``; None for that of the arrays.
            first: The first batch, counted from 0.
            stop: The batch before which it ends; None for all.

        Returns:
            The metrics after these batches, or what the model's own last step gave, as tensors.
        """


def compile_pass(model: Any, name: str, split: Split, batch_size: int) -> Pass:
    """Compile one pass over a split: a step of the model on all batches.

    The arrays are put on the device here, once. The step is traced at the first call, as by
    `model.fit`, so that what callbacks change before that counts.

    Args:
        model: A model with all its variables.
        name: ``train_step`` or ``test_step``.
        split: Arrays.
        batch_size: Samples per step; the last batch may be smaller.
    """
    arrays = _put_on_device(split)
    num_samples = split.num_samples or 0
    length = _find_length(split, batch_size)
    step = _make_step(getattr(model, name))

    def take(start: Any, order: Any) -> Any:
        stop = tf.minimum(start + batch_size, num_samples)
        if order is None:
            return keras.tree.map_structure(lambda each: _fix(each[start:stop], length), arrays)
        rows = _fix(order[start:stop], length)
        return keras.tree.map_structure(lambda each: tf.gather(each, rows), arrays)

    def run_step(start: Any, order: Any) -> tuple[Any, ...]:
        return (start + batch_size, *tf.nest.flatten(step(take(start, order))))

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def run(order: Any, first: Any, last: Any) -> Any:
        # Kept where they only repeat the metrics, too: without them a step's last bits may differ
        # from those of `model.fit` (`docs/decisions/0003-compiled-epoch-loop.md`).
        outputs = _find_outputs(step, split, batch_size)
        flat = tf.nest.flatten(outputs)
        _, *logs = tf.while_loop(
            lambda start, *_: start < last,
            lambda start, *_: run_step(start, order),
            (first, *map(_make_empty, flat)),
            shape_invariants=(first.shape, *(each.shape for each in flat)),
            parallel_iterations=1,
        )
        return tf.nest.pack_sequence_as(outputs, logs)

    def run_pass(order: Any, first: int = 0, stop: int | None = None) -> dict[str, Any]:
        last = num_samples if stop is None else min(num_samples, stop * batch_size)
        limits = (tf.constant(each, tf.int64) for each in (first * batch_size, last))
        logs = run(None if order is None else tf.constant(order, tf.int64), *limits)
        # Keras' own choice between the metrics and what the last step gave.
        return dict(model._get_metrics_result_or_logs(logs))  # noqa: SLF001

    return run_pass


def has_own_steps(model: Any) -> bool:
    """Tell whether a model has steps of its own, whose logs need not be its metrics."""
    return any(is_overridden(model, name) for name in _OWN_STEPS)


def find_step_reason(model: Any, splits: dict[str, Split], batch_size: int) -> str:
    """Say why a model's own steps cannot run in a compiled pass; empty where they can.

    Each one is traced here, and nothing is computed. What cannot be traced cannot be trained by
    `model.fit` either, which says so in its own words.

    Args:
        model: A model with all its variables.
        splits: Arrays, by the name of the step that they are for.
        batch_size: Samples per step.
    """
    if not has_own_steps(model):
        return ""
    for name, split in splits.items():
        try:
            outputs = _find_outputs(_make_step(getattr(model, name)), split, batch_size)
        except Exception as error:  # noqa: BLE001 - the edge between our code and the user's
            return f"the model's {name} cannot be traced: {describe_error(error)}"
        kinds = (tf.Tensor, tf.TensorSpec)
        if not isinstance(outputs, dict) or not all(
            isinstance(each, kinds) for each in tf.nest.flatten(outputs)
        ):
            return f"the model's {name} gives no dict of tensors"
    return ""


def is_overridden(model: Any, name: str) -> bool:
    """Tell whether a model's class has another method of this name than Keras' own classes."""
    method = getattr(type(model), name, None)
    return method is not getattr(keras.Model, name) and not (
        isinstance(model, keras.Sequential) and method is getattr(keras.Sequential, name)
    )


def _put_on_device(split: Split) -> Any:
    # Keras' own adapter makes tuples of lists too, which a model's `call` may look at.
    return keras.tree.map_structure(to_tensor, keras.tree.lists_to_tuples(split.arrays))


def _find_length(split: Split, batch_size: int) -> int | None:
    """Find the length of every batch, which Keras lets a model know; None where one is shorter."""
    return None if (split.num_samples or 0) % batch_size else batch_size


def _fix(tensor: Any, length: int | None) -> Any:
    if length is not None:
        tensor.set_shape([length, *tensor.shape[1:]])
    return tensor


def _make_step(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a function of a step as Keras does: in a graph of its own, and not by AutoGraph.

    Variables may be made there, and TensorFlow's random ops are seeded by their place in it.
    """
    function: Callable[[Any], Any] = tf.function(
        tf.autograph.experimental.do_not_convert(step), reduce_retracing=True
    )
    return function


def _find_outputs(step: Any, split: Split, batch_size: int) -> Any:
    """Trace a step; returns the structure of types and shapes of what it gives."""
    length = _find_length(split, batch_size)
    specs = keras.tree.map_structure(
        lambda array: tf.TensorSpec([length, *array.shape[1:]], tf.as_dtype(array.dtype)),
        keras.tree.lists_to_tuples(split.arrays),
    )
    return step.get_concrete_function(specs).structured_outputs


def _make_empty(output: Any) -> Any:
    """Make what stands for an output before the first step; its open dimensions are 0."""
    shape = [] if output.shape.rank is None else [size or 0 for size in output.shape]
    return tf.zeros(shape, output.dtype)
