"""Writes the bundles of one sweep: of a trial, of a mean of trials, of parameters trained again."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.bundles import clean_child
from sweeps.bundles.card import write_card
from sweeps.bundles.curve import History, read_history
from sweeps.bundles.export import (
    Draft,
    Export,
    WriteModel,
    draft_bundle,
    export_bundle,
    list_failures,
)
from sweeps.bundles.origin import (
    describe_git,
    describe_machine,
    describe_search,
    describe_versions,
)
from sweeps.causes import Cause
from sweeps.ensembling import check_members, describe_ensemble
from sweeps.errors import BundleError
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.reading import read
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec
from sweeps.worker.messages import Message
from sweeps.worker.outcomes import Death, explain_death
from sweeps.worker.run_task import RunTask


@dataclass(frozen=True)
class Exporter:
    """Exports trials of one sweep.

    Attributes:
        paths: The sweep's folder.
        spec: What the user asked for.
        record: What ``spec.json`` says.
        run_task: Runs a task in a process that knows the user's code.
        runtimes: Where formats are written and proven.
    """

    paths: SweepPaths
    spec: SweepSpec
    record: Mapping[str, Any]
    run_task: RunTask
    runtimes: clean_child.Runtimes

    def export(
        self,
        trial: TrialRecord,
        target: Path,
        formats: Sequence[str] | None = None,
        draft: Draft | None = None,
    ) -> dict[str, Any]:
        """Write the bundle of a trial, or finish its `draft`; returns what its manifest says.

        Raises:
            BundleError: The model could not be exported as it was recorded.
            OSError: The disk is full.
        """
        return self._write(target, self._plan(trial, {"task": "export"}, formats), draft=draft)

    def draft(self, trial: TrialRecord, folder: Path) -> Draft:
        """Write and prove a trial's model for a later `export`; raises as that does."""
        return draft_bundle(folder, self._plan(trial, {"task": "export"}, None), self.runtimes)

    def export_ensemble(
        self, trials: Sequence[TrialRecord], target: Path, formats: Sequence[str]
    ) -> dict[str, Any]:
        """Write the bundle of the mean of several trials, the best one first; raises as `export`.

        Every member has to reproduce its recorded value.
        """
        task = {"task": "ensemble", "members": [trial.number for trial in trials]}
        plan = replace(
            self._plan(trials[0], task, formats),
            check=lambda spec, _, found: check_members(spec, trials, found),
            describe=lambda found: describe_ensemble(self.spec, trials, found),
        )
        return self._write(target, plan)

    def export_retrained(
        self, trial: TrialRecord, target: Path, formats: Sequence[str], *, divisor: int
    ) -> dict[str, Any]:
        """Train a trial's parameters again on all data, and write the bundle; raises as `export`.

        There is no recorded value that the new model could reproduce.
        """
        rows: list[Any] = []

        def describe(found: Mapping[str, Any]) -> dict[str, Any]:
            rows.extend(found["history"])
            return describe_retrained(self.spec, trial, found)

        plan = replace(
            self._plan(trial, {"task": "retrain", "divisor": divisor}, formats),
            check=lambda *_: None,
            describe=describe,
        )
        return self._write(target, plan, rows)

    def _plan(
        self, trial: TrialRecord, task: Mapping[str, Any], formats: Sequence[str] | None
    ) -> Export:
        return Export(
            self.spec,
            trial,
            self._make_writer(task),
            {},  # nobody needs it before the bundle is written
            self.spec.export.formats if formats is None else formats,
        )

    def _write(
        self,
        target: Path,
        plan: Export,
        history: History | None = None,
        draft: Draft | None = None,
    ) -> dict[str, Any]:
        if history is None:
            history = read_history(self.paths.trial(plan.trial.number).history)

        def write(bundle: BundlePaths, manifest: Mapping[str, Any]) -> None:
            write_card(bundle, manifest, history)

        origin = self._describe_origin()
        plan = replace(plan, origin=origin, writers=(*plan.writers, write))
        return export_bundle(target, plan, self.runtimes, draft)

    def _make_writer(self, task: Mapping[str, Any]) -> WriteModel:
        """Let a task of a trial process write the model."""

        def write_model(number: int, folder: Path) -> Message:
            request = {
                **task,
                "folder": str(self.paths.root),
                "number": number,
                "destination": str(folder),
                "threads": self.record["threads"],
            }
            return _check_written(number, self.run_task(request, lambda _: {}))

        return write_model

    def _describe_origin(self) -> dict[str, Any]:
        return {
            "sweep_id": self.record["sweep_id"],
            "fingerprint": {key: self.record["fingerprint"][key] for key in ("spec", "files")},
            "data": self.record["data"],
            "data_parts": self.record["data_parts"],
            "versions": self.record["fingerprint"]["versions"] | describe_versions(),
            "machine": describe_machine(),
            "git": describe_git(self.spec),
            "search": describe_search(self.spec, read(self.paths.root).trials),
        }


def describe_retrained(
    spec: SweepSpec, trial: TrialRecord, found: Mapping[str, Any]
) -> dict[str, Any]:
    """Give what the manifest says of a model that has learned from the validation data too."""
    return {
        "retrained": True,
        "epoch": found["epochs"],
        "trial_value": trial.value,
        "objective": {**spec.objective.model_dump(), "value": None, "is_recomputed": False},
    }


def tell_failures(manifest: Mapping[str, Any], tell: Callable[[str], object]) -> None:
    """Say which formats were asked for and are not in the bundle, and why."""
    for name, reason in list_failures(manifest).items():
        tell(f"export: {name} is not in the bundle: {reason}")


def _check_written(number: int, written: Message | Death) -> Message:
    if isinstance(written, Death):
        raise BundleError(f"trial {number:04d}: export: {explain_death(written).reason}")
    if written.get("cause") == Cause.DISK_FULL:
        raise OSError(errno.ENOSPC, written["error"])
    if "error" in written:
        raise BundleError(f"trial {number:04d}: export: {written['error']}")
    return written
