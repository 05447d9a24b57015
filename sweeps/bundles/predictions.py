"""Writes what a model gives: as arrays, or as a table that a person can read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from sweeps.bundles.inputs import Array, Named
from sweeps.durable import write_atomic
from sweeps.errors import OptionError
from sweeps.training.arrays import Form

SUFFIXES = (".npy", ".npz", ".csv")
CLASS = "class"


@dataclass(frozen=True)
class Predictions:
    """What a model gives for samples.

    Attributes:
        outputs: By name, samples first.
        labels: A name for each sample, such as that of its file; empty where there is none.
        class_names: Names of the classes in the order of the outputs; empty where nobody gave them.
        results: The form in which Keras gives the outputs: see `sweeps.training.arrays`.
    """

    outputs: Named
    labels: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    results: Form = None

    @property
    def num_samples(self) -> int:
        """How many samples were predicted on."""
        return len(next(iter(self.outputs.values())))

    @property
    def classes(self) -> Array | None:
        """The name of the class with the largest output, by sample; None where there are none."""
        if len(self.outputs) != 1 or not self.class_names:
            return None
        (values,) = self.outputs.values()
        if values.ndim != 2 or values.shape[1] != len(self.class_names):
            return None
        names: Array = np.array(self.class_names)[values.argmax(axis=1)]
        return names


def check_output(path: Path | None, outputs: Sequence[str]) -> None:
    """Make sure that predictions can be written to a file, before any is made.

    Raises:
        OptionError: Its name says no known kind, it holds one array only, or its folder is missing.
    """
    if path is None:
        return
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise OptionError(f"{path}: expected a file whose name ends in {', '.join(SUFFIXES)}.")
    if suffix == ".npy" and len(outputs) > 1:
        names = ", ".join(map(repr, outputs))
        raise OptionError(f"{path}: holds one array, but the model gives {names}; use .npz.")
    if not path.parent.is_dir():
        raise OptionError(f"{path.parent}: there is no such folder.")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions to a file, whole or not at all; its name tells the kind."""
    write_atomic(path, lambda temporary: _write(temporary, path.suffix.lower(), predictions))


def write_table(file: TextIO, predictions: Predictions) -> None:
    """Write a table: a row a sample, a column a value, the class in front where it is known."""
    writer = csv.writer(file, lineterminator="\n")
    columns = list(_list_columns(predictions))
    writer.writerow([name for name, _ in columns])
    writer.writerows(zip(*(values for _, values in columns), strict=True))


def _write(path: Path, suffix: str, predictions: Predictions) -> None:
    with path.open("wb") as file:
        if suffix == ".npy":
            (values,) = predictions.outputs.values()
            np.save(file, values, allow_pickle=False)
        elif suffix == ".npz":
            np.savez(file, **_list_arrays(predictions))
        else:
            text = io.StringIO()
            write_table(text, predictions)
            file.write(text.getvalue().encode())


def _list_arrays(predictions: Predictions) -> dict[str, Any]:
    more = {CLASS: predictions.classes, "file": np.array(predictions.labels)}
    kept = {name: array for name, array in more.items() if array is not None and len(array)}
    return {
        **{name: array for name, array in kept.items() if name not in predictions.outputs},
        **predictions.outputs,
    }


def _list_columns(predictions: Predictions) -> Iterator[tuple[str, Sequence[Any]]]:
    if predictions.labels:
        yield "file", predictions.labels
    classes = predictions.classes
    if classes is not None:
        yield CLASS, classes.tolist()
    for name, values in predictions.outputs.items():
        rows = values.reshape(len(values), math.prod(values.shape[1:]))
        for index, column in enumerate(rows.T):
            yield _name_column(predictions, name, values, index), column.tolist()


def _name_column(predictions: Predictions, name: str, values: Array, index: int) -> str:
    if values.ndim == 1:
        return name
    if predictions.classes is not None:
        return predictions.class_names[index]
    place = np.unravel_index(index, values.shape[1:])
    return f"{name}.{'.'.join(map(str, place))}" if math.prod(values.shape[1:]) > 1 else name
