"""Fitting by `model.fit`, which may begin and end in the middle of an epoch.

Keras' own ``fit`` begins with whole epochs only, and ends with them: where a callback stops it in
the middle of one, it still validates and reports that part as if it were an epoch.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras

from sweeps.training.data import Split
from sweeps.training.randomness import draw_order

PAUSE_SECONDS = 1.0
"""How often `pause` is called."""


def fit_with_keras(  # noqa: PLR0913 - the last ones by keyword
    model: Any,
    batches: Any,
    callbacks: Sequence[Any],
    *,
    epochs: int,
    first_epoch: int = 0,
    first_batch: int = 0,
    pause: Callable[[int, int], bool] | None = None,
    is_due: Callable[[], bool] = lambda: False,
    **options: Any,
) -> None:
    """Call `model.fit`, for the rest of an epoch first where that has begun already.

    Args:
        model: A compiled model.
        batches: A ``keras.utils.PyDataset`` or a ``tf.data.Dataset``.
        callbacks: Keras callbacks; they see one training, and the batches of the first epoch by
            the numbers that these have in the whole of it.
        epochs: Epochs in all, finished ones included.
        first_epoch: Finished epochs.
        first_batch: Finished batches of the next one.
        pause: Called between batches, with the finished epochs and the finished batches of this
            one; True ends the training there. About once a second, and first after one batch.
        is_due: Whether it is to be called though less than a second has passed.
        options: Further arguments of `model.fit`.
    """
    hooks = _Hooks(list(callbacks), model, epochs=epochs, pause=pause, is_due=is_due)

    def run(part: Any, epoch: int) -> None:
        model.fit(
            part,
            callbacks=hooks,
            initial_epoch=epoch,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            **options,
        )

    try:
        if first_batch:
            hooks.skip(first_batch)
            with contextlib.suppress(_PartEndedError):
                run(_skip(batches, first_batch), first_epoch)
                return
            first_epoch += 1
        run(batches, first_epoch)
    except _PausedError:
        hooks.on_train_end()


class _PausedError(Exception):
    """Training ends between two batches."""


class _PartEndedError(Exception):
    """The rest of an epoch is trained, and others follow."""


class _Hooks(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Shows callbacks one training, of however many parts it consists."""

    def __init__(
        self,
        callbacks: list[Any],
        model: Any,
        *,
        epochs: int,
        pause: Callable[[int, int], bool] | None,
        is_due: Callable[[], bool],
    ) -> None:
        super().__init__(callbacks, add_history=True, model=model, epochs=epochs, verbose=0)
        self._num_epochs = epochs
        self._pause = pause
        self._is_due = is_due
        self._has_begun = False
        self._is_part = False
        self._num_skipped = 0
        self._epoch = 0
        self._next = -math.inf

    def skip(self, num_batches: int) -> None:
        """Number the batches of the first epoch from here on."""
        self._num_skipped = num_batches
        self._is_part = True

    def on_train_begin(self, logs: Any = None) -> None:
        if not self._has_begun:
            self._has_begun = True
            super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        # Before the callbacks see this batch: who continues here shows it to them again.
        self._pause_before(batch)
        super().on_train_batch_begin(batch + self._num_skipped, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_end(batch + self._num_skipped, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        is_part, self._is_part, self._num_skipped = self._is_part, False, 0
        if is_part and not self.model.stop_training and epoch + 1 < self._num_epochs:
            raise _PartEndedError  # else `fit` would end the training, averages of weights and all

    def _pause_before(self, batch: int) -> None:
        now = time.monotonic()
        if self._pause is None or not batch or (now < self._next and not self._is_due()):
            return
        self._next = now + PAUSE_SECONDS
        if self._pause(self._epoch, batch + self._num_skipped):
            raise _PausedError


class OrderedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Arrays for `model.fit`, in the order that the compiled loop would use.

    Args:
        split: Arrays.
        batch_size: Samples per batch.
        seed: The trial's seed.
    """

    def __init__(self, split: Split, batch_size: int, seed: int) -> None:
        super().__init__()
        self._arrays = split.arrays
        self._num_samples = split.num_samples or 0
        self._batch_size = batch_size
        self._seed = seed
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch, 1-based."""
        self._order = draw_order(self._seed, epoch, self._num_samples)

    def __len__(self) -> int:
        return math.ceil(self._num_samples / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        batch: tuple[Any, ...] = keras.tree.map_structure(lambda array: array[rows], self._arrays)
        return batch


class EpochOrder(keras.callbacks.Callback):  # type: ignore[misc]
    """Draws the order of the epoch that begins.

    Args:
        batches: What is to be ordered.
    """

    def __init__(self, batches: OrderedBatches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Draw it; `epoch` is 0-based here, as Keras counts."""
        self._batches.start_epoch(epoch + 1)


class _Rest(keras.utils.PyDataset):  # type: ignore[misc]
    """A dataset without its first batches."""

    def __init__(self, batches: Any, num_skipped: int) -> None:
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self._batches = batches
        self._num_skipped = num_skipped

    def __len__(self) -> int:
        return int(self._batches.num_batches) - self._num_skipped

    def __getitem__(self, index: int) -> Any:
        return self._batches[index + self._num_skipped]

    def on_epoch_begin(self) -> None:
        self._batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._batches.on_epoch_end()


def _skip(batches: Any, num_batches: int) -> Any:
    if isinstance(batches, keras.utils.PyDataset):
        return _Rest(batches, num_batches)
    return batches.skip(num_batches)
