"""Finds out, before training, which parameters the model's code declares.

The models are built in a process of its own. Code that kills it, or hangs, costs one build: the
next one goes on in another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sweeps.causes import Cause
from sweeps.spec.builds import Build, ModelSize, build_from_json
from sweeps.spec.exploration import Attempt, Explorer, describe_attempt
from sweeps.spec.known_space import KnownSpace, merge_space
from sweeps.spec.model import SweepSpec, spec_to_json
from sweeps.worker.messages import Message
from sweeps.worker.outcomes import Death, explain_death
from sweeps.worker.run_task import RunTask, TaskLimits

MAX_SECONDS = 30.0
_MIN_BUILD_SECONDS = 5.0
_GRACE_SECONDS = 5.0
_PATIENCE = 10


@dataclass(frozen=True)
class Discovery:
    """What building the model several times has told.

    Attributes:
        space: The parameters of file and code.
        default: Size of the model with default values; None where the model could not be built.
        smallest: Size of the smallest model among the builds that the constraints allow.
        largest: Size of the largest one.
        num_builds: How many models were built.
        cut: Why not everything was tried; empty where it was.
        failures: Values that gave no model, and why, one sentence each.
    """

    space: KnownSpace
    default: ModelSize | None = None
    smallest: ModelSize | None = None
    largest: ModelSize | None = None
    num_builds: int = 0
    cut: str = ""
    failures: tuple[str, ...] = ()

    @property
    def is_built(self) -> bool:
        """Tell whether the model could be built with default values, so that its code is known."""
        return self.default is not None


def discover(
    run_task: RunTask,
    spec: SweepSpec,
    *,
    threads: int,
    max_seconds: float = MAX_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Discovery:
    """Build the model with defaults and with every choice, and merge what it declares.

    Args:
        run_task: Runs a task in a process of its own.
        spec: What the user asked for.
        threads: CPU threads of that process.
        max_seconds: After this time no further build begins. It begins with the first process
            that builds: importing Keras may take as long on a busy machine.
        clock: Tells the seconds.
    """
    exploring = _Exploring(spec, clock, max_seconds)
    while not exploring.is_done:
        seconds = exploring.seconds_for_build + _GRACE_SECONDS + max_seconds
        result = run_task(
            {"task": "discover", "threads": threads},
            exploring.answer,
            limits=TaskLimits(timeout_seconds=seconds),
        )
        exploring.note_end(result)
    return exploring.conclude()


class _Exploring:
    """The driver's side of the conversation with the process that builds."""

    def __init__(self, spec: SweepSpec, clock: Callable[[], float], max_seconds: float) -> None:
        self._spec = spec
        self._clock = clock
        self._max_seconds = max_seconds
        self._deadline: float | None = None
        self._explorer = Explorer(spec)
        self._current: Attempt | None = None
        self._failures: list[str] = []
        self._began = clock()
        self._seconds_of_first: float | None = None
        self.is_done = False
        self._choose_next()

    @property
    def seconds_for_build(self) -> float:
        """How long a build may take: much longer than one with defaults means that it hangs."""
        if self._seconds_of_first is None:
            return max(_MIN_BUILD_SECONDS, self._seconds_left)
        return max(_MIN_BUILD_SECONDS, _PATIENCE * self._seconds_of_first)

    @property
    def _seconds_left(self) -> float:
        return self._max_seconds if self._deadline is None else self._deadline - self._clock()

    def answer(self, message: Message) -> Message:
        """Take in the last build and say what to build next."""
        if message["kind"] == "begin":
            if self._deadline is None:
                self._deadline = self._clock() + self._max_seconds
            return {"spec": spec_to_json(self._spec)}
        if message["build"] is not None:
            self._note(build_from_json(message["build"]))
        if self._current is None:
            return {"request": None}
        self._began = self._clock()
        request = {
            "values": self._explorer.values_for(self._current),
            "answers": dict(self._current.answers),
            "numbers": self._current.numbers,
            "seconds": self.seconds_for_build,
        }
        return {"request": request}

    def note_end(self, result: Message | Death) -> None:
        """Note that a process has ended; a build that killed it has failed."""
        if not isinstance(result, Death) or result.status is None or self._current is None:
            self.is_done = True
            return
        is_slow = result.cause == Cause.TIMEOUT
        reason = "it takes too long to build" if is_slow else explain_death(result).reason
        self._note(Build(reason=reason))

    def conclude(self) -> Discovery:
        """Merge what all builds told."""
        explorer = self._explorer
        sizes = [build.size for build in explorer.list_feasible() if build.size is not None]
        sizes.sort(key=lambda size: size.num_weights)
        return Discovery(
            merge_space(self._spec, explorer.builds),
            explorer.builds[0].size if explorer.builds else None,
            sizes[0] if sizes else None,
            sizes[-1] if sizes else None,
            len(explorer.builds),
            explorer.cut,
            tuple(self._failures),
        )

    def _choose_next(self) -> None:
        self._current = self._explorer.next()
        is_late = self._seconds_left <= 0
        # Two builds are the least: they show whether build does the same each time.
        if self._current is not None and is_late and len(self._explorer.builds) >= 2:
            self._explorer.cut = "stopped after the time for it was up"
            self._current = None
        self.is_done = self._current is None

    def _note(self, build: Build) -> None:
        assert self._current is not None
        if self._seconds_of_first is None:
            self._seconds_of_first = self._clock() - self._began
        if build.reason:
            self._failures.append(f"{describe_attempt(self._current)}: {build.reason}")
        self._explorer.note(self._current, build)
        self._choose_next()
