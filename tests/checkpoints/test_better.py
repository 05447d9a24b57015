"""Tests of `sweeps.checkpoints.better`."""

from __future__ import annotations

import pytest

from sweeps.checkpoints.better import is_better

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "best", "minimize", "maximize"),
    [
        (1.0, 2.0, True, False),
        (2.0, 1.0, False, True),
        (1.0, 1.0, False, False),
        (0.0, -0.0, False, False),
        (1.0, None, True, True),
        (-1e308, 1e308, True, False),
        (NAN, None, False, False),
        (NAN, 1.0, False, False),
        (INF, None, False, False),
        (INF, 1.0, False, False),
        (-INF, None, False, False),
        (-INF, 1.0, False, False),
    ],
)
def test_is_better_table(value: float, best: float | None, minimize: bool, maximize: bool) -> None:
    """What is not finite never wins, a tie keeps the older, anything finite beats none."""
    assert is_better(value, best, "minimize") is minimize
    assert is_better(value, best, "maximize") is maximize
