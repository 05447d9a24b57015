"""Trains the leader's parameters again on training and validation data: ``best --retrain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sweeps.errors import CheckpointError
from sweeps.exporting import ExportReport, Request, choose_trial, run_request
from sweeps.paths import SweepPaths
from sweeps.reading import SweepReport, read, read_outcome
from sweeps.search.trials import TrialRecord
from sweeps.worker.events import Observer, ignore_events


def retrain(  # noqa: PLR0913 - options of a public function, by keyword only
    folder: str | Path,
    *,
    trial: int | None = None,
    formats: Sequence[str] | None = None,
    to: str | Path | None = None,
    archive: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> ExportReport:
    """Train a trial's parameters again on training and validation data, and export the model.

    It is trained for as many epochs as the trial's best checkpoint had, in a process of its own,
    and has no validation score: there is no data left that it has not seen but the test data. A
    second call with the same trial gives the same bits, and takes the bundle that is there.

    Args:
        folder: The sweep's folder.
        trial: Number of the trial; by default the leader.
        formats: As ``export.formats`` of the space file, which is the default.
        to: Folder or URL (with fsspec); by default ``bundle-retrained`` in the sweep's folder.
        archive: Write one ``.tar`` file instead of a folder.
        engine: Where it is trained: ``local``, or ``inline`` for a debugger.
        observer: Told what happens.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        NoLeaderError: No trial has completed.
        OptionError: There is no such trial or format, or nothing can be written to `to`.
        CheckpointError: The record of the trial's best epoch was deleted.
        BundleError: There is no validation data, or the model could not be trained or exported.
        DiskFullError: There is no space; an older bundle is still there.
        SweepHeldError: Another process holds the sweep.
    """
    report = read(folder)
    request = request_retraining(report, choose_trial(report, trial))
    return run_request(
        request, report, formats=formats, to=to, archive=archive, engine=engine, observer=observer
    )


def request_retraining(report: SweepReport, trial: TrialRecord) -> Request:
    """Request the bundle of a trial's parameters, trained again.

    Raises:
        CheckpointError: The record of its best epoch was deleted.
    """
    paths = SweepPaths(report.folder)
    if not paths.trial(trial.number).best.is_file():
        raise CheckpointError(
            f"trial {trial.number:04d}: the record of its best epoch was deleted, so that nobody "
            "knows for how long to train. Choose another trial."
        )
    divisor = _find_divisor(report, trial)
    return Request(
        trial,
        paths.retrained,
        f"training the parameters of trial {trial.number:04d} on training and validation data",
        lambda exporter, target, formats: exporter.export_retrained(
            trial, target, formats, divisor=divisor
        ),
        lambda manifest: bool(manifest.get("retrained")),
    )


def _find_divisor(report: SweepReport, trial: TrialRecord) -> int:
    """Find by what the trial's batches were divided, since memory did not suffice for them."""
    outcome: Mapping[str, Any] = read_outcome(report, trial.number)
    used = outcome.get("batch_size")
    asked = trial.params.get("batch_size", report.spec.training.batch_size)
    if not isinstance(used, int) or not isinstance(asked, int) or used < 1:
        return 1
    return max(1, asked // used)
