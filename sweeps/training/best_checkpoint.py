"""Keeps a trial's best model: Keras' ModelCheckpoint with ``save_best_only``, as it promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from sweeps.checkpoints.better import Direction, is_better
from sweeps.checkpoints.store import BestCheckpoint, BestStore
from sweeps.checkpoints.template import format_name
from sweeps.training.models import save_model


class BestCheckpointing(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the model whenever the objective's metric is better than ever before in this trial.

    An attempt that continues a trial knows the best of the earlier ones. NaN never wins and never
    blocks; an epoch that was not validated is passed over; a tie keeps the first.

    Args:
        store: Where the files go.
        template: File name, such as ``{trial:04d}-epoch{epoch:02d}-{val_accuracy:.4f}.keras``.
        metric: The objective's metric.
        direction: ``minimize`` or ``maximize``.
        counters: Values of the template's fields that stay the same: ``trial`` and ``attempt``.
        save_best_only: Where False, every epoch's model is written, and the best one is recorded.
    """

    def __init__(
        self,
        store: BestStore,
        template: str,
        metric: str,
        direction: Direction,
        *,
        counters: Mapping[str, int],
        save_best_only: bool = True,
    ) -> None:
        super().__init__()
        self._store = store
        self._template = template
        self._metric = metric
        self._direction = direction
        self._counters = dict(counters)
        self._save_best_only = save_best_only
        self.best: BestCheckpoint | None = store.find_best()

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Delete what an earlier attempt wrote and was killed before it was recorded."""
        self._store.remove_others(self.best.file if self.best else "")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the model of the finished epoch where it is worth it."""
        logs = logs or {}
        value = logs.get(self._metric)
        if self.best and (self.best.epoch, self.best.value) == (epoch + 1, value):
            return  # Trained again after a kill: its file and its digest are recorded already.
        wins = value is not None and is_better(
            value, self.best.value if self.best else None, self._direction
        )
        if not wins and self._save_best_only:
            return
        name = self._format_name(epoch + 1, logs)
        digest = self._store.write(name, lambda path: save_model(self.model, path))
        if wins:
            self.best = BestCheckpoint(name, float(logs[self._metric]), epoch + 1, digest)
            self._store.commit(self.best)

    def _format_name(self, epoch: int, logs: Mapping[str, float]) -> str:
        step = int(self.model.optimizer.iterations) if self.model.optimizer else 0
        values = {**logs, **self._counters, "epoch": epoch, "step": step}
        # An epoch trained again after a kill takes its old name again; the recorded file's, never.
        taken = [self.best.file] if self.best else []
        return format_name(self._template, values, taken)
