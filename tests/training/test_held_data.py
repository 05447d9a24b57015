"""Tests of `sweeps.training.held_data`: how arrays lie that many processes share."""

from __future__ import annotations

import mmap
import weakref

import numpy as np

from sweeps.training.held_data import align


def test_align_moves_a_large_array_to_the_begin_of_a_page() -> None:
    """TensorFlow uses it there without a copy."""
    array = np.arange(30_000, dtype="float32").reshape(100, 300)
    moved = align(array)
    assert moved.ctypes.data % mmap.PAGESIZE == 0
    assert moved.dtype == array.dtype
    np.testing.assert_array_equal(moved, array)


def test_align_lets_a_large_array_go_of_which_a_part_is_used() -> None:
    """A few labels that are a column of the inputs would keep all of these a second time."""
    array = np.arange(30_000, dtype="float32").reshape(100, 300)
    expected, large = array[:5, 0].tolist(), weakref.ref(array)
    part = align(array[:5, 0])
    del array
    assert large() is None
    assert part.tolist() == expected
