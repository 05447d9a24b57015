"""Tests of `sweeps.training.data`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sweeps.errors import OptionError
from sweeps.training.data import (
    Data,
    Split,
    describe_parts,
    describe_split,
    hold_out,
    load_data,
    weigh_classes,
)

X, Y = np.ones((6, 2)), np.arange(6)
PAIR = (X, Y)
WEIGHTS = np.sqrt(Y).astype("float32")


class Forever(keras.utils.PyDataset):
    """Yields batches without end."""

    num_batches = None

    def __getitem__(self, index: int) -> Any:
        return X, Y


class Finite(keras.utils.PyDataset):
    """Yields two batches."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return X, Y


def make_dataset() -> Any:
    return tf.data.Dataset.from_tensor_slices(PAIR).batch(2)


@pytest.mark.parametrize(
    ("loaded", "names"),
    [
        ((PAIR, PAIR), ["train", "validation"]),
        ([PAIR, PAIR, PAIR], ["train", "validation", "test"]),
        ((PAIR, None, PAIR), ["train", "test"]),
        ({"train": PAIR}, ["train"]),
        ({"test": PAIR, "train": PAIR, "validation": None}, ["train", "test"]),
        ((make_dataset(), Finite()), ["train", "validation"]),
    ],
)
def test_load_data_takes_tuples_and_dicts_of_splits(loaded: Any, names: list[str]) -> None:
    """None stands for a split that there is not."""
    assert list(load_data(lambda: loaded).named()) == names


def test_load_data_gives_floats_as_keras_feeds_them() -> None:
    """Floats become floatx once, integers and texts stay as they are."""
    texts = np.array(["a", "bc"] * 3)
    data = load_data(lambda: (([X, texts], {"y": Y}, None), (X, Y, X[:, 0])))
    left, right = data.train.x
    assert (left.dtype, right.dtype, data.train.y["y"].dtype) == ("float32", "<U2", "int64")
    assert data.train.sample_weight is None
    assert len(data.train.arrays) == 2
    assert data.validation is not None
    assert data.validation.sample_weight.dtype == "float32"
    assert (data.train.num_samples, len(data.validation.arrays)) == (6, 3)


def test_load_data_takes_tensors() -> None:
    """What NumPy can read is an array."""
    data = load_data(lambda: ((tf.ones((3, 2)), tf.zeros(3, tf.int32)), None))
    assert (data.train.num_samples, data.train.y.dtype) == (3, "int32")


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (None, "the data is a NoneType; expected {'train': (x, y)"),
        (X, "the data is a ndarray; expected"),
        ("abc", "the data is a str; expected"),
        ((PAIR,), "the data is a tuple; expected"),
        ((PAIR,) * 4, "the data is a tuple; expected"),
        ((X, Y), "the split 'train' is a ndarray; expected"),
        ({"training": PAIR}, "the data has the unknown split 'training'; expected"),
        ({"train": PAIR, "val": PAIR}, "the data has the unknown split 'val'; expected"),
        ({"validation": PAIR}, "the data has no split 'train'; expected"),
        ({"train": None}, "the data has no split 'train'; expected"),
        ((None, PAIR), "the data has no split 'train'; expected"),
        ({"train": "abc"}, "the split 'train' is a str; expected"),
        ({"train": {"x": X, "y": Y}}, "the split 'train' is a dict; expected"),
        ({"train": 3}, "the split 'train' is a int; expected"),
        ({"train": (X,)}, "the split 'train' has 1 parts; expected (x, y)"),
        ({"train": (X, Y, Y, Y)}, "the split 'train' has 4 parts; expected (x, y)"),
        ({"train": (X, Y[:5])}, "the split 'train' has arrays of different lengths ((6, 2), (5,))"),
        ({"train": (X, Y, Y[:1])}, "the split 'train' has arrays of different lengths"),
        ({"train": ({"a": X, "b": X[:2]}, Y)}, "the split 'train' has arrays of different lengths"),
        (((X, Y), (X[:0], Y[:0])), "the split 'validation' is empty; expected at least one"),
        ({"train": (X, 1.5)}, "the split 'train' holds the single value 1.5; expected arrays"),
        ({"train": (X, [0, 1])}, "the split 'train' holds the single value 0; expected arrays"),
        ({"train": (X, np.array([None] * 6))}, "the split 'train' holds Python objects;"),
        ({"train": (X, [[1], "a", None])}, "the split 'train' holds "),
        ({"train": (None, Y)}, "the split 'train' has no arrays in its x; expected"),
        ({"train": (X, None)}, "the split 'train' has no arrays in its y; expected"),
        ({"train": ({}, Y)}, "the split 'train' has no arrays in its x; expected"),
        ({"train": (batch for batch in [PAIR])}, "the split 'train' is a generator, which can be"),
        ({"train": make_dataset().repeat()}, "the split 'train' never ends"),
        ({"train": Forever()}, "the split 'train' never ends"),
        ({"train": (tf.ragged.constant([[1], [2, 3]]), Y[:2])}, "the split 'train' holds "),
    ],
)  # fmt: skip
def test_load_data_of_a_bad_shape_says_what_is_expected(loaded: Any, message: str) -> None:
    """Every form that is not data has one clear sentence, and never a TypeError of ours."""
    with pytest.raises(OptionError) as caught:
        load_data(lambda: loaded)
    assert str(caught.value).startswith(message)


def test_load_data_lets_an_exception_of_the_function_through() -> None:
    """Whoever calls it says where it came from."""

    def load() -> Any:
        raise FileNotFoundError("digits.npz")

    with pytest.raises(FileNotFoundError, match=r"digits\.npz"):
        load_data(load)


class Frame:
    """As much of a pandas object as NumPy sees."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values

    def __iter__(self) -> Any:
        return iter(self.values)


def test_load_data_takes_what_pandas_holds_and_refuses_it_alone() -> None:
    """A table is an array as x or y; in the place of a pair it is no dataset."""
    data = load_data(lambda: {"train": (Frame(X), Frame(Y))})
    assert data.train.x.shape == (6, 2)
    with pytest.raises(OptionError, match="the split 'train' is a Frame; expected"):
        load_data(lambda: {"train": Frame(X)})


def test_describe_split_says_what_it_is() -> None:
    """One line for the user: samples, types and shapes."""
    data = load_data(lambda: ({"train": (X, {"a": Y, "b": X})}))
    assert describe_split("train", data.train) == (
        "train: 6 samples, x float32[2], y int64[], float32[2]"
    )
    assert describe_split("test", Split(dataset=Finite())) == "test: Finite"


def test_describe_parts_tells_every_change_apart() -> None:
    """Values, types, shapes, names, order of samples and of parts."""
    f = X.astype("float32")
    changed = f.copy()
    changed[5, 1] = np.nextafter(np.float32(1), np.float32(2))
    splits = [
        Split(f, Y),
        Split(changed, Y),
        Split(f, Y[::-1]),
        Split(f, Y.astype("int32")),
        Split(f.reshape(6, 1, 2), Y),
        Split(Y, f),
        Split({"a": f}, Y),
        Split({"b": f}, Y),
        Split(f, Y, sample_weight=Y),
        Split(np.array(["a"] * 6), Y),
        Split(np.array(["b"] * 6), Y),
        Split(np.array(["2026-11-23"] * 6, "datetime64[D]"), Y),
        Split(tf.constant(f, tf.bfloat16).numpy(), Y),
    ]
    described = [repr(describe_parts(Data(split))) for split in splits]
    assert len(set(described)) == len(splits)
    assert repr(describe_parts(Data(Split(np.asfortranarray(f), Y.copy())))) == described[0]


def test_describe_parts_names_each_array_and_streams_no_dataset() -> None:
    """Names are those of a message: input, split, and the way into a dict or list."""
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(2)
    split = Split({"a": X, "b": [X]}, Y, sample_weight=Y)
    parts = describe_parts(Data(split, Split(dataset=dataset), Split(dataset=Finite())))
    names = ["x_train['a']", "x_train['b'][0]", "y_train", "sample_weight_train"]
    assert list(parts) == [*names, "validation", "test"]
    assert parts["y_train"]["shape"] == [6]
    assert parts["validation"]["elements"].startswith("(TensorSpec(shape=(None, 2)")
    assert parts["test"]["elements"].endswith("batches of Finite")


def test_data_named_is_in_a_fixed_order() -> None:
    """Whatever order the user's dict has."""
    split = Split(X, Y)
    assert list(Data(split, test=split).named()) == ["train", "test"]


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5, 0.99 / 6 * 5])
def test_hold_out_takes_the_samples_that_keras_takes(share: float) -> None:
    """The last part, before anything is shuffled, with the weights of its samples."""
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split

    data = hold_out(Data(Split({"a": X, "b": Y}, Y, WEIGHTS)), share)
    expected = train_validation_split(({"a": X, "b": Y}, Y, WEIGHTS), share)
    for split, arrays in zip((data.train, data.validation), expected, strict=True):
        assert split is not None
        found = keras.tree.flatten(split.arrays)
        wanted = [np.asarray(each) for each in keras.tree.flatten(arrays)]
        assert [each.tolist() for each in found] == [each.tolist() for each in wanted]


def test_hold_out_leaves_what_is_not_to_be_split() -> None:
    """A validation split that the function gives comes first; without a share nothing is held."""
    both = Data(Split(*PAIR), validation=Split(*PAIR))
    alone = Data(Split(*PAIR))
    assert hold_out(both, 0.5) is both
    assert hold_out(alone, None) is alone


@pytest.mark.parametrize(
    ("data", "share", "message"),
    [
        (Data(Split(dataset=make_dataset())), 0.5, "needs arrays, but the training data is a data"),
        (Data(Split(*PAIR)), 0.9, "0.9 of 6 samples leaves nothing for one of the two parts"),
        (Data(Split(X[:1], Y[:1])), 0.01, "0.01 of 1 samples leaves nothing for one of the two"),
    ],
)
def test_hold_out_of_what_cannot_be_split(data: Data, share: float, message: str) -> None:
    """Keras refuses these as well."""
    with pytest.raises(OptionError, match=message):
        hold_out(data, share)


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 2, 1]),
        np.array([[0], [2], [7], [1]]),
        np.array([[0.1, 0.9], [0.5, 0.5], [0.8, 0.2], [0.0, 1.0]]),
        np.array([0.49, 0.5, 1.5, 2.51]),
        np.array([[[0, 1]], [[2, 1]], [[0, 0]], [[1, 2]]])[:, 0],
    ],
)
def test_weigh_classes_gives_the_weights_that_keras_gives(y: Any) -> None:
    """Numbers, columns and probabilities of classes; a class that is not named weighs 1."""
    from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

    weights = {0: 0.25, 1: 5.0}
    found = weigh_classes(Data(Split(y, y)), weights).train.sample_weight
    expected = class_weight_to_sample_weights(y, weights)
    assert found.dtype == expected.dtype == np.float32
    assert found.tolist() == expected.tolist()


def test_weigh_classes_leaves_data_alone_where_there_are_no_weights() -> None:
    """Nor does it touch a dataset, which `model.fit` weighs, or the validation data."""
    arrays, dataset = Data(Split(*PAIR), Split(*PAIR)), Data(Split(dataset=make_dataset()))
    assert weigh_classes(arrays, None) is arrays
    assert weigh_classes(dataset, {0: 2.0}) is dataset
    assert weigh_classes(arrays, {0: 2.0}).validation is arrays.validation


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(X, Y, sample_weight=Y), "beside which Keras takes no class_weight"),
        (Split(X, {"a": Y, "b": Y}), "for a single output only; y has several"),
    ],
)
def test_weigh_classes_refuses_what_keras_refuses(split: Split, message: str) -> None:
    """Before training, with the reason."""
    with pytest.raises(OptionError, match=message):
        weigh_classes(Data(split), {0: 2.0})


def test_load_data_gives_every_output_the_weights_of_the_samples() -> None:
    """As `model.fit` does with one array of weights for several outputs."""
    weight = np.arange(6.0)
    data = load_data(lambda: {"train": (X, {"a": Y, "b": Y}, weight)})
    assert {key: each.tolist() for key, each in data.train.sample_weight.items()} == {
        "a": weight.tolist(),
        "b": weight.tolist(),
    }


@pytest.mark.parametrize("weight", [np.ones((6, 3)), {"a": Y}, [Y, Y]])
def test_load_data_refuses_weights_that_do_not_fit_the_outputs(weight: Any) -> None:
    """One per sample, or one array for each output."""
    with pytest.raises(OptionError, match="has several outputs and weights that do not fit them"):
        load_data(lambda: {"train": (X, {"a": Y, "b": Y}, weight)})
