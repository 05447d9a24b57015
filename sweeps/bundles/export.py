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
        _check_score(spec, trial, exported["scores"])
        write_manifest(bundle, {**_describe(spec, trial, exported), **origin})

    commit_dir(paths.bundle.root, fill)


def _check_score(spec: SweepSpec, trial: TrialRecord, scores: Mapping[str, Any]) -> None:
    name = spec.objective.metric.removeprefix("val_")
    is_validated = spec.objective.metric.startswith("val_")
    score = scores.get("validation", {}).get(name)
    if not is_validated:
        return  # A training metric was computed while the weights still changed.
    if score is None or trial.value is None:
        raise BundleError(
            f"trial {trial.number:04d}: {spec.objective.metric!r} was recorded as {trial.value!r} "
            f"but computed anew as {score!r}; without both the bundle cannot be proven."
        )
    if not math.isclose(score, trial.value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
        raise BundleError(
            f"trial {trial.number:04d}: the exported model scores {score!r} on the validation data "
            f"but {trial.value!r} was recorded. Is the data the same on every load?"
        )


def _describe(spec: SweepSpec, trial: TrialRecord, exported: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sweep": spec.name,
        "trial": trial.number,
        "epoch": trial.best_epoch,
        "objective": {**spec.objective.model_dump(), "value": trial.value},
        "scores": exported["scores"],
        "parameters": dict(trial.params),
        "seed": spec.seed,
        "inputs": exported["inputs"],
        "outputs": exported["outputs"],
    }
