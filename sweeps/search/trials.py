"""What is known of one trial: the values that the study hands out and takes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sweeps.causes import is_infeasible
from sweeps.errors import SweepsError
from sweeps.spec.conditions import Scalar

TrialState = Literal["complete", "pruned", "failed", "running", "waiting", "interrupted"]
EndState = Literal["complete", "pruned", "failed"]


class TrialFinishedError(SweepsError):
    """The trial has ended already, so a late result of an older attempt is not taken.

    Attributes:
        number: The trial.
        state: How it ended.
    """

    def __init__(self, number: int, state: TrialState) -> None:
        self.number = number
        self.state = state
        super().__init__(f"trial {number:04d} is {state} already; this late result is not taken.")


class StaleAttemptError(SweepsError):
    """A newer attempt of the trial has begun, so what an older one says is not taken.

    Attributes:
        number: The trial.
        attempt: The older attempt.
        newest: The newest one.
    """

    def __init__(self, number: int, attempt: int, newest: int) -> None:
        self.number = number
        self.attempt = attempt
        self.newest = newest
        super().__init__(
            f"trial {number:04d} is in attempt {newest}; what attempt {attempt} says is not taken."
        )


class SpaceExhaustedError(SweepsError):
    """Every configuration of a finite space has been proposed: the sweep ends early."""


class InfeasibleSpaceError(SweepsError):
    """No point that fulfils the constraints was found."""

    exit_status = 2


class ParameterError(SweepsError):
    """A parameter cannot be what the model's code or a queued trial says it is."""

    exit_status = 2


@dataclass(frozen=True)
class Extension:
    """What makes a trial the continuation of another one.

    Attributes:
        number: The trial from whose end it goes on, with the same parameters.
        origin: The trial that these epochs began with, from whose number all randomness is derived.
        epochs: Epochs in all, those before included.
    """

    number: int
    origin: int
    epochs: int


@dataclass(frozen=True)
class AskedTrial:
    """A trial to be trained.

    Attributes:
        number: Starts at 0.
        values: Value of every active parameter of the spec by name, fixed ones included.
    """

    number: int
    values: Mapping[str, Scalar]


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended, as told to the study.

    Attributes:
        state: ``complete``, ``pruned`` or ``failed``.
        value: Value of the kept best checkpoint. A complete trial needs a finite one.
        others: Values of the further objectives at the same epoch, by metric. A complete trial
            needs a finite one of each.
        best_epoch: Epoch of that checkpoint.
        checkpoint: File name of that checkpoint in the trial's folder.
        attempt: The attempt that ended the trial; None keeps what `set_attempt` recorded.
        cause: What ended the trial, one of `sweeps.causes.Cause`; None where it just completed.
        reason: One sentence for the user: what happened and what to do.
        spread: Standard deviation of the value over repeats or folds.
    """

    state: EndState
    value: float | None = None
    best_epoch: int | None = None
    checkpoint: str | None = None
    attempt: int | None = None
    cause: str | None = None
    reason: str | None = None
    spread: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialRecord:
    """One trial as the study knows it. Parameter values are the user's own.

    Attributes:
        number: Starts at 0.
        state: The study says ``running`` of interrupted trials too; only who looks at the sweep's
            lock can tell them apart.
        value: Value of the best checkpoint, once the trial has ended; with several objectives that
            of the primary one.
        values: Value of every objective by metric, once the trial has ended.
        epoch: Last reported epoch, 0 before the first report.
        best_epoch: Epoch of the best checkpoint.
        params: Parameter values by name.
        checkpoint: File name of the best checkpoint.
        attempt: Attempts begun; 0 before the first.
        cause: What ended the trial, one of `sweeps.causes.Cause`; None where it just completed.
        reason: One sentence for the user.
        started: When the trial was asked for, in UTC.
        finished: When it ended, in UTC.
        spread: Standard deviation of the value over repeats or folds; None where there are none.
        reports: Reported value by epoch. Epochs whose value was not finite are left out.
        num_changes: How many changes of the sweep had been accepted when its last attempt began.
        extends: Which trial it continues; None where it began by itself.
    """

    number: int
    state: TrialState
    value: float | None = None
    epoch: int = 0
    best_epoch: int | None = None
    params: Mapping[str, Scalar] = field(default_factory=dict)
    checkpoint: str | None = None
    attempt: int = 0
    cause: str | None = None
    reason: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    spread: float | None = None
    reports: Mapping[int, float] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    num_changes: int = 0
    extends: Extension | None = None

    @property
    def counts(self) -> bool:
        """Tell whether the trial is one of those that ``limits.trials`` asks for."""
        return not self.is_infeasible and self.extends is None

    @property
    def is_infeasible(self) -> bool:
        """Tell whether the trial was too large to be trained, so that it does not count as one."""
        return is_infeasible(self.state, self.cause)
