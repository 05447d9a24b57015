"""Keeps a trial's best model: Keras' ModelCheckpoint with ``save_best_only``, as it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras

from sweeps.checkpoints.better import is_better
from sweeps.checkpoints.store import BestCheckpoint, BestStore
from sweeps.checkpoints.template import format_name
from sweeps.spec.model import Objective
from sweeps.training.models import save_model
from sweeps.training.repetitions import pick_values


class BestCheckpointing(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the model whenever the primary objective is better than ever before in this trial.

    An attempt that continues a trial knows the best of the earlier ones. NaN never wins and never
    blocks; an epoch that was not validated is passed over; a tie keeps the first. With several
    objectives, an epoch in which one of them has no finite value is passed over as well, so that
    the kept model has a value of each.

    Args:
        store: Where the files go.
        template: File name, such as ``{trial:04d}-epoch{epoch:02d}-{val_accuracy:.4f}.keras``.
        objectives: The objectives, the primary one first.
        facts: Values of the objectives that no epoch changes, by metric.
        counters: Values of the template's fields that stay the same: ``trial`` and ``attempt``.
        save_best_only: Where False, every epoch's model is written, and the best one is recorded.
    """

    def __init__(
        self,
        store: BestStore,
        template: str,
        objectives: Sequence[Objective],
        *,
        counters: Mapping[str, int],
        facts: Mapping[str, float] = MappingProxyType({}),
        save_best_only: bool = True,
    ) -> None:
        super().__init__()
        self._store = store
        self._template = template
        self._objectives = objectives
        self._facts = facts
        self._counters = dict(counters)
        self._save_best_only = save_best_only
        self.best: BestCheckpoint | None = store.find_best()

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Delete what an earlier attempt wrote and was killed before it was recorded."""
        self._store.remove_others(self.best.file if self.best else "")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the model of the finished epoch where it is worth it."""
        logs = logs or {}
        metric, direction = self._objectives[0].metric, self._objectives[0].direction
        values = pick_values(logs, self._objectives, self._facts)
        value = values.pop(metric, None)
        repeat = self._counters.get("repeat", 1)
        known = self.best and (self.best.repeat, self.best.epoch, self.best.value)
        if known == (repeat, epoch + 1, value):
            return  # Trained again after a kill: its file and its digest are recorded already.
        wins = value is not None and is_better(
            value, self.best.value if self.best else None, direction
        )
        if not wins and self._save_best_only:
            return
        name = self._format_name(epoch + 1, logs)
        digest = self._store.write(name, lambda path: save_model(self.model, path))
        if wins and value is not None:
            self.best = BestCheckpoint(name, value, epoch + 1, digest, repeat, values)
            self._store.commit(self.best)

    def _format_name(self, epoch: int, logs: Mapping[str, float]) -> str:
        step = int(self.model.optimizer.iterations) if self.model.optimizer else 0
        values = {**logs, **self._counters, "epoch": epoch, "step": step}
        # An epoch trained again after a kill takes its old name again; the recorded file's, never.
        taken = [self.best.file] if self.best else []
        return format_name(self._template, values, taken)
