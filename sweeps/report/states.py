"""What a sweep's trials amount to: their states, their order, the leader. Pure functions."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.checkpoints.better import is_better
from sweeps.errors import NoLeaderError, OptionError
from sweeps.paths import SweepPaths

if TYPE_CHECKING:
    from sweeps.reading import SweepReport
    from sweeps.search.trials import TrialRecord

FINISHED = ("complete", "pruned", "failed")
STATES = (*FINISHED, "running", "interrupted", "waiting")


def find_best_so_far(report: SweepReport, trial: TrialRecord) -> tuple[float | None, int | None]:
    """Give a trial's value and its epoch; for one that has not ended, those of its best report."""
    if trial.value is not None or trial.state in FINISHED:
        return trial.value, trial.best_epoch
    value: float | None = None
    best_epoch: int | None = None
    for epoch, reported in sorted(trial.reports.items()):
        if is_better(reported, value, report.spec.objective.direction):
            value, best_epoch = reported, epoch
    return value, best_epoch


def find_checkpoint(report: SweepReport, trial: TrialRecord) -> Path | None:
    """Locate a trial's best checkpoint; None where it has none."""
    if not trial.checkpoint:
        return None
    return SweepPaths(report.folder).trial(trial.number).checkpoints / trial.checkpoint


def find_log(report: SweepReport, trial: TrialRecord) -> Path | None:
    """Locate what a trial printed; None where it has not begun."""
    path = SweepPaths(report.folder).trial(trial.number).log
    return path if path.exists() else None


def count_states(report: SweepReport) -> dict[str, int]:
    """Count trials by state; every state is there, also those without a trial."""
    counts: Counter[str] = Counter(trial.state for trial in report.trials)
    return {state: counts[state] for state in STATES}


def count_causes(report: SweepReport) -> dict[str, int]:
    """Count trials by what ended them; those that just completed or were pruned are left out."""
    return dict(Counter(trial.cause for trial in report.trials if trial.cause).most_common())


def count_ends(report: SweepReport) -> dict[str, int]:
    """Count trials by state, those that ended badly by ``failed (timeout)`` and the like."""
    names = Counter(_name_end(trial) for trial in report.trials)
    order = sorted(names, key=lambda name: (STATES.index(name.partition(" ")[0]), -names[name]))
    return {name: names[name] for name in order}


def _name_end(trial: TrialRecord) -> str:
    is_bad = trial.cause and trial.state in ("pruned", "failed")
    return f"{trial.state} ({trial.cause})" if is_bad else trial.state


def count_finished(report: SweepReport) -> int:
    """Count the trials of the target that are complete, pruned or failed."""
    return sum(trial.state in FINISHED and trial.counts for trial in report.trials)


def count_extended(report: SweepReport) -> int:
    """Count the finished trials that extend others: they are beside the target."""
    return sum(trial.state in FINISHED and trial.extends is not None for trial in report.trials)


def is_unfinished(report: SweepReport) -> bool:
    """Tell whether trials are left to be trained, or to be continued."""
    is_short = count_finished(report) < report.spec.limits.trials
    return is_short or any(trial.state == "interrupted" for trial in report.trials)


def rank_trials(report: SweepReport) -> list[TrialRecord]:
    """Order trials: the leader, complete ones by value, then the other states, each by value."""
    sign = 1 if report.spec.objective.direction == "minimize" else -1
    leader = report.best.number if report.best else None

    def rank(trial: TrialRecord) -> tuple[bool, int, float, int]:
        value, _ = find_best_so_far(report, trial)
        worth = sign * value if value is not None and math.isfinite(value) else math.inf
        return trial.number != leader, STATES.index(trial.state), worth, trial.number

    return sorted(report.trials, key=rank)


def find_trial(report: SweepReport, number: int) -> TrialRecord:
    """Give the trial called `number`.

    Raises:
        OptionError: There is none; the message says which there are.
    """
    for trial in report.trials:
        if trial.number == number:
            return trial
    known = f"0 to {report.trials[-1].number}" if report.trials else "none yet"
    raise OptionError(f"{report.folder}: got trial {number}; expected one of its trials: {known}.")


def require_leader(report: SweepReport) -> TrialRecord:
    """Give the leader.

    Raises:
        NoLeaderError: No trial has completed.
    """
    if report.best is None:
        raise NoLeaderError(f"{report.folder}: no trial has completed yet, so there is no best one")
    return report.best
