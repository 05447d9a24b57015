"""Take the best trials of another sweep."""

from __future__ import annotations

from pathlib import Path

from sweeps.errors import NoLeaderError
from sweeps.reading import read
from sweeps.warm_start.candidates import Candidate


def rank_trials(folder: Path) -> list[Candidate]:
    """Read the complete trials of a sweep, running or not, the best by its own objective first.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        NoLeaderError: No trial of it is complete.
    """
    report = read(folder)
    sign = 1.0 if report.spec.objective.direction == "minimize" else -1.0
    complete = [
        (sign * trial.value, trial.number, trial)
        for trial in report.trials
        if trial.state == "complete" and trial.value is not None
    ]
    if not complete:
        raise NoLeaderError(f"{folder}: no trial has completed, so there is none to take over.")
    return [
        Candidate(dict(trial.params), f"trial {number:04d} of {folder}")
        for _, number, trial in sorted(complete, key=lambda item: item[:2])
    ]
