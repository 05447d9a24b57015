"""Keeps a trial's best model: Keras' ModelCheckpoint, as its documentation promises it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras

from sweeps.checkpoints.better import is_better
from sweeps.checkpoints.store import BestCheckpoint, BestStore
from sweeps.checkpoints.template import format_name
from sweeps.spec.model import Checkpoint, Objective
from sweeps.training.behind import Behind
from sweeps.training.models import save_model
from sweeps.training.repetitions import choose_monitor, pick_values
from sweeps.training.snapshot import ModelSaver, Offsets, SavedModel


class BestCheckpointing(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the model whenever the monitored metric is better than ever before in this trial.

    That metric is the primary objective, unless ``checkpoint.monitor`` names another one; the
    objective's value at the same epoch is recorded in either case. An attempt that continues a
    trial knows the best of the earlier ones. NaN never wins and never blocks; an epoch that was not
    validated is passed over; a tie keeps the first. With several objectives, an epoch in which one
    of them has no finite value is passed over as well, so that the kept model has a value of each.

    Args:
        store: Where the files go.
        checkpoint: What the space file asks for. With ``save_best_only: false`` every model that is
            to stay is written; otherwise only what is better than all before it.
        objectives: The objectives, the primary one first.
        counters: Values of the template's fields that stay the same: ``trial`` and ``attempt``.
        facts: Values of the objectives that no epoch changes, by metric.
        num_kept: How many of the best checkpoints stay. None leaves every file in place and records
            the best one.
        behind: Does the writing; none of it is left when the next epoch is considered.
        saver: Writes from a snapshot, where the writing is done behind.

    Attributes:
        best: The best checkpoint so far, once it is durable.
        saved: The file of the finished epoch considered last, once it is durable; None where none
            was written from which the values of variables can be read.
    """

    def __init__(  # noqa: PLR0913 - all but three by keyword
        self,
        store: BestStore,
        checkpoint: Checkpoint,
        objectives: Sequence[Objective],
        *,
        counters: Mapping[str, int],
        facts: Mapping[str, float] = MappingProxyType({}),
        num_kept: int | None = None,
        behind: Behind | None = None,
        saver: ModelSaver | None = None,
    ) -> None:
        super().__init__()
        self._store = store
        self._checkpoint = checkpoint
        self._objectives = objectives
        self._facts = facts
        self._counters = dict(counters)
        self._num_kept = num_kept
        self._monitor = choose_monitor(objectives[0], checkpoint)
        self._behind = behind or Behind(at_once=True)
        self._saver = saver
        self.best: BestCheckpoint | None = store.find_best()
        self.saved: SavedModel | None = None

    @property
    def is_due(self) -> bool:
        """Whether a batch has ended at which to save, in the middle of an epoch."""
        return False

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Delete what an earlier attempt wrote and was killed before it was recorded."""
        self._store.remove_others(self.best)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the model of the finished epoch where it is worth it."""
        self.consider(epoch + 1, None, logs or {}, save_all=not self._checkpoint.save_best_only)

    def consider(
        self, epoch: int, batch: int | None, logs: Mapping[str, Any], *, save_all: bool
    ) -> None:
        """Save the model where it is the best one so far, or where all are saved.

        Args:
            epoch: The epoch, 1-based.
            batch: Where it is not finished: the batch, 1-based.
            logs: The metrics.
            save_all: Write the file even where it is not the best one, but one of those kept.
        """
        self._behind.settle()
        self.saved = None
        values = pick_values(logs, [*self._objectives, self._monitor], self._facts)
        found = self._describe(values, epoch, batch)
        if found and self._is_recorded(found):
            return  # Trained again after a kill: its file and its digest are recorded already.
        wins = found is not None and self._wins(found)
        is_kept = wins or (save_all and found is not None and self._is_kept(found))
        if not is_kept and not (save_all and self._num_kept is None):
            self._tell(epoch, values, "not saved")
            return
        name, save = self._format_name(epoch, batch, logs), self._prepare()

        def write() -> None:
            offsets: Offsets = {}
            digest = self._store.write(name, lambda path: offsets.update(save(path) or {}))
            if offsets and batch is None:
                self.saved = SavedModel(self._store.path(name), digest, offsets)
            self._tell(epoch, values, f"saved {name}")
            if is_kept and found is not None:
                best, *kept = self._rank(replace(found, file=name, sha256=digest))
                self.best = replace(best, kept=tuple(kept))
                self._store.commit(self.best)

        self._behind.submit(write)

    def _prepare(self) -> Callable[[Path], Offsets | None]:
        """Take the model as it is now; returns what writes it."""
        if self._saver is not None:
            return self._saver.prepare()
        return partial(save_model, self.model)

    def _describe(
        self, values: dict[str, float], epoch: int, batch: int | None
    ) -> BestCheckpoint | None:
        """Describe the checkpoint that this would be; None where a value is missing."""
        if not values:
            return None
        primary, name = self._objectives[0].metric, self._monitor.metric
        is_other = name != primary
        return BestCheckpoint(
            "",
            values[primary],
            epoch,
            "",
            self._counters.get("repeat", 1),
            {each.metric: values[each.metric] for each in self._objectives[1:]},
            name if is_other else None,
            values[name] if is_other else None,
            batch,
        )

    def _is_recorded(self, found: BestCheckpoint) -> bool:
        recorded = self.best.all_kept if self.best else ()
        return _identify(found) in map(_identify, recorded)

    def _wins(self, found: BestCheckpoint) -> bool:
        bound = self.best.rank if self.best else self._checkpoint.initial_value_threshold
        return is_better(found.rank, bound, self._monitor.direction)

    def _is_kept(self, found: BestCheckpoint) -> bool:
        """Tell whether a checkpoint is one of the best few, where only these stay."""
        threshold = self._checkpoint.initial_value_threshold
        is_worth = is_better(found.rank, threshold, self._monitor.direction)
        return self._num_kept is not None and is_worth and found in self._rank(found)

    def _rank(self, found: BestCheckpoint) -> list[BestCheckpoint]:
        """Put a checkpoint among those recorded, best first, and leave out what is too much."""
        known = [replace(each, kept=()) for each in self.best.all_kept] if self.best else []
        worse = (is_better(found.rank, each.rank, self._monitor.direction) for each in known)
        place = next((index for index, is_worse in enumerate(worse) if is_worse), len(known))
        return [*known[:place], found, *known[place:]][: self._num_kept or 1]

    def _format_name(
        self,
        epoch: int,
        batch: int | None,
        logs: Mapping[str, float],
        others: Sequence[str] = (),
    ) -> str:
        step = int(self.model.optimizer.iterations) if self.model.optimizer else 0
        values = {**logs, **self._counters, "epoch": epoch, "step": step}
        if batch is not None:
            values["batch"] = batch
        # An epoch trained again after a kill takes its old name again; the recorded file's, never.
        taken = [each.file for each in self.best.all_kept] if self.best else []
        return format_name(self._checkpoint.path, values, [*taken, *others])

    def _tell(self, epoch: int, values: Mapping[str, float], what: str) -> None:
        """Write a line to the trial's log, where ``checkpoint.verbose`` asks for it."""
        if not self._checkpoint.verbose:
            return
        name = self._monitor.metric
        value = f"{values[name]:.5g}" if values else "missing or not finite"
        best = f"{self.best.rank:.5g}" if self.best else "none"
        sys.stdout.write(f"epoch {epoch}: {name} is {value} (best so far: {best}), {what}\n")


def _identify(best: BestCheckpoint) -> tuple[Any, ...]:
    return (best.repeat, best.epoch, best.batch, best.value, best.monitored)


class BatchCheckpointing(BestCheckpointing):
    """Considers the model every ``checkpoint.save_freq`` batches, counted over all epochs.

    With ``save_best_only`` the metrics are the running means of the unfinished epoch, as in Keras.
    Otherwise every such model is written, and the best one is still chosen, and written, at the end
    of epochs: only there the objective has a value.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._epoch = 0
        self._num_in_epoch = 0
        self._num_unsaved = 0
        self._last_names: list[str] = []
        self._is_due = False

    @property
    def is_due(self) -> bool:
        """Whether the batch that has ended last is one at which to save."""
        return self._is_due

    def get_state(self) -> dict[str, Any]:
        """Give what tells which batch is the next to be saved, and under which name."""
        return {
            "num_in_epoch": self._num_in_epoch,
            "num_unsaved": self._num_unsaved,
            "last_names": list(self._last_names),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Count on from where an earlier attempt was."""
        self._num_in_epoch = state["num_in_epoch"]
        self._num_unsaved = state["num_unsaved"]
        self._last_names = list(state["last_names"])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the epoch that begins."""
        self._epoch = epoch + 1
        self._num_in_epoch = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save the model after this batch where its turn has come."""
        # With steps_per_execution, Keras calls this once for several batches.
        self._num_unsaved += batch + 1 - self._num_in_epoch
        self._num_in_epoch = batch + 1
        self._is_due = self._num_unsaved >= int(self._checkpoint.save_freq)
        if not self._is_due:
            return
        self._num_unsaved = 0
        if self._checkpoint.save_best_only:
            self.consider(self._epoch, batch + 1, logs or {}, save_all=False)
        else:
            name = self._format_next_name(batch + 1, logs or {})
            self._store.write(name, lambda path: save_model(self.model, path))
            self._tell(self._epoch, {}, f"saved {name}")

    def _format_next_name(self, batch: int, logs: Mapping[str, float]) -> str:
        """Name a file that is to stay, unlike the ones just before it.

        While gradients are accumulated ``{step}`` stands still from batch to batch.
        """
        first = self._format_name(self._epoch, batch, logs)
        if first not in self._last_names[:1]:
            self._last_names = []
        self._last_names.append(self._format_name(self._epoch, batch, logs, self._last_names))
        return self._last_names[-1]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the best epoch's model where all are kept; batches decide otherwise."""
        if not self._checkpoint.save_best_only:
            self.consider(epoch + 1, self._num_in_epoch, logs or {}, save_all=False)


def make_best_checkpointing(
    store: BestStore, checkpoint: Checkpoint, objectives: Sequence[Objective], **options: Any
) -> BestCheckpointing:
    """Make the callback for ``save_freq``; only the one by batch has a hook that costs time."""
    kind = BestCheckpointing if checkpoint.save_freq == "epoch" else BatchCheckpointing
    return kind(store, checkpoint, objectives, **options)
