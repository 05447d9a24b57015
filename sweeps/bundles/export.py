"""Writes the leader's bundle: proven first, published by one rename."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import write_manifest
from sweeps.durable import commit_dir
from sweeps.errors import BundleError
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.metrics import MODEL_FACTS
from sweeps.spec.model import SweepSpec

_TOLERANCE = 1e-5

WriteModel = Callable[[int, Path], dict[str, Any]]


def export_bundle(
    paths: SweepPaths,
    spec: SweepSpec,
    trial: TrialRecord,
    write_model: WriteModel,
    origin: Mapping[str, Any],
) -> None:
    """Export a trial's best model as the sweep's bundle.

    The written file is loaded and scored again; a score other than the recorded one fails the
    export and leaves an older bundle in place.

    Args:
        paths: The sweep's folder.
        spec: What the user asked for.
        trial: The trial, as a rule the leader.
        write_model: Writes the model of a trial to a file in another process and gives its scores.
        origin: What else the manifest says of where the model comes from.

    Raises:
        BundleError: The model could not be exported, or does not reproduce its recorded value.
    """

    def fill(folder: Path) -> None:
        bundle = BundlePaths(folder)
        exported = write_model(trial.number, bundle.model)
        if not exported["own_fit"]:
            _check_scores(spec, trial, exported)
        write_manifest(bundle, {**_describe(spec, trial, exported), **origin})

    commit_dir(paths.bundle.root, fill)


def _check_scores(spec: SweepSpec, trial: TrialRecord, exported: Mapping[str, Any]) -> None:
    """Compare the recorded value of every objective with the one computed anew."""
    recorded = {spec.objective.metric: exported["value"], **exported["others"]}
    scores = exported["scores"].get("validation", {})
    for metric in [objective.metric for objective in spec.objectives]:
        if metric in MODEL_FACTS:
            _check_score(trial, metric, recorded.get(metric), exported["facts"].get(metric))
        elif metric.startswith("val_"):
            _check_score(
                trial, metric, recorded.get(metric), scores.get(metric.removeprefix("val_"))
            )
        # A training metric was computed while the weights still changed.


def _check_score(
    trial: TrialRecord, metric: str, recorded: float | None, score: float | None
) -> None:
    if score is None or recorded is None:
        raise BundleError(
            f"trial {trial.number:04d}: {metric!r} was recorded as {recorded!r} "
            f"but computed anew as {score!r}; without both the bundle cannot be proven."
        )
    if not math.isclose(score, recorded, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
        raise BundleError(
            f"trial {trial.number:04d}: {metric!r} of the exported model is {score!r}, "
            f"but {recorded!r} was recorded. Is the data the same on every load?"
        )


def _describe(spec: SweepSpec, trial: TrialRecord, exported: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sweep": spec.name,
        "trial": trial.number,
        "epoch": trial.best_epoch,
        "objective": {
            **spec.objective.model_dump(),
            "value": trial.value,
            # A HyperModel's own fit may mean anything by a metric's name.
            "is_recomputed": not exported["own_fit"],
        },
        **_describe_others(spec, trial),
        "scores": exported["scores"],
        "parameters": dict(trial.params),
        "seed": spec.seed,
        "inputs": exported["inputs"],
        "outputs": exported["outputs"],
    }


def _describe_others(spec: SweepSpec, trial: TrialRecord) -> dict[str, Any]:
    """Describe the objectives after the first one, where there are any."""
    others = [
        {**objective.model_dump(), "value": trial.values.get(objective.metric)}
        for objective in spec.objectives[1:]
    ]
    return {"other_objectives": others} if others else {}
