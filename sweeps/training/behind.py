"""Writing behind: checkpoints become durable while the next epoch trains."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

_HEAD_START_SECONDS = 0.002
"""By then the training computes again, and does not need the interpreter that jobs would take."""


class Behind:
    """Does jobs one after the other, in a thread of its own or at once.

    A job sees what was handed to it, never what the training changes meanwhile. Whoever hands in
    jobs calls `settle` first: no job is ever more than one epoch behind.

    Args:
        at_once: Do every job in `submit`, where something else might change the model meanwhile.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._pool = None if at_once else ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._jobs: list[Callable[[], None]] = []
        self._running: Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether jobs have started that are not done yet."""
        return self._running is not None and not self._running.done()

    def submit(self, job: Callable[[], None]) -> None:
        """Hand in a job, to be done after those before it."""
        if self._pool is None:
            job()
        else:
            self._jobs.append(job)

    def start(self) -> None:
        """Begin with the jobs handed in; until then nothing takes time from who hands them in."""
        self._start(_HEAD_START_SECONDS)

    def settle(self) -> None:
        """Wait until all jobs are done, or one has failed, after which none is done.

        Raises:
            Exception: What that one has raised.
        """
        self._start(0.0)
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _start(self, head_start: float) -> None:
        if self._pool is not None and self._jobs:
            jobs, self._jobs = self._jobs, []
            self._running = self._pool.submit(_do, jobs, head_start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do what is left; what that raises is raised unless something else is already."""
        with contextlib.suppress(*() if error is None else (Exception,)):
            self.settle()
        if self._pool is not None:
            self._pool.shutdown()


def _do(jobs: Sequence[Callable[[], None]], head_start: float) -> None:
    time.sleep(head_start)
    for job in jobs:
        job()
