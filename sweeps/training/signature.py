"""What a model takes and gives: names, shapes and types, and a few samples with their outputs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sweeps.training.arrays import Arrays, Form, map_form, pack, to_plain, unpack
from sweeps.training.data import Split

_MAX_BYTES = 16 << 20
_HALF = {"float16", "bfloat16"}


def take_samples(model: Any, split: Split, count: int = 8) -> tuple[dict[str, Any], Arrays, Arrays]:
    """Take a few inputs from a split and compute what the model gives for them.

    Args:
        model: A model that is built.
        split: Arrays, or a dataset of which the first batch is read.
        count: How many rows to take, where so many take 16 MiB at most.

    Returns:
        The signature as JSON values: ``inputs`` and ``outputs`` with name, shape and dtype,
        the forms ``arguments`` and ``results``, and whether the model computes in ``half``
        precision. Then the inputs and the outputs, by name.

    Raises:
        Exception: The model takes something else than arrays.
    """
    arguments, inputs = _name_inputs(model, _take_inputs(split, count))
    given = predict(model, arguments, inputs)
    results = _name_outputs(model, given)
    outputs = {name: to_plain(array) for name, array in unpack(results, given).items()}
    signature = {
        "inputs": _describe_inputs(model, inputs),
        "outputs": _describe_outputs(model, results, outputs),
        "arguments": arguments,
        "results": results,
        "half": any(_computes_in_half(layer) for layer in model._flatten_layers()),  # noqa: SLF001
    }
    return signature, inputs, outputs


def predict(model: Any, arguments: Form, inputs: Arrays) -> Any:
    """Call a model on named arrays, as `model.predict` does; texts go in as tensors of texts.

    A layer that remembers the call before, such as a stateful LSTM, begins with nothing.
    """
    for layer in model._flatten_layers():  # noqa: SLF001
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()
    fed = {
        name: tf.constant(array) if array.dtype.kind == "U" else array
        for name, array in inputs.items()
    }
    return model.predict(pack(arguments, fed), verbose=0)


def _take_inputs(split: Split, count: int) -> Any:
    if split.dataset is None:
        x = split.x
    else:
        batch = next(iter(split.dataset))
        x = batch[0] if isinstance(batch, tuple | list) else batch
    arrays = map_form(np.asarray, x)
    largest = sum(array[:1].nbytes for array in keras.tree.flatten(arrays))
    fitting = max(1, min(count, _MAX_BYTES // max(1, largest)))
    return map_form(lambda array: to_plain(array[:fitting]), arrays)


def _name_inputs(model: Any, x: Any) -> tuple[Form, dict[str, np.ndarray[Any, Any]]]:
    """Name inputs as the model does; a model that names none has them named by their place."""
    tensors = getattr(model, "inputs", None)
    if not tensors:
        form = _name_parts(x, iter(()), "input")
        return form, unpack(form, x)
    names = _make_unique(tensor.name for tensor in tensors)
    form = _find_input_form(model, tensors, names)
    if isinstance(x, Mapping) and not isinstance(form, Mapping):
        form = {tensor.name: name for tensor, name in zip(tensors, names, strict=True)}
    parts = unpack(form, x)
    types = {name: tensor.dtype for name, tensor in zip(names, tensors, strict=True)}
    return form, {name: _cast(parts[name], dtype) for name, dtype in types.items()}


def _find_input_form(model: Any, tensors: Sequence[Any], names: Sequence[str]) -> Form:
    """Give the names of a model's inputs in the form in which it takes them."""
    try:
        taken = model.input
    except AttributeError:
        taken = model.inputs
    if isinstance(taken, list | tuple) and len(taken) == 1:
        taken = taken[0]
    by_tensor = {id(tensor): name for tensor, name in zip(tensors, names, strict=True)}
    return map_form(lambda tensor: by_tensor[id(tensor)], taken)


def _cast(array: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    is_number = dtype != "string" and array.dtype.kind in "biuf" and dtype != "bfloat16"
    return array.astype(dtype) if is_number else array


def _name_outputs(model: Any, given: Any) -> Form:
    if isinstance(model, keras.Sequential):
        names = [model.layers[-1].name]
    else:
        names = getattr(model, "output_names", None) or []
    return _name_parts(given, iter(_make_unique(names)), "output")


def _name_parts(value: Any, names: Iterator[str], default: str) -> Form:
    """Name the parts of a value: by their keys where it is a mapping, else by the names given."""
    if isinstance(value, Mapping):
        return {key: _name_parts(part, iter(()), _clean(str(key))) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_name_parts(part, names, f"{default}_{i}") for i, part in enumerate(value)]
    return next(names, default)


def _make_unique(names: Iterable[str]) -> list[str]:
    """Give names that every format takes, each of them once."""
    found: list[str] = []
    for name in map(_clean, names):
        others = (f"{name}_{count}" for count in itertools.count(1))
        found.append(next(each for each in itertools.chain([name], others) if each not in found))
    return found


def _clean(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _describe_inputs(model: Any, inputs: Arrays) -> list[dict[str, Any]]:
    tensors = getattr(model, "inputs", None) or list(inputs.values())
    is_fixed = any(getattr(layer, "stateful", False) for layer in model.layers)
    return [
        {
            "name": name,
            "shape": [tensor.shape[0] if is_fixed else None, *tensor.shape[1:]],
            "dtype": _name_type(array),
        }
        for (name, array), tensor in zip(inputs.items(), tensors, strict=True)
    ]


def _describe_outputs(model: Any, results: Form, outputs: Arrays) -> list[dict[str, Any]]:
    try:
        tensors: Mapping[str, Any] = unpack(results, model.output)
    except (AttributeError, TypeError, KeyError, ValueError):  # not known before it is called
        tensors = outputs
    return [
        {"name": name, "shape": [None, *tensors[name].shape[1:]], "dtype": _name_type(array)}
        for name, array in outputs.items()
    ]


def _name_type(array: np.ndarray[Any, Any]) -> str:
    return "string" if array.dtype.kind == "U" else str(array.dtype)


def _computes_in_half(layer: Any) -> bool:
    return getattr(layer, "compute_dtype", None) in _HALF
