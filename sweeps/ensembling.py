"""Chooses the trials whose mean is exported, and says what the manifest tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.bundles.export import check_scores
from sweeps.causes import Cause
from sweeps.errors import BundleError, CheckpointError, NoLeaderError, OptionError
from sweeps.reading import SweepReport
from sweeps.search.trials import TrialRecord
from sweeps.spec.metrics import MODEL_FACTS
from sweeps.spec.model import SweepSpec


def choose_members(report: SweepReport, count: int) -> list[TrialRecord]:
    """Choose the best complete trials by the first objective, the leader's kind of best first.

    Of a trial and those that extend it, the best one alone: they would say nearly the same.

    Args:
        report: The sweep.
        count: How many.

    Raises:
        OptionError: `count` is less than 2, or there are fewer trials, or folds, of which each
            member has seen what others are validated on.
        NoLeaderError: No trial is complete.
        CheckpointError: The checkpoint of one was deleted.
    """
    if count < 2:
        raise OptionError(f"--ensemble {count}: expected at least 2 trials to take the mean of.")
    if report.spec.folds:
        raise OptionError(
            f"{report.name}: its trials are trained on folds of the data, so that there is no "
            "validation data which none of them has learned from. Export one trial."
        )
    ranked = _rank_complete(report)
    if not ranked:
        raise NoLeaderError(f"{report.folder}: no trial has completed, so there is no mean of any.")
    if len(ranked) < count:
        raise OptionError(f"--ensemble {count}: {report.folder} has {len(ranked)} to choose from.")
    for trial in ranked[:count]:
        if trial.checkpoint is None:
            raise CheckpointError(
                f"trial {trial.number:04d}: its checkpoint was deleted, as keep or gc asked. Take "
                "fewer trials with --ensemble, or keep more in the next sweep (keep.best)."
            )
    return ranked[:count]


def _rank_complete(report: SweepReport) -> list[TrialRecord]:
    sign = 1.0 if report.spec.objective.direction == "minimize" else -1.0
    ranked = sorted(
        (sign * trial.value, trial.number, trial)
        for trial in report.trials
        if trial.state == "complete" and trial.value is not None and trial.cause != Cause.DUPLICATE
    )
    best: dict[int, TrialRecord] = {}
    for _, number, trial in ranked:
        best.setdefault(trial.extends.origin if trial.extends else number, trial)
    return list(best.values())


def check_members(
    spec: SweepSpec, trials: Sequence[TrialRecord], exported: Mapping[str, Any]
) -> None:
    """Compare the recorded values of every member with those computed anew.

    Raises:
        BundleError: They differ; the message names the trial.
    """
    for trial, member in zip(trials, exported["members"], strict=True):
        check_scores(spec, trial, member)


def describe_ensemble(
    spec: SweepSpec, trials: Sequence[TrialRecord], exported: Mapping[str, Any]
) -> dict[str, Any]:
    """Give what the manifest says of a mean: its own value, its members, and theirs."""
    value = _find_value(spec, exported)
    members = [
        {
            "trial": trial.number,
            "epoch": trial.best_epoch,
            "value": trial.value,
            "parameters": dict(trial.params),
            "scores": member["scores"],
        }
        for trial, member in zip(trials, exported["members"], strict=True)
    ]
    return {
        "members": members,
        "epoch": None,
        "parameters": {},
        "objective": {
            **spec.objective.model_dump(),
            "value": value,
            "is_recomputed": value is not None,
        },
    }


def _find_value(spec: SweepSpec, exported: Mapping[str, Any]) -> float | None:
    """Find the objective among what was computed of the mean; a training metric is not."""
    metric = spec.objective.metric
    scores = exported["facts"] if metric in MODEL_FACTS else exported["scores"].get("validation")
    value: float | None = (scores or {}).get(metric.removeprefix("val_"))
    if value is None and metric.startswith("val_"):
        raise BundleError(f"the mean of the trials has no {metric!r}, so it cannot be compared.")
    return value if metric.startswith("val_") or metric in MODEL_FACTS else None


def describe_comparison(manifest: Mapping[str, Any]) -> list[str]:
    """Say in a line each how a mean and its members score on each split; nothing of one trial."""
    if "members" not in manifest:
        return []
    metric = str(manifest["objective"]["metric"]).removeprefix("val_")
    rows = [(f"trial {member['trial']:04d}", member["scores"]) for member in manifest["members"]]
    rows.append(("their mean", manifest["scores"]))
    return [
        f"{name}: "
        + ", ".join(
            f"{split} {metric} {values[metric]:.6g}"
            for split, values in scores.items()
            if metric in values
        )
        for name, scores in rows
    ]
