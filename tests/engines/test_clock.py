"""Tests of `sweeps.engines.clock`."""

from __future__ import annotations

from sweeps.causes import Cause
from sweeps.engines.clock import Clock
from sweeps.worker.run_task import TaskLimits


def test_time_that_is_up_first_counts() -> None:
    """A silence that lasts is no progress, the end of all time is a timeout."""
    assert Clock(TaskLimits()).seconds_left == float("inf")
    assert Clock(TaskLimits(stall_seconds=0.0)).explain(-9).cause == Cause.NO_PROGRESS
    assert Clock(TaskLimits(0.0)).explain(-9).cause == Cause.TIMEOUT
    assert 8 < Clock(TaskLimits(9.0, 60.0)).seconds_left <= 9
    assert 8 < Clock(TaskLimits(60.0, 9.0)).seconds_left <= 9
    unwanted = Clock(TaskLimits(9.0, 9.0, is_wanted=lambda: False))
    assert unwanted.seconds_left == 0
    assert unwanted.explain(-9).reason == "it was no longer wanted, and was killed."


def test_clock_stands_still() -> None:
    """What is taken back counts for both limits."""
    clock = Clock(TaskLimits(9.0, 9.0))
    clock.stand_still(20.0)
    assert 28 < clock.seconds_left <= 29


def test_clock_starts_when_it_is_told() -> None:
    """What came before is not the task's time."""
    clock = Clock(TaskLimits(9.0, 9.0))
    clock.stand_still(-20.0)
    assert clock.seconds_left < 0
    clock.start()
    assert 8 < clock.seconds_left <= 9
