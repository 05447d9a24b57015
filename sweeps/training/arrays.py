"""Named arrays: written to a file without pickle, and put into the form that a model takes.

A *form* says how the arguments of a model are made of named arrays: a name alone, or lists and
mappings of names. ``{"left": "left", "right": "right"}`` is a mapping of two inputs.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray[Any, Any]]
Form = Any


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays of numbers or texts as an ``.npz`` file; equal arrays give equal bytes.

    Raises:
        ValueError: An array holds Python objects.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            # A ZipInfo without a date: `np.savez` writes the time of day.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read what `write_arrays` wrote.

    Raises:
        ValueError: The file holds something else than plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise ValueError(f"{path}: no file of arrays ({error})") from error


def pack(form: Form, arrays: Arrays) -> Any:
    """Make a model's arguments of named arrays."""
    return map_form(lambda name: arrays[name], form)


def unpack(form: Form, value: Any) -> dict[str, Any]:
    """Give the parts of a value by the names that a form gives them."""
    if isinstance(form, Mapping):
        return {name: part for key in form for name, part in unpack(form[key], value[key]).items()}
    if isinstance(form, list):
        pairs = zip(form, value, strict=True)
        return {name: part for each, inner in pairs for name, part in unpack(each, inner).items()}
    return {form: value}


def map_form(change: Callable[[Any], Any], form: Form) -> Any:
    """Replace every name in a form, or every part of a value, by what `change` gives for it."""
    if isinstance(form, Mapping):
        return {key: map_form(change, inner) for key, inner in form.items()}
    if isinstance(form, list | tuple):
        return [map_form(change, inner) for inner in form]
    return change(form)


def to_plain(value: Any) -> np.ndarray[Any, Any]:
    """Give an array as a file of arrays can hold it: texts as texts, bfloat16 as float32."""
    array = np.asarray(value)
    if array.dtype.kind in "OS":
        texts = [each.decode() if isinstance(each, bytes) else each for each in array.ravel()]
        return np.array(texts, dtype=np.str_).reshape(array.shape)
    return array.astype(np.float32) if array.dtype.kind == "V" else array
