"""What every engine does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from sweeps.worker.messages import Ask, Message, do_nothing
from sweeps.worker.outcomes import Death
from sweeps.worker.run_task import UNLIMITED, TaskLimits

Result = TypeVar("Result")


class Engine(Protocol):
    """Runs tasks somewhere, and supervisors beside each other.

    An engine is made without arguments, before anything is known of the sweep, so that it can begin
    to import Keras; the constructor returns at once.
    """

    def hold_data(self, target: str, seed: int) -> None:
        """Have the data of a sweep loaded once for all tasks that come, if that can be.

        It returns at once; the next task waits for the data. What cannot be shared, each task loads
        for itself: they do not notice. Called again, it is loaded again.

        Args:
            target: The space file's ``data``.
            seed: The sweep's seed.
        """

    def run_task(
        self,
        request: Mapping[str, Any],
        answer: Ask,
        *,
        commit: Callable[[], None] = do_nothing,
        limits: TaskLimits = UNLIMITED,
    ) -> Message | Death:
        """Run one task and answer its questions until it ends.

        It blocks, may be called from several threads at a time, and never raises for what the task
        does: an exception of user code comes in the message, the death of a process as `Death`.

        Args:
            request: What `perform_task` takes, with the number of ``threads``, and the GPU
                that it may see as ``device``.
            answer: Called with each question, in any thread, but one call at a time, whichever the
                task.
            commit: Called in the same way after questions were answered, and before the answers
                are sent; once for several tasks where it is the same.
            limits: When to kill it.
        """

    def begin(self, job: Callable[[], Result]) -> Callable[[], Result]:
        """Begin a job beside what the caller does next; gives what waits for its result.

        An engine that does one thing at a time does it first. What the job raises is raised by
        whichever of the two comes to it.
        """

    def dispatch(
        self, supervise: Callable[[], Result], count: int, workers: int
    ) -> Iterator[Result]:
        """Call `supervise` `count` times, `workers` at a time; yields results as they come.

        No call starts before a worker is free for it. What a call raises is raised here when all
        calls have returned: whoever fails lets the others come to their end first.
        """

    def close(self) -> None:
        """End everything that the engine started and wait until it is gone. Twice is no mistake."""
