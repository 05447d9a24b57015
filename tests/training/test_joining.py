"""Tests of `sweeps.training.joining`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sweeps.errors import OptionError
from sweeps.training.data import Split
from sweeps.training.joining import join_splits


def make_split(first: int, stop: int, **changes: Any) -> Split:
    x = np.arange(first, stop, dtype="float32")
    return Split(**{"x": {"a": x[:, None], "b": x}, "y": x.astype("int32"), **changes})


def test_join_splits_of_arrays_keeps_samples_together() -> None:
    """Every array has the samples of both, in one order."""
    joined = join_splits(make_split(0, 3), make_split(3, 5))
    assert joined.x["a"][:, 0].tolist() == joined.x["b"].tolist() == [0, 1, 2, 3, 4]
    assert joined.y.tolist() == [0, 1, 2, 3, 4]
    assert joined.sample_weight is None


def test_join_splits_weighs_samples_without_weights_as_one() -> None:
    """Weights of one split are not lost, and the others count as they did."""
    weighted = make_split(0, 2, sample_weight=np.array([0.5, 2.0], "float32"))
    assert join_splits(weighted, make_split(2, 4)).sample_weight.tolist() == [0.5, 2.0, 1.0, 1.0]
    assert join_splits(make_split(2, 4), weighted).sample_weight.tolist() == [1.0, 1.0, 0.5, 2.0]


def test_join_splits_weighs_every_output() -> None:
    """Of several outputs each has weights of its own."""
    several, weights = (
        {"y": {"p": np.arange(2), "q": np.arange(2)}},
        np.array([0.5, 2.0], "float32"),
    )
    weighted = make_split(0, 2, sample_weight={"p": weights, "q": weights}, **several)
    joined = join_splits(weighted, make_split(2, 4, **several)).sample_weight
    assert [joined[name].tolist() for name in "pq"] == [[0.5, 2.0, 1.0, 1.0]] * 2


def test_join_splits_of_texts_of_other_lengths() -> None:
    """The length of a text is no difference."""
    joined = join_splits(
        Split(np.array(["a"]), np.array([1])), Split(np.array(["bcd"]), np.array([2]))
    )
    assert joined.x.tolist() == ["a", "bcd"]


def test_join_splits_of_datasets_gives_the_batches_of_both() -> None:
    """tf.data pipelines of the same elements follow each other."""

    def make(*values: int) -> Split:
        return Split(dataset=tf.data.Dataset.from_tensor_slices(list(values)).batch(2))

    joined = join_splits(make(1, 2, 3), make(4, 5))
    assert [batch.tolist() for batch in joined.dataset.as_numpy_iterator()] == [[1, 2], [3], [4, 5]]


class Batches(keras.utils.PyDataset):
    """Batches of one number."""

    def __init__(self, *values: int) -> None:
        super().__init__()
        self.values = values
        self.ended = 0

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> Any:
        return self.values[index]

    def on_epoch_end(self) -> None:
        self.ended += 1


def test_join_splits_of_py_datasets_gives_the_batches_of_both() -> None:
    """PyDatasets follow each other, and each hears of the end of an epoch."""
    first, second = Batches(1, 2), Batches(3)
    joined = join_splits(Split(dataset=first), Split(dataset=second)).dataset
    assert [joined[index] for index in range(len(joined))] == [1, 2, 3]
    joined.on_epoch_end()
    assert (first.ended, second.ended) == (1, 1)


NUMBERS = tf.data.Dataset.from_tensor_slices([1, 2])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (make_split(0, 2), make_split(0, 2, x=np.zeros((2, 3))), r"float64\[3\]"),
        (make_split(0, 2), make_split(0, 2, y=np.zeros(2)), r"int32\[\].*float64\[\]"),
        (make_split(0, 2), Split(dataset=NUMBERS.batch(2)), "the one is arrays, the other _Batch"),
        (Split(dataset=NUMBERS.batch(2)), Split(dataset=NUMBERS), "TensorSpec"),
        (Split(dataset=Batches(1)), Split(dataset=NUMBERS), "the one is Batches, the other _Ten"),
    ],
)
def test_join_splits_of_unlike_data_is_refused(first: Split, second: Split, message: str) -> None:
    """Data that differs is told, never joined by force."""
    with pytest.raises(OptionError, match=message):
        join_splits(first, second)
