"""The data of a sweep: what the space file's ``data`` function returns, checked and named."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sweeps.errors import OptionError

# As TensorFlow allocates: what lies otherwise it would add up in another order.
_ALIGNMENT = 64
SPLITS = ("train", "validation", "test")
_EXPECTED = (
    "expected {'train': (x, y), 'validation': (x, y), 'test': (x, y)} "
    "or the tuple (train, validation) or (train, validation, test); "
    "a tf.data.Dataset or a keras.utils.PyDataset may stand for a pair (x, y)"
)


@dataclass(frozen=True)
class Split:
    """One split of the data: arrays, or a dataset that yields batches.

    Attributes:
        x: Inputs: an array, or a list, tuple or dict of arrays, samples first. None for a dataset.
        y: Targets, likewise.
        sample_weight: Weights of the samples, shape ``(samples,)``, of each output where `y` has
            several; None means all equal.
        dataset: A ``tf.data.Dataset`` or ``keras.utils.PyDataset``; None for arrays.
    """

    x: Any = None
    y: Any = None
    sample_weight: Any = None
    dataset: Any = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """``(x, y)`` or ``(x, y, sample_weight)``: what Keras calls a batch, with all samples."""
        return (
            (self.x, self.y) if self.sample_weight is None else (self.x, self.y, self.sample_weight)
        )

    @property
    def num_samples(self) -> int | None:
        """Number of samples; None for a dataset, which may not know."""
        return None if self.dataset is not None else len(keras.tree.flatten(self.x)[0])


@dataclass(frozen=True)
class Data:
    """The splits of a sweep's data.

    Attributes:
        train: What trials learn from.
        validation: What the objective is computed on; None where only training metrics are wanted.
        test: Held out; scored once, for the leader only.
    """

    train: Split
    validation: Split | None = None
    test: Split | None = None

    def named(self) -> dict[str, Split]:
        """Give the splits that there are, by name."""
        return {name: split for name in SPLITS if (split := getattr(self, name)) is not None}


def load_data(load: Callable[[], Any]) -> Data:
    """Call the user's function and check what it returns.

    Raises:
        OptionError: It is not of a known form; lengths differ; a split is empty.
        Exception: Whatever the function raises.
    """
    loaded = load() if callable(load) else load
    splits = _name_splits(loaded)
    return Data(
        **{name: _make_split(name, value) for name, value in splits.items() if value is not None}
    )


def to_tensor(array: np.ndarray[Any, Any]) -> Any:
    """Put an array on the device; where that is the CPU and the array lies well, without a copy.

    What TensorFlow computes from it is the same either way. Nobody may change the array afterwards.
    """
    is_aligned = array.flags.c_contiguous and array.ctypes.data % _ALIGNMENT == 0
    if not (is_aligned and array.flags.writeable) or tf.config.list_logical_devices("GPU"):
        return tf.convert_to_tensor(array)
    try:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    except (BufferError, TypeError, ValueError, RuntimeError, tf.errors.OpError):
        return tf.convert_to_tensor(array)  # texts, for example


def count_batches(split: Split, batch_size: int) -> int | None:
    """Count the batches of one pass over a split; None where a dataset does not know."""
    if split.dataset is None:
        return math.ceil((split.num_samples or 0) / batch_size)
    if isinstance(split.dataset, keras.utils.PyDataset):
        return int(split.dataset.num_batches)
    count = int(split.dataset.cardinality())
    return None if count == tf.data.UNKNOWN_CARDINALITY else count


def hold_out(data: Data, share: float | None) -> Data:
    """Hold out the last part of the training data to validate on, where nothing else is for that.

    The same samples as with ``validation_split`` in `model.fit`.

    Args:
        data: The splits.
        share: Of the training data; None leaves all of it.

    Raises:
        OptionError: The data is a dataset, or has too few samples.
    """
    if share is None or data.validation is not None:
        return data
    if data.train.dataset is not None:
        raise OptionError(
            "training.validation_split needs arrays, but the training data is a dataset. "
            "Give a validation split, or leave it out."
        )
    num_samples = data.train.num_samples or 0
    stop = math.floor(num_samples * (1.0 - share))
    if stop in (0, num_samples):
        raise OptionError(
            f"training.validation_split: {share:g} of {num_samples} samples leaves nothing for one "
            "of the two parts. Give more data, or another share."
        )
    parts = (slice(0, stop), slice(stop, None))
    train, validation = (take_rows(data.train, rows) for rows in parts)
    return replace(data, train=train, validation=validation)


def weigh_classes(data: Data, class_weight: Mapping[int, float] | None) -> Data:
    """Give the samples to train on the weights of their classes, as `model.fit` does.

    A dataset stays as it is: `model.fit` weighs its batches.

    Raises:
        OptionError: The samples have weights already, or the model has several outputs.
    """
    train = data.train
    if class_weight is None or train.dataset is not None:
        return data
    if train.sample_weight is not None:
        raise OptionError(
            "the training data has weights of samples, beside which Keras takes no class_weight. "
            "Leave out one of them."
        )
    if keras.tree.is_nested(train.y):
        raise OptionError("Keras takes class_weight for a single output only; y has several.")
    weights = _weigh(train.y, class_weight)
    return replace(data, train=replace(train, sample_weight=weights))


def _weigh(y: np.ndarray[Any, Any], class_weight: Mapping[int, float]) -> np.ndarray[Any, Any]:
    """Look up the weight of each label: a number, or one of several columns that is largest."""
    if y.ndim > 1:
        y = np.squeeze(y, axis=-1) if y.shape[-1] == 1 else np.argmax(y, axis=-1)
    classes, places = np.unique(np.round(y).astype("int32"), return_inverse=True)
    weights = [class_weight.get(int(each), 1.0) for each in classes]
    return np.asarray(weights, keras.config.floatx())[places.reshape(y.shape)]


def take_rows(split: Split, rows: Any) -> Split:
    """Take some samples of arrays, by a slice or by a flag for each."""
    return Split(*keras.tree.map_structure(lambda array: array[rows], split.arrays))


def describe_split(name: str, split: Split) -> str:
    """Say in one line what a split is."""
    if split.dataset is not None:
        return f"{name}: {type(split.dataset).__name__}"
    parts = [
        f"{part} {_describe_arrays(value)}" for part, value in (("x", split.x), ("y", split.y))
    ]
    return f"{name}: {split.num_samples:,} samples, {', '.join(parts)}"


def describe_parts(data: Data) -> dict[str, dict[str, Any]]:
    """Describe data so that it can be told later whether it is still the same, as JSON values.

    Returns:
        By a name such as ``x_train``, the ``shape``, ``dtype`` and ``sha256`` of an array. Of a
        dataset, which streams, the ``elements`` alone.
    """
    parts: dict[str, dict[str, Any]] = {}
    for name, split in data.named().items():
        if split.dataset is not None:
            parts[name] = {"elements": _describe_elements(split.dataset)}
            continue
        for part, value in zip(("x", "y", "sample_weight"), split.arrays, strict=False):
            for path, array in keras.tree.flatten_with_path(value):
                key = "".join(f"[{step!r}]" for step in path)
                parts[f"{part}_{name}{key}"] = _describe_array(array)
    return parts


def _describe_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    # As bytes, since texts, dates and bfloat16 offer no buffer of their own type.
    content: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256(content).hexdigest()
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest}


def _describe_elements(dataset: Any) -> str:
    if isinstance(dataset, tf.data.Dataset):
        return str(dataset.element_spec)
    return f"{dataset.num_batches} batches of {type(dataset).__name__}"


def _name_splits(loaded: Any) -> Mapping[str, Any]:
    if isinstance(loaded, Mapping):
        if unknown := [name for name in loaded if name not in SPLITS]:
            raise OptionError(f"the data has the unknown split {unknown[0]!r}; {_EXPECTED}.")
        return _check_train(loaded)
    if isinstance(loaded, tuple | list) and len(loaded) in (2, 3):
        return _check_train(dict(zip(SPLITS, loaded, strict=False)))
    raise OptionError(f"the data is a {type(loaded).__name__}; {_EXPECTED}.")


def _check_train(splits: Mapping[str, Any]) -> Mapping[str, Any]:
    if splits.get("train") is None:
        raise OptionError(f"the data has no split 'train'; {_EXPECTED}.")
    return splits


def _make_split(name: str, value: Any) -> Split:
    if not isinstance(value, tuple | list):
        return _make_dataset(name, value)
    if len(value) not in (2, 3):
        raise OptionError(
            f"the split {name!r} has {len(value)} parts; expected (x, y) or (x, y, sample_weight)."
        )
    x, y, weight = (_to_arrays(name, part) for part in (*value, None)[:3])
    split = Split(x=x, y=y, sample_weight=_spread_weight(name, y, weight))
    _check_lengths(name, split)
    return split


def _spread_weight(name: str, y: Any, weight: Any) -> Any:
    """Give each output its weights, as Keras' own adapter does where there is one array for all."""
    if weight is None or not keras.tree.is_nested(y):
        return weight
    if not keras.tree.is_nested(weight):
        if weight.ndim == 1 or (weight.ndim == 2 and weight.shape[1] == 1):
            return keras.tree.map_structure(lambda _: weight, y)
    elif _has_same_structure(y, weight):
        return weight
    raise OptionError(
        f"the split {name!r} has several outputs and weights that do not fit them; "
        "expected one weight per sample, or an array for each output, named as in y."
    )


def _has_same_structure(one: Any, other: Any) -> bool:
    try:
        keras.tree.assert_same_structure(one, other)
    except ValueError:
        return False
    return True


def _make_dataset(name: str, value: Any) -> Split:
    if hasattr(value, "__next__"):
        raise OptionError(
            f"the split {name!r} is a {type(value).__name__}, which can be read only once; "
            "make it a keras.utils.PyDataset, or a tf.data.Dataset with from_generator."
        )
    if isinstance(value, tf.data.Dataset):
        is_infinite = int(value.cardinality()) == tf.data.INFINITE_CARDINALITY
    elif isinstance(value, keras.utils.PyDataset):
        is_infinite = value.num_batches is None
    else:
        raise OptionError(f"the split {name!r} is a {type(value).__name__}; {_EXPECTED}.")
    if is_infinite:
        raise OptionError(
            f"the split {name!r} never ends, so neither would an epoch; "
            "leave out repeat(), or end it with take(n)."
        )
    return Split(dataset=value)


def _to_arrays(name: str, part: Any) -> Any:
    if part is None:
        return None
    return keras.tree.map_structure(lambda value: _to_array(name, value), part)


def _to_array(name: str, value: Any) -> np.ndarray[Any, Any]:
    """Give an array as Keras' own adapter feeds it: floats in ``floatx``, all else unchanged."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise OptionError(f"the split {name!r} holds no arrays: {error}") from error
    if array.dtype == object:
        raise OptionError(
            f"the split {name!r} holds Python objects; expected arrays of numbers or strings."
        )
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(keras.config.floatx(), copy=False)
    return array


def _check_lengths(name: str, split: Split) -> None:
    for part, value in (("x", split.x), ("y", split.y)):
        if value is None or not keras.tree.flatten(value):
            raise OptionError(f"the split {name!r} has no arrays in its {part}; {_EXPECTED}.")
    arrays = keras.tree.flatten(split.arrays)
    if scalars := [array for array in arrays if array.ndim == 0]:
        raise OptionError(
            f"the split {name!r} holds the single value {scalars[0].item()!r}; expected arrays, "
            "such as np.asarray makes of a list."
        )
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise OptionError(
            f"the split {name!r} has arrays of different lengths ({shapes}); "
            "expected the same number of samples in each."
        )
    if lengths == [0]:
        raise OptionError(f"the split {name!r} is empty; expected at least one sample.")


def _describe_arrays(value: Any) -> str:
    arrays = keras.tree.flatten(value)
    return ", ".join(f"{array.dtype}{list(array.shape[1:])}" for array in arrays)
