"""What a model is asked about, held against what the model takes before it sees any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeps.bundles.signature import Tensor
from sweeps.errors import InputError

Array = npt.NDArray[Any]
Named = dict[str, Array]

_CHUNK = 4096


def name_inputs(given: Any, tensors: Sequence[Tensor], where: str) -> Named:
    """Give arrays the names of a model's inputs.

    Args:
        given: An array, a list of arrays in the model's order, or a mapping by name.
        tensors: The model's inputs.
        where: What was given, for messages.

    Raises:
        InputError: An input is missing, or there are too many.
    """
    names = [tensor.name for tensor in tensors]
    if isinstance(given, Mapping):
        return _pick_named(given, names, where)
    if len(names) > 1 and isinstance(given, list | tuple) and len(given) == len(names):
        return {name: np.asarray(part) for name, part in zip(names, given, strict=True)}
    if len(names) > 1:
        raise InputError(
            f"{where}: holds one array, but the model has the inputs {_list(names)}. "
            "Give a mapping, an .npz file, with an array by each of these names."
        )
    return {names[0]: np.asarray(given)}


def _pick_named(given: Mapping[str, Any], names: Sequence[str], where: str) -> Named:
    if len(names) == len(given) == 1:  # whatever it is called
        return {names[0]: np.asarray(next(iter(given.values())))}
    missing = [name for name in names if name not in given]
    if missing:
        raise InputError(
            f"{where}: has no array for the model's input {missing[0]!r} "
            f"(have: {_list(list(given)) or 'none'}; expected: {_list(names)})."
        )
    return {name: np.asarray(given[name]) for name in names}


def check_inputs(arrays: Named, tensors: Sequence[Tensor], where: str) -> Named:
    """Make sure that a model can take arrays, and give them in its types.

    Numbers are converted where nothing is lost but digits: floats to the model's floats, whole
    numbers to either.

    Raises:
        InputError: A shape, type or value does not fit; the message names the input and the row.
    """
    checked = {
        tensor.name: _check(arrays[tensor.name], tensor, f"{where}: input {tensor.name!r}")
        for tensor in tensors
    }
    lengths = {name: len(array) for name, array in checked.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise InputError(f"{where}: the inputs have different numbers of samples: {told}.")
    return checked


def _check(array: Array, tensor: Tensor, where: str) -> Array:
    _check_shape(array, tensor, where)
    if tensor.dtype == "string":
        return _check_texts(array, where)
    if array.dtype.kind not in "biuf":
        what = "Python objects" if array.dtype.kind == "O" else f"values of type {array.dtype}"
        raise InputError(f"{where} holds {what}; expected numbers ({tensor.dtype}).")
    if tensor.dtype == "bool":
        return _check_flags(array, where)
    _check_values(array, tensor, where)
    return array if str(array.dtype) == tensor.dtype else array.astype(_numpy_type(tensor.dtype))


def _check_shape(array: Array, tensor: Tensor, where: str) -> None:
    expected = f"expected {_write_shape(tensor.shape)}"
    if array.ndim == len(tensor.shape) - 1:
        hint = "Is the axis of samples missing, or the last one of size 1? Add it with reshape."
        raise InputError(f"{where} has the shape {array.shape}; {expected}. {hint}")
    fits = array.ndim == len(tensor.shape) and all(
        wanted is None or size == wanted
        for size, wanted in zip(array.shape[1:], tensor.shape[1:], strict=True)
    )
    if not fits:
        raise InputError(f"{where} has the shape {array.shape}; {expected}.")
    if not len(array):
        raise InputError(f"{where} is empty; expected at least one sample.")
    if tensor.shape[0] is not None and len(array) % tensor.shape[0]:
        raise InputError(
            f"{where} has {len(array)} samples; the model takes them by {tensor.shape[0]} only."
        )


def _check_texts(array: Array, where: str) -> Array:
    if array.dtype.kind not in "SU":
        raise InputError(f"{where} holds {array.dtype}; expected texts.")
    return array


def _check_flags(array: Array, where: str) -> Array:
    if not np.isin(array, (0, 1)).all():
        raise InputError(f"{where} holds other values than 0 and 1; expected true or false.")
    return array.astype(bool)


def _check_values(array: Array, tensor: Tensor, where: str) -> None:
    """Look at values in parts, so that a file larger than memory is read once and not copied."""
    is_whole = tensor.dtype.startswith(("int", "uint"))
    for start in range(0, len(array), _CHUNK):
        part = np.asarray(array[start : start + _CHUNK])
        if part.dtype.kind == "f":
            _refuse(~np.isfinite(part), part, start, where, "expected finite numbers")
            if is_whole:
                _refuse(part != np.floor(part), part, start, where, "expected whole numbers")
        if tensor.dtype in ("float16", "float32"):
            largest = float(np.finfo(tensor.dtype).max)
            _refuse(abs(part) > largest, part, start, where, f"expected at most {largest:.3g}")
        if is_whole:
            limits = np.iinfo(_numpy_type(tensor.dtype))
            outside = (part < limits.min) | (part > limits.max)
            _refuse(outside, part, start, where, f"expected {limits.min} to {limits.max}")


def _refuse(is_bad: Array, part: Array, start: int, where: str, expected: str) -> None:
    if not is_bad.any():
        return
    index = np.argwhere(is_bad)[0]
    value, row = part[tuple(index)], start + int(index[0])
    raise InputError(f"{where} holds {value} in sample {row} (the first is 0); {expected}.")


def _numpy_type(name: str) -> Any:
    if name == "bfloat16":
        return np.float32  # which NumPy can hold; Keras rounds it
    return np.dtype(name)


def _write_shape(shape: Sequence[int | None]) -> str:
    sizes = ["any" if size is None else str(size) for size in shape[1:]]
    return f"({', '.join(['samples', *sizes])})" if sizes else "(samples,)"


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
