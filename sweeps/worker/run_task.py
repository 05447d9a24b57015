"""How a task is run, for those who need no more of an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sweeps.worker.messages import Ask, Message
from sweeps.worker.outcomes import Death


class RunTask(Protocol):
    """How a task is run: `Engine.run_task`."""

    def __call__(
        self,
        request: Mapping[str, Any],
        answer: Ask,
        *,
        timeout_seconds: float | None = None,
        stall_seconds: float | None = None,
        memory_bytes: int | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> Message | Death:
        """Run one task and answer its questions until it ends."""
