"""How far outputs are from those expected, and how far they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeps.training.arrays import Arrays, to_plain

TOLERANCE = 1e-4
"""Share of the largest expected number, or of 1, by which an output may differ."""
HALF_TOLERANCE = 2e-2
"""The same for a model that computes in half precision."""


@dataclass(frozen=True)
class Difference:
    """The largest difference of two sets of outputs.

    Attributes:
        largest: Of all numbers, that of the output which is closest to its tolerance or most above.
        tolerance: What that output may differ by.
        problem: Why they cannot be compared, or in which way more than numbers differ; else empty.
    """

    largest: float
    tolerance: float
    problem: str = ""

    @property
    def is_small(self) -> bool:
        """Tell whether the outputs are the same for all purposes."""
        return not self.problem and self.largest <= self.tolerance


def compare_outputs(expected: Arrays, given: Mapping[str, Any], *, is_half: bool) -> Difference:
    """Compare outputs with those expected.

    Infinities and NaNs have to be at the same places; texts, whole numbers and truth values the
    same.

    Args:
        expected: Outputs by name.
        given: Other ones, which have to hold the same names.
        is_half: The model computes in half precision.
    """
    if missing := sorted(expected.keys() ^ given.keys()):
        have = ", ".join(sorted(given))
        return Difference(0.0, 0.0, f"the outputs are {have}; {missing[0]!r} is in one set only")
    share = HALF_TOLERANCE if is_half else TOLERANCE
    found = [_compare(name, expected[name], given[name], share) for name in expected]
    return max(found, key=_rank, default=Difference(0.0, share))


def _rank(difference: Difference) -> tuple[bool, float]:
    return bool(difference.problem), difference.largest / (difference.tolerance or 1.0)


def _compare(name: str, expected: np.ndarray[Any, Any], value: Any, share: float) -> Difference:
    given = to_plain(value)
    if given.shape != expected.shape:
        problem = f"output {name!r} has the shape {given.shape} instead of {expected.shape}"
        return Difference(0.0, 0.0, problem)
    if expected.dtype.kind not in "fc":
        is_same = np.array_equal(expected, given)
        return Difference(0.0, 0.0, "" if is_same else f"output {name!r} has other values")
    wide, other = expected.astype(np.float64), given.astype(np.float64)
    if not np.array_equal(_keep_infinite(wide), _keep_infinite(other), equal_nan=True):
        return Difference(0.0, 0.0, f"output {name!r} is not finite in other places")
    finite = wide[np.isfinite(wide)]
    largest = np.abs(finite - other[np.isfinite(wide)]).max(initial=0.0)
    return Difference(float(largest), share * max(1.0, float(np.abs(finite).max(initial=0.0))))


def _keep_infinite(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.where(np.isfinite(values), 0, values)
