"""How a task is run, for those who need no more of an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sweeps.worker.messages import Ask, Message, do_nothing
from sweeps.worker.outcomes import Death


@dataclass(frozen=True)
class TaskLimits:
    """When a task is killed.

    Attributes:
        timeout_seconds: After so long; None means never.
        stall_seconds: When it has sent no message for so long.
        memory_bytes: When it holds more than this.
        is_wanted: Looked at some ten times a second; the task is killed once it is False.
    """

    timeout_seconds: float | None = None
    stall_seconds: float | None = None
    memory_bytes: int | None = None
    is_wanted: Callable[[], bool] | None = None


UNLIMITED = TaskLimits()


class RunTask(Protocol):
    """How a task is run: `Engine.run_task`."""

    def __call__(
        self,
        request: Mapping[str, Any],
        answer: Ask,
        *,
        commit: Callable[[], None] = do_nothing,
        limits: TaskLimits = UNLIMITED,
    ) -> Message | Death:
        """Run one task and answer its questions until it ends."""
