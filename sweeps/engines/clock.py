"""How much time a task has left."""

from __future__ import annotations

import math
import time

from sweeps.causes import Cause
from sweeps.worker.outcomes import Death
from sweeps.worker.run_task import TaskLimits

_LOOK_SECONDS = 0.1


class Clock:
    """Runs from `start` on, and stands still while the driver takes its time to answer.

    Args:
        limits: Of the task.

    Attributes:
        look_seconds: How long to wait at most before another look at it.
    """

    def __init__(self, limits: TaskLimits) -> None:
        self._is_wanted = limits.is_wanted
        self.look_seconds = math.inf if limits.is_wanted is None else _LOOK_SECONDS
        self._stall_seconds = _or_never(limits.stall_seconds)
        self._timeout_seconds = _or_never(limits.timeout_seconds)
        self.start()

    def start(self) -> None:
        """Begin to run, or begin anew."""
        self._heard = time.monotonic()
        self._deadline = self._heard + self._timeout_seconds

    @property
    def seconds_left(self) -> float:
        """How long the task may go on; 0 or less where its time is up."""
        if not self._is_still_wanted():
            return 0.0
        return min(self._deadline, self._heard + self._stall_seconds) - time.monotonic()

    def hear(self) -> None:
        """Take note that the task is alive: it has just been answered."""
        self._heard = time.monotonic()

    def stand_still(self, seconds: float) -> None:
        """Take back so much: nobody could answer meanwhile."""
        self._heard += seconds
        self._deadline += seconds

    def explain(self, status: int | None) -> Death:
        """Tell why the time is up."""
        if not self._is_still_wanted():
            return Death(status, reason="it was no longer wanted, and was killed.")
        if time.monotonic() >= self._deadline:
            return Death(status, Cause.TIMEOUT)
        reason = f"nothing was heard of it for {self._stall_seconds:g} s, and it was killed."
        return Death(status, Cause.NO_PROGRESS, reason)

    def _is_still_wanted(self) -> bool:
        return self._is_wanted is None or self._is_wanted()


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds
