"""The two searches of the benchmark time to accuracy: the same data and space for everybody.

``digits`` is the space of `search_spaces/digits_model.py`; ``fashion`` has the models of `work.py`.
Both have the size of a batch as one more parameter.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import todo

SPACES = Path(__file__).parents[2] / "search_spaces"
BATCH_SIZES = {"digits": [16, 32, 64], "fashion": [32, 64, 128]}
MODULES = {"digits": "digits_model", "fashion": "work"}


def load(search: str) -> dict[str, Any]:
    """Load the splits ``train`` and ``validation``."""
    splits: dict[str, Any] = _find_module(search).load()
    return splits


def build(search: str, hp: Any) -> keras.Model:
    """Build a model with the values of `hp`."""
    return _find_module(search).build(hp)


def choose_batch_size(search: str, hp: Any) -> int:
    """Ask for the size of a batch."""
    return int(hp.Choice("batch_size", BATCH_SIZES[search]))


def _find_module(search: str) -> Any:
    if str(SPACES) not in sys.path:
        sys.path.insert(0, str(SPACES))
    return importlib.import_module(MODULES[search])


class OptunaValues:
    """Asks an Optuna trial for what a KerasTuner model declares.

    Args:
        trial: The trial.
    """

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def Choice(self, name: str, values: list[Any]) -> Any:  # noqa: N802 - KerasTuner's name
        """Ask for one of some values."""
        return self._trial.suggest_categorical(name, values)

    def Boolean(self, name: str) -> bool:  # noqa: N802 - KerasTuner's name
        """Ask for a flag."""
        return bool(self._trial.suggest_categorical(name, [False, True]))

    def Int(self, name: str, low: int, high: int, step: int = 1) -> int:  # noqa: N802
        """Ask for a whole number."""
        return int(self._trial.suggest_int(name, low, high, step=step))

    def Float(self, name: str, low: float, high: float, sampling: str = "linear") -> float:  # noqa: N802
        """Ask for a number."""
        return float(self._trial.suggest_float(name, low, high, log=sampling == "log"))

    def conditional_scope(self, *_: Any) -> Any:
        """Optuna notes what was asked for; conditions need no name."""
        return nullcontext()


class Note(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes each epoch's accuracy as soon as it is known."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note it."""
        todo.note("", epoch + 1, float(logs[todo.METRIC]))
