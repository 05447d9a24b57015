"""Two splits of the data as one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sweeps.errors import OptionError
from sweeps.training.data import Split


def join_splits(first: Split, second: Split) -> Split:
    """Put the samples of a second split behind those of a first one.

    Where only one of them has sample weights, the samples of the other weigh 1.

    Raises:
        OptionError: They hold different things; the message says what.
    """
    if first.dataset is None and second.dataset is None:
        return _join_arrays(first, second)
    return Split(dataset=_join_datasets(first, second))


def _join_arrays(first: Split, second: Split) -> Split:
    has_weights = first.sample_weight is not None or second.sample_weight is not None
    parts = [_weigh(split).arrays if has_weights else split.arrays for split in (first, second)]
    kinds = [keras.tree.map_structure(_describe_array, part) for part in parts]
    if str(kinds[0]) != str(kinds[1]):
        raise OptionError(_tell_difference(kinds[0], kinds[1]))
    joined = keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    return Split(*joined)


def _weigh(split: Split) -> Split:
    if split.sample_weight is not None:
        return split
    ones = np.ones(split.num_samples or 0, keras.config.floatx())
    return Split(split.x, split.y, keras.tree.map_structure(lambda _: ones, split.y))


def _describe_array(array: Any) -> str:
    # Texts of other lengths are of one kind.
    kind = "text" if array.dtype.kind in "SU" else str(array.dtype)
    return f"{kind}{list(array.shape[1:])}"


def _join_datasets(first: Split, second: Split) -> Any:
    datasets = (first.dataset, second.dataset)
    if all(isinstance(each, tf.data.Dataset) for each in datasets):
        specs = [each.element_spec for each in datasets]
        if specs[0] != specs[1]:
            raise OptionError(_tell_difference(*specs))
        return first.dataset.concatenate(second.dataset)
    if all(isinstance(each, keras.utils.PyDataset) for each in datasets):
        return _JoinedBatches(*datasets)
    kinds = [type(each).__name__ if each is not None else "arrays" for each in datasets]
    raise OptionError(_tell_difference(*kinds))


def _tell_difference(first: Any, second: Any) -> str:
    return (
        f"training and validation data cannot be joined: the one is {first}, the other {second}. "
        "Let the data function return both in the same form."
    )


class _JoinedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one dataset, then those of another."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__()
        self._first, self._second = first, second

    def __len__(self) -> int:
        return int(self._first.num_batches + self._second.num_batches)

    def __getitem__(self, index: int) -> Any:
        num_first = self._first.num_batches
        return self._first[index] if index < num_first else self._second[index - num_first]

    def on_epoch_end(self) -> None:
        """Let both shuffle themselves, as they would alone."""
        self._first.on_epoch_end()
        self._second.on_epoch_end()
