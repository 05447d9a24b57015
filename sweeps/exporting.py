"""Exports a trial of a sweep, or the mean of several, as a bundle on request."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.bundles import clean_child
from sweeps.bundles.delivery import check_target, deliver
from sweeps.bundles.export import list_failures
from sweeps.bundles.extras import check_formats
from sweeps.bundles.manifest import verify_files
from sweeps.durable import (
    DISK_FULL,
    TEMPORARY_MARK,
    is_disk_full,
    remove_leftovers,
    restore_dirs,
)
from sweeps.ensembling import choose_members
from sweeps.errors import (
    BundleError,
    CheckpointError,
    DiskFullError,
    NoLeaderError,
    OptionError,
)
from sweeps.exporter import Exporter, tell_failures
from sweeps.lock import hold_sweep
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.preflight import start_engine
from sweeps.reading import SweepReport, read, read_sweep_record
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec
from sweeps.worker.devices import lend_to, open_devices
from sweeps.worker.events import Notice, Observer, ignore_events


@dataclass(frozen=True)
class ExportReport:
    """An exported trial.

    Attributes:
        trial: Its number.
        place: Where the bundle, or the archive, is now: a folder, a file or a URL.
        manifest: What its manifest says.
        failures: Formats that were asked for and are not in the bundle, with the reason.
    """

    trial: int
    place: str
    manifest: Mapping[str, Any]
    failures: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """What is to be exported.

    Attributes:
        trial: The trial; of several, the best one.
        home: Where its bundle lies in the sweep's folder.
        told: What it is called in a message.
        make: Writes the bundle into a folder, in some formats.
        is_same: Tells by a manifest whether a bundle is the one that is wanted.
    """

    trial: TrialRecord
    home: BundlePaths
    told: str
    make: Callable[[Exporter, Path, Sequence[str]], Mapping[str, Any]]
    is_same: Callable[[Mapping[str, Any]], bool]


def export(  # noqa: PLR0913 - options of a public function, by keyword only
    folder: str | Path,
    *,
    trial: int | None = None,
    ensemble: int | None = None,
    formats: Sequence[str] | None = None,
    to: str | Path | None = None,
    archive: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> ExportReport:
    """Export a trial of a sweep as a bundle: scored again, and proven in each of its formats.

    A bundle that the sweep has of this trial already, in the same formats, is taken as it is, once
    its files were compared with its manifest.

    Args:
        folder: The sweep's folder.
        trial: Number of the trial; by default the leader.
        ensemble: Take the best complete trials, so many, as one model that gives the mean of their
            outputs. Its scores stand beside theirs in the manifest.
        formats: As ``export.formats`` of the space file, which is the default.
        to: Folder or URL (with fsspec); by default in the sweep's folder, where the leader's bundle
            is called ``bundle``, trial 12's ``bundle-0012`` and a mean ``bundle-ensemble``.
        archive: Write one ``.tar`` file instead of a folder. Equal bundles give equal bytes.
        engine: Where the model is written: ``local``, or ``inline`` for a debugger.
        observer: Told what happens.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        NoLeaderError: No trial has completed.
        OptionError: There is no such trial or format, or nothing can be written to `to`, or the
            models of an ensemble take or give different things.
        MissingExtraError: A format, or the URL, needs a package that is not installed.
        CheckpointError: The trial's checkpoint was deleted, or is not the one that was saved.
        BundleError: The model could not be exported as it was recorded.
        DiskFullError: There is no space; an older bundle is still there.
        SweepHeldError: Another process holds the sweep.
    """
    report = read(folder)
    if ensemble is None:
        request = request_trial(report, choose_trial(report, trial))
    elif trial is None:
        request = request_ensemble(report, choose_members(report, ensemble))
    else:
        raise OptionError(f"--trial {trial} and --ensemble {ensemble}: expected one of them.")
    return run_request(
        request, report, formats=formats, to=to, archive=archive, engine=engine, observer=observer
    )


def run_request(  # noqa: PLR0913 - options of public functions, by keyword only
    request: Request,
    report: SweepReport,
    *,
    formats: Sequence[str] | None,
    to: str | Path | None,
    archive: bool,
    engine: str,
    observer: Observer,
) -> ExportReport:
    """Export what is requested, or take the bundle that is there; arguments as for `export`."""
    paths = SweepPaths(report.folder)
    record = read_sweep_record(paths)
    wanted = tuple(report.spec.export.formats if formats is None else formats)
    check_formats(wanted)
    if to is not None:
        check_target(str(to), archive=archive)
    with _telling_full_disk(str(paths.root if to is None else to)), hold_sweep(paths.lock):
        remove_leftovers(paths.root)
        restore_dirs(paths.root)

        def make(target: Path) -> Mapping[str, Any]:
            observer(Notice(request.told))
            with _open_exporter(paths, report.spec, record, engine) as exporter:
                return request.make(exporter, target, wanted)

        existing = _find_existing(request, record["sweep_id"], wanted)
        place, manifest = _bring(request.home, existing, make, to, archive=archive)
    tell_failures(manifest, lambda text: observer(Notice(text)))
    return ExportReport(request.trial.number, place, manifest, list_failures(manifest))


def request_trial(report: SweepReport, trial: TrialRecord) -> Request:
    """Request the bundle of a trial's best model."""
    paths = SweepPaths(report.folder)
    is_leader = report.best is not None and report.best.number == trial.number
    return Request(
        trial,
        paths.bundle if is_leader else paths.exported(trial.number),
        f"exporting trial {trial.number:04d}",
        lambda exporter, target, formats: exporter.export(trial, target, formats),
        lambda manifest: "members" not in manifest and "retrained" not in manifest,
    )


def request_ensemble(report: SweepReport, trials: Sequence[TrialRecord]) -> Request:
    """Request the bundle of the mean of several trials."""
    numbers = [trial.number for trial in trials]
    return Request(
        trials[0],
        SweepPaths(report.folder).ensemble,
        f"exporting the mean of trials {', '.join(f'{number:04d}' for number in numbers)}",
        lambda exporter, target, formats: exporter.export_ensemble(trials, target, formats),
        lambda manifest: [each["trial"] for each in manifest.get("members", ())] == numbers,
    )


def choose_trial(report: SweepReport, number: int | None) -> TrialRecord:
    """Choose the trial to export.

    Raises:
        OptionError: There is no such trial, or it keeps no model.
        CheckpointError: Its checkpoint was deleted.
        NoLeaderError: No trial has completed.
    """
    if number is None:
        if report.best is None:
            raise NoLeaderError(
                f"{report.folder}: no trial has completed, so there is nothing to export. "
                f"Continue with: python -m sweeps resume {report.folder}"
            )
        return report.best
    found = next((trial for trial in report.trials if trial.number == number), None)
    if found is None:
        raise OptionError(f"trial: got {number}; {report.folder} has {len(report.trials)} trials.")
    if found.state not in ("complete", "pruned") or found.value is None:
        raise OptionError(f"trial {number:04d} is {found.state}, so that it has no best model.")
    if found.checkpoint is None:
        raise CheckpointError(
            f"trial {number:04d}: its checkpoint was deleted, as keep or gc asked. Export another "
            "trial, or keep more in the next sweep (keep.best)."
        )
    return found


def _bring(
    home: BundlePaths,
    existing: Mapping[str, Any] | None,
    make: Callable[[Path], Mapping[str, Any]],
    to: str | Path | None,
    *,
    archive: bool,
) -> tuple[str, Mapping[str, Any]]:
    """Make the bundle, or take the one that is there, and bring it to where it is wanted."""
    if existing or to is None:
        manifest = existing or make(home.root)
        if to is None and not archive:
            return str(home.root), manifest
        return deliver(home, str(home.root if to is None else to), archive=archive), manifest
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_MARK, dir=home.root.parent) as folder:
        made = BundlePaths(Path(folder) / home.root.name)
        manifest = make(made.root)
        return deliver(made, str(to), archive=archive), manifest


@contextlib.contextmanager
def _open_exporter(
    paths: SweepPaths, spec: SweepSpec, record: Mapping[str, Any], engine: str
) -> Iterator[Exporter]:
    with start_engine(engine) as started, clean_child.open_runtimes() as runtimes:
        run_task = lend_to(started.run_task, open_devices(spec.resources))
        yield Exporter(paths, spec, record, run_task, runtimes)


@contextlib.contextmanager
def _telling_full_disk(target: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"{DISK_FULL}: {target} cannot be written. What was there before still is. Free "
                "space there, then export again."
            ) from error
        raise


def _find_existing(
    request: Request, sweep_id: str, formats: Sequence[str]
) -> Mapping[str, Any] | None:
    """Find the manifest of a bundle that is the one requested, in these formats and unchanged."""
    try:
        manifest = verify_files(request.home)
    except BundleError:
        return None
    proven = {name for name, record in manifest.get("formats", {}).items() if "error" not in record}
    is_same = (manifest["trial"], manifest["sweep_id"]) == (request.trial.number, sweep_id)
    is_same = is_same and request.is_same(manifest)
    return manifest if is_same and proven == {"keras", *formats} else None
