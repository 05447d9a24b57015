"""What a running sweep tells whoever watches it. Values only: watching changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SweepStarted:
    """The sweep is about to run its first trial.

    Attributes:
        name: Name of the sweep.
        folder: Where it lies on disk.
        metric: The objective's metric; with several objectives that of the primary one.
        direction: ``minimize`` or ``maximize``.
        trials: The target: how many trials there will be in all.
        finished: How many of them an earlier run of this sweep has finished.
        workers: How many trials run at a time.
        threads: CPU threads of each.
        epochs: Most epochs a trial trains.
        timeout_seconds: When the whole sweep ends at the latest; None means no limit.
        others: Direction of each further objective, by metric.
    """

    name: str
    folder: str
    metric: str
    direction: str
    trials: int
    finished: int
    workers: int
    threads: int
    epochs: int
    timeout_seconds: float | None = None
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialStarted:
    """A trial process begins, or continues, a trial.

    Attributes:
        number: The trial.
        attempt: 1 for its first life.
        params: Parameter values known so far.
    """

    number: int
    attempt: int
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochReported:
    """A trial finished an epoch and its value is in the study.

    Attributes:
        number: The trial.
        epoch: Finished epochs, 1-based.
        value: The objective's metric at that epoch; None where the epoch was not validated.
        best: The trial's best value so far; None where there is none yet.
    """

    number: int
    epoch: int
    value: float | None
    best: float | None


@dataclass(frozen=True)
class TrialEnded:
    """A trial came to its end and the study knows.

    Attributes:
        number: The trial.
        state: ``complete``, ``pruned``, ``failed`` or ``interrupted``.
        value: Its best value; None where it has none.
        epoch: The epoch of that value.
        cause: Short name of what ended it; empty where it simply completed.
        reason: What happened and what to do about it.
        others: Values of the further objectives at that epoch, by metric.
    """

    number: int
    state: str
    value: float | None
    epoch: int | None
    cause: str = ""
    reason: str = ""
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopping:
    """The sweep was asked to stop; running trials end after their epoch.

    Attributes:
        reason: Why, in words.
    """

    reason: str


@dataclass(frozen=True)
class Notice:
    """Something worth a line on the screen, such as `exporting trial 0007`.

    Attributes:
        text: The line.
    """

    text: str


Event = SweepStarted | TrialStarted | EpochReported | TrialEnded | Stopping | Notice
Observer = Callable[[Event], None]


def ignore_events(event: Event) -> None:
    """Watch nothing: the observer of a caller that does not care."""
