"""Tests of `sweeps.bundles.comparing`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweeps.bundles.comparing import compare_outputs


def compare(expected: Any, given: Any, *, is_half: bool = False) -> Any:
    return compare_outputs({"y": np.asarray(expected)}, {"y": given}, is_half=is_half)


@pytest.mark.parametrize(
    ("expected", "given", "largest"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [1.0, 2.0001], 0.0001),
        ([1000.0, 0.0], [1000.05, 0.0], 0.05),
        ([np.nan, np.inf], [np.nan, np.inf], 0.0),
        ([], [], 0.0),
        (["a", "ü"], np.array([b"a", "ü".encode()], dtype=object), 0.0),
        ([1, 2], [1, 2], 0.0),
    ],
)
def test_compare_outputs_accepts_what_rounding_explains(
    expected: Any, given: Any, largest: float
) -> None:
    """Numbers may differ in proportion to the largest one; texts and whole numbers may not."""
    found = compare(expected, given)
    assert found.is_small
    assert found.largest == pytest.approx(largest, rel=1e-3)


@pytest.mark.parametrize(
    ("expected", "given", "problem"),
    [
        ([1.0, 2.0], [1.0, 2.001], ""),
        ([1.0], [np.nan], "output 'y' is not finite in other places"),
        ([np.inf], [-np.inf], "output 'y' is not finite in other places"),
        ([np.nan], [1.0], "output 'y' is not finite in other places"),
        ([1.0, 2.0], [[1.0, 2.0]], "output 'y' has the shape (1, 2) instead of (2,)"),
        (["a"], ["b"], "output 'y' has other values"),
        ([1, 2], [1, 3], "output 'y' has other values"),
        ([1], ["1"], "output 'y' has other values"),
    ],
)
def test_compare_outputs_refuses_the_rest(expected: Any, given: Any, problem: str) -> None:
    """Each difference that is more than rounding has its own words."""
    found = compare(expected, given)
    assert not found.is_small
    assert found.problem == problem


def test_compare_outputs_half_precision_may_differ_by_more() -> None:
    """Sixteen bits carry three digits."""
    assert compare([1.0], [1.01], is_half=True).is_small
    assert not compare([1.0], [1.03], is_half=True).is_small


def test_compare_outputs_wants_the_same_names() -> None:
    """An output that has another name, or is missing, is a difference."""
    one = {"y": np.ones(2)}
    other = compare_outputs(one, {"z": np.ones(2)}, is_half=False)
    assert other.problem == "the outputs are z; 'y' is in one set only"
    assert not compare_outputs({**one, "z": np.ones(2)}, one, is_half=False).is_small


def test_compare_outputs_tells_of_the_worst_output() -> None:
    """The figures are those of the output that decides."""
    expected = {"large": np.array([1e6]), "small": np.array([1.0])}
    given = {"large": np.array([1e6 + 1]), "small": np.array([1.01])}
    found = compare_outputs(expected, given, is_half=False)
    assert (round(found.largest, 6), found.tolerance) == (0.01, 0.0001)
