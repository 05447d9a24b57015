"""Saves what a trial continues from, after every epoch, and puts it back."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from sweeps.checkpoints.store import LatestState, LatestStore
from sweeps.durable import link_file, write_bytes, write_derived
from sweeps.errors import CheckpointError
from sweeps.training.behind import Behind
from sweeps.training.callback_state import get_state, has_state, set_state
from sweeps.training.randomness import find_seed_states, open_shared_generator
from sweeps.training.repetitions import Repetition
from sweeps.training.snapshot import SavedModel, Snapshot

Row = dict[str, Any]


class LatestCheckpointing(keras.callbacks.Callback):  # type: ignore[misc]
    """Commits weights, optimizer, callback state and history after every epoch.

    It comes after the callbacks whose state it keeps, so that its `on_train_begin` puts their state
    back after their own has reset it.

    Args:
        store: Where the states go.
        history_file: Where the history is written for reading, one row per epoch.
        callbacks: The callbacks whose state belongs to the trial.
        resumed: The state from which this attempt continues; None where it starts anew.
        repetition: Which training of the trial this is.
        profile: What decides whether a later attempt is exact.
        behind: Does the writing.
        find_saved: Gives the best checkpoint where one was just written from the same values. A
            state then links that file, and only what it does not hold is written again.

    Attributes:
        saved_at: When the last state became durable, by `time.monotonic`.
        history: A row per finished epoch.
    """

    def __init__(  # noqa: PLR0913 - the last three by keyword
        self,
        store: LatestStore,
        history_file: Path,
        callbacks: Sequence[Any],
        resumed: LatestState | None,
        repetition: Repetition,
        *,
        profile: Mapping[str, Any] = MappingProxyType({}),
        behind: Behind | None = None,
        find_saved: Callable[[], SavedModel | None] = lambda: None,
    ) -> None:
        super().__init__()
        self._behind = behind or Behind(at_once=True)
        self._find_saved = find_saved
        self._store = store
        self._history_file = history_file
        self._callbacks = [callback for callback in callbacks if has_state(callback)]
        self._resumed = resumed
        self._repetition = repetition
        self._profile = dict(profile)
        self.saved_at = time.monotonic()
        self.history: list[Row] = _from_json(resumed.state["history"]) if resumed else []

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Put back the state of the callbacks, and the history file up to it."""
        self._store.remove_leftovers()
        if self._resumed:
            self._restore_callbacks(self._resumed)
        if self.history:
            write_derived(self._history_file, _format_csv(self.history))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Make the finished epoch durable: after this, no crash can lose it."""
        self.history.append({"epoch": epoch + 1, **_to_plain(logs or {})})
        self._commit(epoch + 1, 0)
        # Made again from the state above when the trial continues, so it need not be waited for.
        rows = list(self.history)
        self._behind.submit(lambda: write_derived(self._history_file, _format_csv(rows)))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Put back everything where this epoch goes on in its middle, after all was begun anew."""
        resumed, self._resumed = self._resumed, None
        if resumed is None or not resumed.batch:
            return
        _assign_variables(_list_all_variables(self.model), resumed)
        self._restore_callbacks(resumed)

    def save_batch(self, epoch: int, batch: int) -> None:
        """Make the state in the middle of an epoch durable.

        Args:
            epoch: Finished epochs.
            batch: Finished batches of the next one.
        """
        self._commit(epoch, batch)
        self._behind.start()

    def _commit(self, epoch: int, batch: int) -> None:
        variables = _list_all_variables(self.model) if batch else list_variables(self.model)
        state = {
            "profile": self._profile,
            "epoch": epoch,
            "earlier": list(self._repetition.earlier),
            "earlier_others": [dict(others) for others in self._repetition.earlier_others],
            "stopped": bool(self.model.stop_training),
            "variables": [describe_variable(variable) for variable in variables],
            "callbacks": [get_state(callback) for callback in self._callbacks],
            "callback_names": _list_names(self._callbacks),
            "history": _to_json(self.history),
        }
        total = self._repetition.first_epoch + epoch
        snapshot = Snapshot(variables)

        def write() -> None:
            saved = None if batch else self._find_saved()
            offsets = [saved.offsets.get(id(each)) if saved else None for each in variables]
            pairs = zip(snapshot.arrays(), offsets, strict=True)
            arrays = [array for array, offset in pairs if offset is None]
            model = {"model": {"sha256": saved.sha256, "offsets": offsets}} if saved else {}
            self._store.commit(
                total,
                lambda path: _save_arrays(path, arrays),
                state | model,
                batch=batch,
                write_model=partial(link_file, saved.path) if saved else None,
            )
            self.saved_at = time.monotonic()

        self._behind.submit(write)

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Make the history file durable, since from now on nothing makes it again."""
        if self.history:
            write_bytes(self._history_file, _format_csv(self.history))

    def _restore_callbacks(self, resumed: LatestState) -> None:
        states = resumed.state["callbacks"]
        names = resumed.state.get("callback_names", _list_names(self._callbacks))
        left = list(zip(names, states, strict=False))
        for callback, name in zip(self._callbacks, _list_names(self._callbacks), strict=True):
            found = next((pair for pair in left if pair[0] == name), None)
            if found:  # else it was added since, and begins anew
                left.remove(found)
                set_state(callback, found[1])


def restore_model(model: Any, latest: LatestState) -> None:
    """Give a built model the weights and the optimizer state of a saved epoch.

    Raises:
        CheckpointError: The model has other variables than the one that was saved.
    """
    variables = _list_all_variables(model) if latest.batch else list_variables(model)
    saved, now = latest.state["variables"], [describe_variable(variable) for variable in variables]
    if saved != now:
        changed = next((pair for pair in zip(saved, now, strict=False) if pair[0] != pair[1]), None)
        what = (
            f"{changed[0]} is now {changed[1]}" if changed else f"{len(saved)} are now {len(now)}"
        )
        raise CheckpointError(
            f"{latest.arrays}: the model has other variables than when it was saved ({what}). "
            "Undo the change in the model's code, or start a new sweep."
        )
    _assign_variables(variables, latest)


def _assign_variables(variables: Sequence[Any], latest: LatestState) -> None:
    model = latest.model or latest.arrays
    offsets = latest.state["model"]["offsets"] if latest.model else [None] * len(variables)
    begin = 0  # of the next one in the file of arrays
    for variable, offset in zip(variables, offsets, strict=True):
        dtype = np.dtype(variable.dtype)
        size = dtype.itemsize * math.prod(variable.shape)
        if offset is None:
            block = np.fromfile(latest.arrays, np.uint8, size, offset=begin)
            begin += size
        else:
            block = np.fromfile(model, np.uint8, size, offset=offset)
        variable.assign(block.view(dtype).reshape(variable.shape))


def has_other_optimizers(model: Any) -> bool:
    """Tell whether a model holds optimizers of its own, beside that which Keras knows."""
    held: list[Any] = []
    for value in vars(model).values():
        held += value.values() if isinstance(value, dict) else keras.tree.flatten(value)
    return any(
        isinstance(each, keras.optimizers.Optimizer) and each is not model.optimizer
        for each in held
    )


def list_variables(model: Any) -> list[Any]:
    """List the variables that make up a trial's state, in an order that does not change."""
    optimizer = model.optimizer.variables if model.optimizer else []
    return [*model.variables, *_list_memories(model), *optimizer]


def _list_memories(model: Any) -> list[Any]:
    """List what stateful layers carry from batch to batch, which Keras counts as no variables."""
    layers = model._flatten_layers()  # noqa: SLF001
    kept = [getattr(each, "states", None) for each in layers if getattr(each, "stateful", False)]
    return [each for each in keras.tree.flatten(kept) if isinstance(each, keras.Variable)]


def _list_all_variables(model: Any) -> list[Any]:
    """List what a state in the middle of an epoch needs too: metrics, and the shared seed."""
    open_shared_generator()  # else it might be there when saving and not yet when restoring
    found = [*list_variables(model), *model.metrics_variables, *find_seed_states(model)]
    return list({id(variable): variable for variable in found}.values())


def describe_variable(variable: Any) -> str:
    """Name a variable with its type and shape, the same in every process."""
    # Keras numbers layers as they are made in a process: sequential_3_dense_7_kernel_momentum.
    name = re.sub(r"_[0-9]+(?=_|$)", "", variable.path.rpartition("/")[2])
    return f"{name} {variable.dtype}{list(variable.shape)}"


def _list_names(callbacks: Sequence[Any]) -> list[str]:
    return [type(callback).__name__ for callback in callbacks]


def _save_arrays(path: Path, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write the bytes of arrays one after the other: types and shapes stand in the state."""
    with path.open("wb") as file:
        for array in arrays:
            file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_plain(part) for name, part in value.items()}
    return np.asarray(value).tolist() if hasattr(value, "__array__") else value


def _to_json(value: Any) -> Any:
    """Give a value with its NaN and infinities as words, for which JSON has no numbers."""
    value = _to_plain(value)
    if isinstance(value, dict):
        return {name: _to_json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_to_json(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _from_json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_from_json(part) for part in value]
    return float(value) if isinstance(value, str) else value


def _format_csv(history: Sequence[Mapping[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()
