"""Saves what a trial continues from, after every epoch, and puts it back."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sweeps.checkpoints.store import LatestState, LatestStore
from sweeps.durable import write_bytes, write_derived
from sweeps.errors import CheckpointError
from sweeps.training.repetitions import Repetition

# State of Keras' own callbacks, by name: never their __dict__, which holds derived values that
# would be derived twice.
_CALLBACK_FIELDS: dict[type[Any], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
}

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
    """

    def __init__(
        self,
        store: LatestStore,
        history_file: Path,
        callbacks: Sequence[Any],
        resumed: LatestState | None,
        repetition: Repetition,
    ) -> None:
        super().__init__()
        self._store = store
        self._history_file = history_file
        self._callbacks = [callback for callback in callbacks if _find_fields(callback)]
        self._resumed = resumed
        self._repetition = repetition
        self.history: list[Row] = _from_json(resumed.state["history"]) if resumed else []

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Put back the state of the callbacks, and the history file up to it."""
        self._store.remove_leftovers()
        for callback, state in zip(self._callbacks, self._get_callback_states(), strict=True):
            for name, value in state.items():
                setattr(callback, name, _from_json(value))
        if self.history:
            write_derived(self._history_file, _format_csv(self.history))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Make the finished epoch durable: after this, no crash can lose it."""
        self.history.append({"epoch": epoch + 1, **_to_plain(logs or {})})
        variables = list_variables(self.model)
        state = {
            "epoch": epoch + 1,
            "earlier": list(self._repetition.earlier),
            "earlier_others": [dict(others) for others in self._repetition.earlier_others],
            "stopped": bool(self.model.stop_training),
            "variables": [describe_variable(variable) for variable in variables],
            "callbacks": [_get_fields(callback) for callback in self._callbacks],
            "history": _to_json(self.history),
        }
        total = self._repetition.first_epoch + epoch + 1
        self._store.commit(total, lambda path: _save_arrays(path, variables), state)
        # Made again from the state above when the trial continues, so it need not be waited for.
        write_derived(self._history_file, _format_csv(self.history))

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Make the history file durable, since from now on nothing makes it again."""
        if self.history:
            write_bytes(self._history_file, _format_csv(self.history))

    def _get_callback_states(self) -> list[dict[str, Any]]:
        saved = self._resumed.state["callbacks"] if self._resumed else []
        return saved or [{} for _ in self._callbacks]


def restore_model(model: Any, latest: LatestState) -> None:
    """Give a built model the weights and the optimizer state of a saved epoch.

    Raises:
        CheckpointError: The model has other variables than the one that was saved.
    """
    variables = list_variables(model)
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
    with np.load(latest.arrays, allow_pickle=False) as arrays:
        for index, variable in enumerate(variables):
            variable.assign(_as_type(arrays[f"{index:05d}"], variable.dtype))


def list_variables(model: Any) -> list[Any]:
    """List the variables that make up a trial's state, in an order that does not change."""
    optimizer = model.optimizer.variables if model.optimizer else []
    return [*model.variables, *optimizer]


def describe_variable(variable: Any) -> str:
    """Name a variable with its type and shape, the same in every process."""
    # Keras numbers layers as they are made in a process: sequential_3_dense_7_kernel_momentum.
    name = re.sub(r"_[0-9]+(?=_|$)", "", variable.path.rpartition("/")[2])
    return f"{name} {variable.dtype}{list(variable.shape)}"


def _save_arrays(path: Path, variables: Sequence[Any]) -> None:
    arrays = {f"{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _as_type(array: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    # NumPy stores types it does not know, such as bfloat16, as plain bytes.
    return array.view(np.dtype(dtype)) if array.dtype.kind == "V" else array


def _find_fields(callback: Any) -> tuple[str, ...]:
    return next(
        (fields for kind, fields in _CALLBACK_FIELDS.items() if isinstance(callback, kind)), ()
    )


def _get_fields(callback: Any) -> dict[str, Any]:
    return {name: _to_json(getattr(callback, name, None)) for name in _find_fields(callback)}


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
