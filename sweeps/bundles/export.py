"""Writes a bundle: proven first, published by one rename."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.manifest import write_manifest
from sweeps.bundles.proving import Model, make_formats
from sweeps.bundles.texts import WRITERS, Writer
from sweeps.durable import commit_dir, move_entries
from sweeps.errors import BundleError
from sweeps.paths import BundlePaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.fingerprint import find_module_file
from sweeps.spec.metrics import MODEL_FACTS
from sweeps.spec.model import SweepSpec
from sweeps.spec.targets import parse_target

_TOLERANCE = 1e-5

Found = Mapping[str, Any]
WriteModel = Callable[[int, Path], dict[str, Any]]
Check = Callable[[SweepSpec, TrialRecord, Found], None]


def check_scores(spec: SweepSpec, trial: TrialRecord, exported: Found) -> None:
    """Compare the recorded value of every objective with the one computed anew.

    Raises:
        BundleError: They differ, or one of them is missing.
    """
    if exported["own_fit"]:
        return  # a HyperModel's own fit may mean anything by a metric's name
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


def _describe_nothing(exported: Found) -> Found:
    del exported
    return {}


@dataclass(frozen=True)
class Export:
    """What a bundle is made of.

    Attributes:
        spec: What the user asked for.
        trial: The trial, as a rule the leader.
        write_model: Writes the model of a trial, and its samples, into a folder, in a process that
            knows the user's code, and gives what it finds: see `sweeps.training.evaluate`.
        origin: What else the manifest says of where the model comes from, ``versions`` among it.
        formats: In which formats, besides Keras' own.
        writers: Called last, each with the folder and what the manifest says.
        check: Holds what was found of the written model against what was recorded.
        describe: Gives what the manifest says otherwise where the model is not the trial's own.
    """

    spec: SweepSpec
    trial: TrialRecord
    write_model: WriteModel
    origin: Mapping[str, Any]
    formats: Sequence[str]
    writers: Sequence[Writer] = field(default=WRITERS)
    check: Check = check_scores
    describe: Callable[[Found], Found] = _describe_nothing


@dataclass(frozen=True)
class Draft:
    """A model that is written, scored and proven in its formats, but not published.

    Attributes:
        folder: Holds its files; publishing them leaves it empty.
        found: What `Export.write_model` found.
        formats: What the manifest says of each format.
    """

    folder: Path
    found: Found
    formats: Mapping[str, Any]

    @property
    def is_whole(self) -> bool:
        """Tell whether every format could be exported."""
        return not list_failures({"formats": self.formats})


def draft_bundle(folder: Path, export: Export, runtimes: Runtimes) -> Draft:
    """Do of an export what takes long, in an empty folder; see `export_bundle`.

    Raises:
        BundleError: The model could not be exported, or does not reproduce its recorded value.
    """
    runtimes.start("tensorflow")  # it imports while the model is written and scored
    found = export.write_model(export.trial.number, folder)
    export.check(export.spec, export.trial, found)
    return Draft(folder, found, _make_formats(export, BundlePaths(folder), found, runtimes))


def export_bundle(
    target: Path, export: Export, runtimes: Runtimes, draft: Draft | None = None
) -> dict[str, Any]:
    """Write a trial's best model as a bundle.

    The written file is loaded and scored again, and every format is loaded in its own runtime,
    where it has to give the outputs that the model gives. A format that does not is left out, and
    the manifest says why. A score other than the recorded one fails the export as a whole and
    leaves an older bundle in place.

    Args:
        target: The bundle's folder, which is replaced in one step.
        export: What it is made of.
        runtimes: Where formats are written and proven.
        draft: What `draft_bundle` has made of the same export, on the same file system. It is used
            up.

    Returns:
        What the manifest says, but for the list of files.

    Raises:
        BundleError: The model could not be exported, or does not reproduce its recorded value.
    """
    manifests: list[dict[str, Any]] = []

    def fill(folder: Path) -> None:
        bundle = BundlePaths(folder)
        if draft:
            move_entries(draft.folder, folder)
        made = draft or draft_bundle(folder, export, runtimes)
        manifest = {**_describe(export, made.found), **export.origin, **export.describe(made.found)}
        manifest["formats"] = made.formats
        manifest |= _add_extras(export.spec, bundle)
        for write in export.writers:
            write(bundle, manifest)
        write_manifest(bundle, manifest)
        manifests.append(manifest)

    commit_dir(target, fill)
    return manifests[-1]


def list_failures(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Give the formats that could not be exported, each with the reason."""
    formats = manifest.get("formats", {})
    return {name: record["error"] for name, record in formats.items() if "error" in record}


def _make_formats(
    export: Export, bundle: BundlePaths, exported: Mapping[str, Any], runtimes: Runtimes
) -> dict[str, Any]:
    module = parse_target(export.spec.model).source if exported["custom_objects"] else None
    model = Model(bundle, exported["signature"], exported["samples_error"], module)
    try:
        return make_formats(model, export.formats, runtimes)
    except BundleError as error:
        raise BundleError(f"trial {export.trial.number:04d}: {error}") from error


def _add_extras(spec: SweepSpec, bundle: BundlePaths) -> dict[str, Any]:
    """Add what the space file gives along, and take away the samples where none may stay."""
    added: dict[str, Any] = {}
    if spec.export.class_names:
        added["class_names"] = list(spec.export.class_names)
    if spec.export.preprocessing:
        target = parse_target(spec.export.preprocessing)
        source = target.file or find_module_file(target.source)
        if source is None:
            raise BundleError(f"export.preprocessing: there is no module {target.source!r}.")
        shutil.copyfile(source, bundle.preprocessing)
        added["preprocessing"] = {
            "file": bundle.preprocessing.name,
            "function": target.attribute,
        }
    if not spec.export.samples and bundle.sample_inputs.exists():
        shutil.rmtree(bundle.sample_inputs.parent)
        added["samples_error"] = "export.samples is 0"
    return added


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


def _describe(export: Export, exported: Mapping[str, Any]) -> dict[str, Any]:
    spec, trial = export.spec, export.trial
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
        **_describe_signature(exported),
        "custom_objects": exported["custom_objects"],
    }


def _describe_signature(exported: Mapping[str, Any]) -> dict[str, Any]:
    if exported["signature"] is None:
        return {"inputs": [], "outputs": [], "samples_error": exported["samples_error"]}
    return dict(exported["signature"])


def _describe_others(spec: SweepSpec, trial: TrialRecord) -> dict[str, Any]:
    """Describe the objectives after the first one, where there are any."""
    others = [
        {**objective.model_dump(), "value": trial.values.get(objective.metric)}
        for objective in spec.objectives[1:]
    ]
    return {"other_objectives": others} if others else {}
