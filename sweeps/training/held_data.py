"""Data that is loaded once, in a process from which the sweep's other processes are forked.

They inherit it, pages and all: nothing is copied until somebody writes to it, and then one page,
for whoever writes alone. What the data function leaves behind in its module is inherited as well,
as if each of them had called it (`docs/decisions/0010-data-once.md`).
"""

from __future__ import annotations

import gc
import mmap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from sweeps.training.data import Data, Split, load_data
from sweeps.training.randomness import seed_everything
from sweeps.training.user_code import load_target

LEAST_BYTES = 1 << 16
"""Smaller arrays stay where they are: TensorFlow copies them in no time."""

_held: dict[str, Data] = {}


def hold_data(target: str, seed: int) -> None:
    """Load the data of a sweep for this process and for those forked from it.

    Args:
        target: The space file's ``data``.
        seed: The sweep's seed, from which a data function that draws numbers draws them.

    Raises:
        Exception: Whatever the user's code raises.
    """
    seed_everything(seed)
    data = load_data(load_target(target))
    _held[target] = Data(**{name: _align(split) for name, split in data.named().items()})
    del data
    gc.collect()
    gc.freeze()


def take_data(target: str) -> Data:
    """Give the data of a sweep: what this process has inherited, else loaded here and now.

    Raises:
        OptionError: It is not of a known form.
        Exception: Whatever the user's code raises.
    """
    return _held.get(target) or load_data(load_target(target))


def _align(split: Split) -> Split:
    if split.dataset is not None:
        return split
    parts = (split.x, split.y, split.sample_weight)
    x, y, weight = (
        None if part is None else keras.tree.map_structure(align, part) for part in parts
    )
    return replace(split, x=x, y=y, sample_weight=weight)


def align(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Move a large array to where TensorFlow can use it without a copy: a page's begin.

    One that lies in a mapped file stays there, where processes share it already. A small part of a
    large array becomes an array of its own, or the large one could not be given up.
    """
    if array.nbytes < LEAST_BYTES:
        return array if array.base is None else array.copy()
    if array.dtype.hasobject or any(isinstance(base, mmap.mmap) for base in _iter_bases(array)):
        return array
    memory = mmap.mmap(-1, array.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    moved: np.ndarray[Any, Any] = np.frombuffer(memory, np.uint8, array.nbytes)
    moved = moved.view(array.dtype).reshape(array.shape)
    np.copyto(moved, array)
    return moved


def _iter_bases(array: Any) -> Iterator[Any]:
    while (array := getattr(array, "base", None)) is not None:
        yield array


def has_run_operations() -> bool:
    """Tell whether TensorFlow has started its threads in this process, which no fork survives."""
    from tensorflow.python.eager import context

    return getattr(context.context_safe(), "_context_handle", None) is not None
