"""The engine for a debugger: trials run one by one in the driver's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sweeps.engines._base import Result
from sweeps.worker.messages import Ask, Message, do_nothing
from sweeps.worker.run_task import UNLIMITED, TaskLimits
from sweeps.worker.trial_process import perform_task


class InlineEngine:
    """Runs tasks in this process: breakpoints work, isolation and time limits do not."""

    def hold_data(self, target: str, seed: int) -> None:
        """Nothing: each task loads its data, in the process where a debugger can see it."""

    def run_task(
        self,
        request: Mapping[str, Any],
        answer: Ask,
        *,
        commit: Callable[[], None] = do_nothing,
        limits: TaskLimits = UNLIMITED,  # noqa: ARG002 - nobody is there to kill us
    ) -> Message:
        """Run one task here and now."""

        def ask(message: Message) -> Message:
            answered = answer(message)
            commit()
            return answered

        return perform_task(request, ask)

    def begin(self, job: Callable[[], Result]) -> Callable[[], Result]:
        """Do it here and now."""
        result = job()
        return lambda: result

    def dispatch(
        self,
        supervise: Callable[[], Result],
        count: int,
        workers: int,  # noqa: ARG002 - one at a time
    ) -> Iterator[Result]:
        """Call `supervise` again and again."""
        for _ in range(count):
            yield supervise()

    def close(self) -> None:
        """Nothing was started."""
