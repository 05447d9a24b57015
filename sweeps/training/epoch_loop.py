"""Fitting a model: one compiled function per epoch where that is possible, else `model.fit`.

Keras' `fit` pays per batch for Python, the iterator and the callbacks: on a small model more than
the arithmetic. For arrays the compiled loop puts the data on the device once and runs the model's
own ``train_step`` for all batches inside one graph. Weights and logs are bit-identical to
`model.fit` on the same order of samples (``tests/training/test_epoch_loop.py``).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from sweeps.training.data import Data, Split, to_tensor
from sweeps.training.keras_fit import EpochOrder, OrderedBatches, fit_with_keras
from sweeps.training.randomness import draw_order

_SEGMENT_SECONDS = 1.0
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_OWN_METHODS = (
    "fit",
    "evaluate",
    "train_step",
    "test_step",
    "make_train_function",
    "make_test_function",
    "compute_metrics",
)


@dataclass(frozen=True)
class FitPlan:
    """What to fit, and for how long.

    Attributes:
        data: The splits.
        batch_size: Samples per optimizer update.
        epochs: Epochs in all, finished ones included.
        first_epoch: Finished epochs: where a resumed trial goes on.
        validation_freq: Validate every so many epochs.
        seed: The trial's seed, from which the order of samples is derived.
        first_batch: Finished batches of the first epoch.
        pause: Called about once a second in the middle of an epoch, with the finished epochs and
            the finished batches of this one; True ends the training there.
        settle: Called by the compiled loop when an epoch is trained and not yet validated: waits
            for what is still written of the epoch before; True ends the training with that one.
        is_due: Whether `model.fit` is to call `pause` though less than a second has passed.
    """

    data: Data
    batch_size: int
    epochs: int
    first_epoch: int = 0
    validation_freq: int = 1
    seed: int = 0
    first_batch: int = 0
    pause: Callable[[int, int], bool] | None = None
    settle: Callable[[], bool] = lambda: False
    is_due: Callable[[], bool] = lambda: False

    def is_validated(self, epoch: int) -> bool:
        """Tell whether `epoch` (1-based) ends with a validation."""
        return self.data.validation is not None and epoch % self.validation_freq == 0


def find_fit_reason(model: Any, data: Data, callbacks: Sequence[Any] = ()) -> str:
    """Say why a model cannot train in the compiled loop; empty where it can."""
    return next(
        (reason for is_so, reason in _list_fit_reasons(model, data, callbacks) if is_so), ""
    )


def _list_fit_reasons(
    model: Any, data: Data, callbacks: Sequence[Any]
) -> Iterator[tuple[bool, str]]:
    yield data.train.dataset is not None, "the training data is a dataset, not arrays"
    yield (
        data.validation is not None and data.validation.dataset is not None,
        "the validation data is a dataset, not arrays",
    )
    yield model.run_eagerly, "the model runs eagerly"
    yield model.jit_compile, "the model asks for jit_compile"
    yield tf.distribute.has_strategy(), "a distribution strategy is active"
    for name in _OWN_METHODS:
        yield _is_overridden(model, name), f"the model has its own {name}"
    for callback in callbacks:
        name = type(callback).__name__
        yield _has_batch_hook(callback), f"the callback {name} wants to see every batch"


def build_state(model: Any, split: Split, batch_size: int) -> None:
    """Create all variables of a model, its metrics and its optimizer, without training.

    Raises:
        ValueError: The data does not fit the model.
    """
    # Keras' own first step of `fit`; there is no public name for it.
    model._symbolic_build(data_batch=take_batch(split, batch_size))  # noqa: SLF001


def take_batch(split: Split, batch_size: int) -> Any:
    """Take the first batch of a split, as tensors."""
    if split.dataset is not None:
        return next(iter(split.dataset))
    rows = slice(0, batch_size)
    return keras.tree.map_structure(tf.convert_to_tensor, _slice(split.arrays, rows))


def fit(model: Any, plan: FitPlan, callbacks: Sequence[Any], *, compiled: bool) -> None:
    """Train a model; callbacks see what `model.fit` would show them.

    Args:
        model: A compiled model.
        plan: What to fit, and for how long.
        callbacks: Keras callbacks, in the order in which they are called.
        compiled: Use the compiled loop, for which `find_fit_reason` must be empty.
    """
    (_fit_compiled if compiled else _fit_with_keras)(model, plan, list(callbacks))


def _fit_compiled(model: Any, plan: FitPlan, callbacks: list[Any]) -> None:
    train_epoch = compile_pass(model.train_step, plan.data.train, plan.batch_size)
    validation = plan.data.validation
    evaluate = validation and compile_pass(model.test_step, validation, plan.batch_size)
    hooks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        model=model,
        epochs=plan.epochs,
        steps=math.ceil((plan.data.train.num_samples or 0) / plan.batch_size),
    )
    pace = _Pace()
    logs: dict[str, float] = {}
    model.stop_training = False
    hooks.on_train_begin()
    for epoch in range(plan.first_epoch, plan.epochs):
        model.reset_metrics()
        hooks.on_epoch_begin(epoch)
        found = _train_segments(train_epoch, model, plan, epoch, pace)
        if found is None or plan.settle():
            break
        logs = found
        if evaluate and plan.is_validated(epoch + 1):
            logs |= {
                f"val_{name}": value for name, value in _validate(model, evaluate, hooks).items()
            }
        hooks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    plan.settle()
    if isinstance(model.optimizer, keras.optimizers.Optimizer):
        model.optimizer.finalize_variable_values(model.trainable_weights)
    hooks.on_train_end(logs)


@dataclass
class _Pace:
    """How many batches make about a second: tried out, since nobody knows beforehand."""

    num_batches: int = 8
    is_first: bool = True

    def learn(self, seconds: float) -> None:
        if self.is_first:  # its time is that of compiling
            self.is_first = False
            return
        factor = min(4.0, max(0.5, _SEGMENT_SECONDS / max(seconds, 1e-6)))
        self.num_batches = max(1, round(self.num_batches * factor))


def _train_segments(
    train: Pass, model: Any, plan: FitPlan, epoch: int, pace: _Pace
) -> dict[str, float] | None:
    """Train an epoch, pausing about once a second; None where a pause ended the training."""
    num_samples = plan.data.train.num_samples or 0
    order = draw_order(plan.seed, epoch + 1, num_samples)
    num_batches = math.ceil(num_samples / plan.batch_size)
    batch = plan.first_batch if epoch == plan.first_epoch else 0
    logs: dict[str, float] = {}
    while batch < num_batches:
        stop = min(num_batches, batch + pace.num_batches) if plan.pause else num_batches
        began, size = time.monotonic(), stop - batch
        logs = train(order, model, batch, stop)
        batch = stop
        if size == pace.num_batches:
            pace.learn(time.monotonic() - began)
        if plan.pause and batch < num_batches and plan.pause(epoch, batch):
            return None
    return logs


def _validate(model: Any, evaluate: Pass, hooks: Any) -> dict[str, float]:
    model.reset_metrics()
    hooks.on_test_begin()
    logs = evaluate(None, model)
    hooks.on_test_end(logs)
    return logs


class Pass(Protocol):
    """One pass over a split, or over some batches of it."""

    def __call__(
        self, order: Any, model: Any, first: int = 0, stop: int | None = None
    ) -> dict[str, float]:
        """Do `step` on the batches from `first` up to `stop`; gives the metrics after them."""


def compile_pass(step: Callable[[Any], Any], split: Split, batch_size: int) -> Pass:
    """Compile one pass over a split: `step` on all batches, in a given order or as they lie.

    Args:
        step: ``model.train_step`` or ``model.test_step``.
        split: Arrays; they are put on the device here, once.
        batch_size: Samples per step; the last batch may be smaller.

    Returns:
        A function of (order or None, model) that gives the metrics after the pass, or after some
        batches of it.
    """
    arrays = keras.tree.map_structure(to_tensor, split.arrays)
    num_samples = split.num_samples or 0

    def run_step(start: Any, order: Any) -> Any:
        stop = tf.minimum(start + batch_size, num_samples)
        if order is None:
            batch = keras.tree.map_structure(lambda array: array[start:stop], arrays)
        else:
            rows = order[start:stop]
            batch = keras.tree.map_structure(lambda array: tf.gather(array, rows), arrays)
        step(batch)
        return (start + batch_size,)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def run(order: Any, first: Any, last: Any) -> None:
        tf.while_loop(
            lambda start: start < last,
            lambda start: run_step(start, order),
            (first,),
            parallel_iterations=1,
        )

    def run_pass(
        order: Any, model: Any, first: int = 0, stop: int | None = None
    ) -> dict[str, float]:
        last = num_samples if stop is None else min(num_samples, stop * batch_size)
        limits = (tf.constant(each, tf.int64) for each in (first * batch_size, last))
        with _without_constant_folding():
            run(None if order is None else tf.constant(order, tf.int64), *limits)
        return {name: _to_python(value) for name, value in model.get_metrics_result().items()}

    return run_pass


@contextlib.contextmanager
def _without_constant_folding() -> Iterator[None]:
    # Within a loop TensorFlow multiplies a chain of constants in another order than outside, so
    # that a learning rate schedule would differ from that of `model.fit` in its last bit.
    before = tf.config.optimizer.get_experimental_options().get("constant_folding", True)
    tf.config.optimizer.set_experimental_options({"constant_folding": False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"constant_folding": before})


def _fit_with_keras(model: Any, plan: FitPlan, callbacks: list[Any]) -> None:
    train, validation = plan.data.train, plan.data.validation
    batches = train.dataset
    if batches is None:
        batches = OrderedBatches(train, plan.batch_size, plan.seed)
        callbacks = [EpochOrder(batches), *callbacks]
    is_dataset = validation is not None and validation.dataset is not None
    validation_data = validation and (validation.dataset if is_dataset else validation.arrays)
    fit_with_keras(
        model,
        batches,
        callbacks,
        epochs=plan.epochs,
        first_epoch=plan.first_epoch,
        first_batch=plan.first_batch,
        pause=plan.pause,
        is_due=plan.is_due,
        validation_data=validation_data,
        validation_batch_size=None if is_dataset else plan.batch_size,
        validation_freq=plan.validation_freq,
    )


def _slice(arrays: Any, rows: Any) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], arrays)


def _to_python(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value).tolist()


def _is_overridden(model: Any, name: str) -> bool:
    method = getattr(type(model), name, None)
    return method is not getattr(keras.Model, name) and not (
        isinstance(model, keras.Sequential) and method is getattr(keras.Sequential, name)
    )


def _has_batch_hook(callback: Any) -> bool:
    # Keras marks the empty methods of its base class; anything else is somebody's hook.
    return any(
        not getattr(getattr(callback, name), "_is_default", False)
        for name in (*_BATCH_HOOKS, *_TEST_HOOKS)
    )
