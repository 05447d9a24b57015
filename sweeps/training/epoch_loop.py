"""Fitting a model: one compiled function per epoch where that is possible, else `model.fit`.

Keras' `fit` pays per batch for Python, the iterator and the callbacks: on a small model more than
the arithmetic. For arrays the compiled loop puts the data on the device once and runs the model's
own ``train_step`` for all batches inside one graph. Weights and logs are bit-identical to
`model.fit` on the same order of samples (``tests/training/test_fit_equality.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from keras.src.utils.python_utils import pythonify_logs

from sweeps.training.compiled_pass import Pass, compile_pass, find_step_reason, is_overridden
from sweeps.training.data import Data, Split, count_batches, take_rows, weigh_classes
from sweeps.training.keras_fit import EpochOrder, OrderedBatches, fit_with_keras
from sweeps.training.randomness import draw_order

_SEGMENT_SECONDS = 1.0
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_OWN_METHODS = ("fit", "evaluate", "make_train_function", "make_test_function")


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
        class_weight: Weights of classes, for a dataset and for a HyperModel's own fit; see `weigh`.
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
    class_weight: Mapping[int, float] | None = None
    pause: Callable[[int, int], bool] | None = None
    settle: Callable[[], bool] = lambda: False
    is_due: Callable[[], bool] = lambda: False

    @property
    def num_batches(self) -> int:
        """Batches of an epoch over arrays."""
        return count_batches(self.data.train, self.batch_size) or 0

    def is_validated(self, epoch: int) -> bool:
        """Tell whether `epoch` (1-based) ends with a validation."""
        return self.data.validation is not None and epoch % self.validation_freq == 0


def weigh(plan: FitPlan) -> FitPlan:
    """Put the weights of classes, where there are any, into the samples of arrays.

    Raises:
        OptionError: Keras takes none for such data.
    """
    if plan.data.train.dataset is not None:
        return plan
    return replace(plan, data=weigh_classes(plan.data, plan.class_weight), class_weight=None)


def find_fit_reason(
    model: Any, data: Data, callbacks: Sequence[Any] = (), *, batch_size: int | None = None
) -> str:
    """Say why a model cannot train in the compiled loop; empty where it can.

    Args:
        model: A compiled model.
        data: The splits.
        callbacks: What else is called.
        batch_size: Samples per step, for a model with all its variables: steps of its own are
            traced then.
    """
    found = _list_fit_reasons(model, data, callbacks)
    reason = next((reason for is_so, reason in found if is_so), "")
    if reason or batch_size is None:
        return reason
    splits = {"train_step": data.train, "test_step": data.validation}
    arrays = {name: split for name, split in splits.items() if split is not None}
    return find_step_reason(model, arrays, batch_size)


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
    is_limited = keras.config.max_epochs() or keras.config.max_steps_per_epoch()
    yield bool(is_limited), "keras.config limits the epochs or their batches"
    for name in _OWN_METHODS:
        yield is_overridden(model, name), f"the model has its own {name}"
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
    first = take_rows(split, slice(batch_size))
    return keras.tree.map_structure(tf.convert_to_tensor, first.arrays)


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
    train_epoch = compile_pass(model, "train_step", plan.data.train, plan.batch_size)
    validation = plan.data.validation
    evaluate = validation and compile_pass(model, "test_step", validation, plan.batch_size)
    hooks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        model=model,
        verbose=0,
        epochs=plan.epochs,
        steps=plan.num_batches,
    )
    pace = _Pace()
    logs: dict[str, Any] = {}
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
) -> dict[str, Any] | None:
    """Train an epoch, pausing about once a second; None where a pause ended the training."""
    order = tf.constant(draw_order(plan.seed, epoch + 1, plan.data.train.num_samples or 0))
    batch = plan.first_batch if epoch == plan.first_epoch else 0
    num_batches = plan.num_batches
    if model.stop_training:  # by a callback as the epoch began: Keras looks after the first step
        num_batches = min(num_batches, batch + model.steps_per_execution)
    logs: dict[str, Any] = {}
    while batch < num_batches:
        stop = min(num_batches, batch + pace.num_batches) if plan.pause else num_batches
        began, size = time.monotonic(), stop - batch
        logs = train(order, batch, stop)
        batch = stop
        if size == pace.num_batches:
            pace.learn(time.monotonic() - began)
        if plan.pause and batch < num_batches and plan.pause(epoch, batch):
            return None
    return logs


def _validate(model: Any, evaluate: Pass, hooks: Any) -> dict[str, Any]:
    model.stop_evaluating = False
    hooks.on_test_begin()
    model.reset_metrics()
    # Keras looks after the first step whether a callback has stopped it.
    stop = model.steps_per_execution if model.stop_evaluating else None
    logs: dict[str, Any] = pythonify_logs(evaluate(None, 0, stop))
    hooks.on_test_end(logs)
    return logs


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
        class_weight=plan.class_weight,
        validation_data=validation_data,
        validation_batch_size=None if is_dataset else plan.batch_size,
        validation_freq=plan.validation_freq,
    )


def _has_batch_hook(callback: Any) -> bool:
    # Keras marks the empty methods of its base class; anything else is somebody's hook.
    return any(
        not getattr(getattr(callback, name), "_is_default", False)
        for name in (*_BATCH_HOOKS, *_TEST_HOOKS)
    )
