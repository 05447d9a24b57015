"""Where a running sweep is: events in, a frozen picture out. Shared by all views."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from sweeps.causes import is_infeasible
from sweeps.checkpoints.better import is_better
from sweeps.report.states import FINISHED, count_states
from sweeps.worker.events import (
    EpochReported,
    Event,
    Notice,
    Stopping,
    SweepStarted,
    TrialEnded,
    TrialStarted,
)

if TYPE_CHECKING:
    from sweeps.reading import SweepReport

REMEMBERED = 50  # ended trials: more never fit on a screen


@dataclass(frozen=True)
class RunningTrial:
    """One trial that is being trained.

    Attributes:
        number: The trial.
        attempt: 1 for its first life.
        began: When this attempt began, on the progress' clock, in seconds.
        params: Parameter values known so far.
        epoch: Finished epochs.
        value: Last value reported.
        best: Its best value so far.
    """

    number: int
    attempt: int
    began: float
    params: Mapping[str, Any] = field(default_factory=dict)
    epoch: int = 0
    value: float | None = None
    best: float | None = None


@dataclass(frozen=True)
class Leader:
    """The best value seen so far.

    Attributes:
        number: The trial that has it.
        value: The value.
        is_running: That trial has not completed, so it may still be pruned or fail.
    """

    number: int
    value: float
    is_running: bool = False


@dataclass(frozen=True)
class EndedTrial:
    """One trial that ended while we watched.

    Attributes:
        event: What the sweep said about it.
        seconds: How long this attempt took; None where its start was not seen.
    """

    event: TrialEnded
    seconds: float | None


@dataclass(frozen=True)
class Picture:
    """A sweep at one moment.

    Attributes:
        sweep: What is running; None before it began.
        now: The moment, on the progress' clock.
        elapsed: Seconds since this run of the sweep began.
        left: Estimated seconds until its end; None where nothing can be said yet.
        finished: Trials that are complete, pruned or failed, those of earlier runs included.
        counts: Trials by how they ended.
        leader: The best value so far; None where there is none.
        running: Trials being trained, by number.
        ended: Trials that ended in this run, newest first, at most 50.
        stopping: Why the sweep was asked to stop; empty where it was not.
        notice: The newest notice.
    """

    sweep: SweepStarted | None
    now: float
    elapsed: float
    left: float | None
    finished: int
    counts: Mapping[str, int]
    leader: Leader | None
    running: tuple[RunningTrial, ...]
    ended: tuple[EndedTrial, ...]
    stopping: str
    notice: str


class SweepProgress:
    """Collects events from any thread.

    Args:
        earlier: The sweep as an earlier run left it; its counts and leader are where this begins.
        clock: Seconds, never going back.
    """

    def __init__(
        self, earlier: SweepReport | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = Lock()
        self._clock = clock
        self._began = clock()
        self._sweep: SweepStarted | None = None
        self._running: dict[int, RunningTrial] = {}
        self._ended: deque[EndedTrial] = deque(maxlen=REMEMBERED)
        self._counts = Counter(count_states(earlier) if earlier else {})
        self._finished_now = 0
        self._leader: Leader | None = None
        if earlier and earlier.best and earlier.best.value is not None:
            self._leader = Leader(earlier.best.number, earlier.best.value)
        self._stopping = ""
        self._notice = ""

    def take(self, event: Event) -> Picture:
        """Take note of an event and give the picture right after it."""
        with self._lock:
            self._note(event)
            return self._picture()

    def picture(self) -> Picture:
        """Give the picture of this moment."""
        with self._lock:
            return self._picture()

    def _note(self, event: Event) -> None:
        match event:
            case SweepStarted():
                self._sweep, self._began, self._notice = event, self._clock(), ""
            case TrialStarted():
                self._note_start(event)
            case EpochReported():
                self._note_epoch(event)
            case TrialEnded():
                self._note_end(event)
            case Stopping():
                self._stopping = event.reason
            case Notice():
                self._notice = event.text

    def _note_start(self, event: TrialStarted) -> None:
        known = self._running.get(event.number)
        if known is not None and known.attempt == event.attempt:  # told again with more parameters
            self._running[event.number] = replace(known, params=event.params)
        else:
            self._running[event.number] = RunningTrial(
                event.number, event.attempt, self._clock(), event.params
            )

    def _note_epoch(self, event: EpochReported) -> None:
        trial = self._running.get(event.number)
        if trial is not None:
            self._running[event.number] = replace(
                trial, epoch=event.epoch, value=event.value, best=event.best
            )

    def _note_end(self, event: TrialEnded) -> None:
        trial = self._running.pop(event.number, None)
        seconds = self._clock() - trial.began if trial else None
        self._ended.appendleft(EndedTrial(event, seconds))
        if event.state in FINISHED and not is_infeasible(event.state, event.cause):
            self._counts[event.state] += 1
            self._finished_now += 1
        if event.state == "complete":
            self._leader = self._choose_better(self._leader, event.number, event.value)

    def _choose_better(
        self, leader: Leader | None, number: int, value: float | None, *, is_running: bool = False
    ) -> Leader | None:
        minimize = self._sweep is not None and self._sweep.direction == "minimize"
        best = leader.value if leader else None
        if value is None or not is_better(value, best, "minimize" if minimize else "maximize"):
            return leader
        return Leader(number, value, is_running)

    def _picture(self) -> Picture:
        now = self._clock()
        leader = self._leader
        for trial in self._running.values():
            leader = self._choose_better(leader, trial.number, trial.best, is_running=True)
        return Picture(
            sweep=self._sweep,
            now=now,
            elapsed=now - self._began,
            left=self._estimate_left(now - self._began),
            finished=(self._sweep.finished if self._sweep else 0) + self._finished_now,
            counts=dict(self._counts),
            leader=leader,
            running=tuple(sorted(self._running.values(), key=lambda trial: trial.number)),
            ended=tuple(self._ended),
            stopping=self._stopping,
            notice=self._notice,
        )

    def _estimate_left(self, elapsed: float) -> float | None:
        """Assume that the trials to come take as long as those of this run did."""
        if self._sweep is None or self._stopping:
            return None
        epochs = max(1, self._sweep.epochs)
        done = self._finished_now + sum(trial.epoch / epochs for trial in self._running.values())
        to_do = max(0.0, self._sweep.trials - self._sweep.finished - done)
        left = elapsed * to_do / done if done >= 0.5 else None
        if self._sweep.timeout_seconds is None:
            return left
        rest = max(0.0, self._sweep.timeout_seconds - elapsed)
        return rest if left is None else min(left, rest)
