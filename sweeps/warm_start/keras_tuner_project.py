"""Take the best trials of a KerasTuner project folder, by reading its JSON; never by importing it.

KerasTuner writes ``trial_ID/trial.json`` without care for a crash, so that a folder may lack it or
hold half of it: such a trial is passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweeps.errors import NoLeaderError, OptionError
from sweeps.spec.conditions import Scalar
from sweeps.spec.model import Objective
from sweeps.warm_start.candidates import Candidate

ORACLE = "oracle.json"
COMPLETED = "COMPLETED"
# What KerasTuner's Hyperband keeps among the hyperparameters for itself, such as tuner/epochs.
_OWN_PREFIX = "tuner/"
_MAX_BYTES = 20_000_000


def rank_project(folder: Path, objective: Objective) -> list[Candidate]:
    """Read the completed trials of a project, the best first.

    They are ranked by the metric of `objective` where every trial has recorded it, as KerasTuner
    does for all metrics of the model; else by their score, in the project's own direction.

    Raises:
        OptionError: The folder holds no KerasTuner project, or its scores have no direction.
        NoLeaderError: No trial of it is complete.
    """
    if not folder.is_dir():
        raise OptionError(f"{folder}: there is no such folder.")
    paths = sorted(folder.glob("trial_*/trial.json"))
    if not paths and not (folder / ORACLE).is_file():
        raise OptionError(
            f"{folder}: this is no KerasTuner project: {ORACLE} and trial_*/trial.json are "
            "missing. Give the folder directory/project_name."
        )
    trials = list(_read_completed(paths))
    if not trials:
        raise NoLeaderError(f"{folder}: no trial has completed, so there is none to take over.")
    values = _find_values(trials, objective)
    if values is None:
        values = _find_scores(trials, folder)
    order = sorted(range(len(trials)), key=lambda index: (values[index], index))
    return [
        Candidate(_read_values(trials[i]), f"trial {trials[i]['trial_id']} of {folder}")
        for i in order
    ]


def _read_completed(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        trial = _read_trial(path)
        if trial is not None and trial.get("status") == COMPLETED:
            yield trial


def _read_trial(path: Path) -> dict[str, Any] | None:
    """Read a trial; None where the file is half written or of another form."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        trial = json.loads(path.read_bytes())
        has_values = isinstance(trial["hyperparameters"]["values"], dict)
        has_metrics = isinstance(trial["metrics"]["metrics"], dict)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    is_whole = has_values and has_metrics and isinstance(trial.get("trial_id"), str)
    return trial if is_whole and _is_number(trial.get("score")) else None


def _find_values(trials: list[dict[str, Any]], objective: Objective) -> list[float] | None:
    """Find each trial's best value of a metric, smaller is better; None where one has none."""
    sign = 1.0 if objective.direction == "minimize" else -1.0
    values = []
    for trial in trials:
        observed = [sign * value for value in _list_observed(trial, objective.metric)]
        if not observed:
            return None
        values.append(min(observed))
    return values


def _find_scores(trials: list[dict[str, Any]], folder: Path) -> list[float]:
    """Give the scores, smaller is better, by the direction of the metric that they are of."""
    directions = {
        metric.get("direction")
        for trial in trials
        for name, metric in trial["metrics"]["metrics"].items()
        if isinstance(metric, dict) and trial["score"] in _list_observed(trial, name)
    }
    if len(directions) != 1 or not directions <= {"min", "max"}:
        raise OptionError(
            f"{folder}: its trials do not record the objective's metric, and their scores do not "
            "tell whether more is better. Write the parameters into a file for --enqueue."
        )
    sign = 1.0 if directions == {"min"} else -1.0
    return [sign * float(trial["score"]) for trial in trials]


def _list_observed(trial: dict[str, Any], metric: str) -> list[float]:
    """List the values of a metric; repeated executions of one step count as their mean."""
    try:
        observations = trial["metrics"]["metrics"][metric]["observations"]
        means = [sum(item["value"]) / len(item["value"]) for item in observations]
    except (KeyError, TypeError, ZeroDivisionError):
        return []
    return [float(mean) for mean in means if _is_number(mean)]


def _read_values(trial: dict[str, Any]) -> dict[str, Scalar]:
    return {
        name: value
        for name, value in trial["hyperparameters"]["values"].items()
        if not name.startswith(_OWN_PREFIX) and isinstance(value, str | int | float | None)
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
