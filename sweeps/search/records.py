"""From Optuna's trials to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from sweeps.search.trials import Extension, TrialRecord, TrialState
from sweeps.spec.conditions import Scalar

# Names of user attributes. `values` also marks a trial whose proposal is complete.
VALUES = "values"
QUEUED = "queued"
ATTEMPT = "attempt"
EXTENDS = "extends"
NOT_FINITE = "not_finite_epochs"
CHANGES = "accepted_changes"
OUTCOME_KEYS = ("best_epoch", "checkpoint", "attempt", "cause", "reason", "spread")
# As `optuna.trial.Trial.set_constraint` writes it; a trial with more than 0 there is infeasible.
CONSTRAINT = "constraints:model"

# By the numbers that Optuna's states have, in a journal too.
RUNNING, COMPLETE, PRUNED, FAIL, WAITING = range(5)
_STATES: dict[int, TrialState] = {
    COMPLETE: "complete",
    PRUNED: "pruned",
    FAIL: "failed",
    RUNNING: "running",
    WAITING: "waiting",
}


class StoredTrial(Protocol):
    """What is read of a trial: Optuna's `FrozenTrial`, or one that was read without Optuna."""

    state: Any
    values: Any
    user_attrs: dict[str, Any]
    params: dict[str, Any]
    intermediate_values: dict[int, float]
    datetime_start: datetime | None
    datetime_complete: datetime | None

    @property
    def number(self) -> int:
        """The trial's number."""


def to_record(trial: StoredTrial, metrics: Sequence[str]) -> TrialRecord:
    """Describe an Optuna trial in our words.

    Args:
        trial: The trial.
        metrics: The objectives' metrics in the order of the study's directions.
    """
    attributes = trial.user_attrs
    values = dict(zip(metrics, trial.values or (), strict=False))
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        value=trial.values[0] if trial.values else None,
        epoch=last_epoch(trial),
        best_epoch=attributes.get("best_epoch"),
        params=read_params(trial),
        checkpoint=attributes.get("checkpoint"),
        attempt=attributes.get(ATTEMPT, 0),
        cause=attributes.get("cause"),
        reason=attributes.get("reason"),
        started=_to_utc(trial.datetime_start),
        finished=_to_utc(trial.datetime_complete),
        spread=attributes.get("spread"),
        reports=dict(sorted(trial.intermediate_values.items())),
        values=values,
        num_changes=attributes.get(CHANGES, 0),
        extends=Extension(**attributes[EXTENDS]) if EXTENDS in attributes else None,
    )


def to_state(trial: StoredTrial) -> TrialState:
    """Name the state of an Optuna trial in our words."""
    return _STATES[trial.state]


def last_epoch(trial: StoredTrial) -> int:
    """Find the last reported epoch, its value finite or not; 0 before the first report."""
    epochs = [*trial.intermediate_values, *trial.user_attrs.get(NOT_FINITE, [])]
    return max(epochs, default=0)


def read_params(trial: StoredTrial) -> dict[str, Scalar]:
    """Read a trial's values; a trial that is still being proposed has those drawn so far."""
    recorded = trial.user_attrs.get(VALUES) or trial.user_attrs.get(QUEUED) or {}
    return {**trial.params, **recorded}


def identify(values: Mapping[str, Any]) -> str:
    """Name a configuration so that two equal ones have one name; 1, 1.0 and True differ."""
    return repr(sorted((name, repr(value)) for name, value in values.items()))


def _to_utc(moment: datetime | None) -> datetime | None:
    # Optuna hands out local time without a zone.
    return None if moment is None else moment.astimezone(UTC)
