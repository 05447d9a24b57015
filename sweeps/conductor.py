"""Conducts an opened sweep: runs the trials that are left, then exports the leader."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.bundles.export import export_bundle
from sweeps.durable import (
    DISK_FULL,
    describe_full_disk,
    is_disk_full,
    remove_leftovers,
    restore_dir,
    write_json,
)
from sweeps.engines._base import Engine
from sweeps.errors import BundleError, DiskFullError
from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from sweeps.reading import SweepReport, know_space, read, read_sweep_record
from sweeps.search.study import Study, open_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.fingerprint import fingerprint
from sweeps.spec.model import SweepSpec, count_epochs, spec_to_json
from sweeps.worker.disk import clear_finished
from sweeps.worker.events import Notice, Observer, Stopping, SweepStarted
from sweeps.worker.limits import TERMINATED, Stop, divide_cores
from sweeps.worker.outcomes import Death, explain_death
from sweeps.worker.supervisor import Supervisor

_SIGNAL_REASONS = {signal.SIGINT: "interrupted", signal.SIGTERM: TERMINATED}


@dataclass(frozen=True)
class _Sweep:
    paths: SweepPaths
    spec: SweepSpec
    record: dict[str, Any]
    engine: Engine
    study: Study
    observer: Observer


def conduct(
    paths: SweepPaths,
    spec: SweepSpec,
    engine: Engine,
    observer: Observer,
    *,
    changes: Sequence[str] = (),
) -> SweepReport:
    """Run the trials that are left, then export the leader.

    If the process dies at any moment, calling this again comes to the same end.

    Args:
        paths: The sweep's folder, with its record.
        spec: What was asked for; its limits may differ from the recorded ones.
        engine: Where workers run.
        observer: Told what happens.
        changes: Differences since the sweep began that the user has accepted.

    Raises:
        SweepHeldError: Another process holds the sweep.
        BundleError: The leader could not be exported as it was recorded.
        DiskFullError: The folder could not be written; resume continues once it can.
    """
    with _telling_full_disk(paths), hold_sweep(paths.lock):
        record = _update_record(paths, spec, changes)
        remove_leftovers(paths.root)
        restore_dir(paths.bundle.root)
        known = know_space(spec, record)
        study = open_study(paths, known, sweep_id=record["sweep_id"])
        with contextlib.closing(study):
            sweep = _Sweep(paths, spec, record, engine, study, observer)
            reason = _run_trials(sweep)
            if reason not in _SIGNAL_REASONS.values() and not reason.startswith(DISK_FULL):
                _export_leader(sweep)
    return replace(read(paths.root), stopped=reason)


@contextlib.contextmanager
def _telling_full_disk(paths: SweepPaths) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(describe_full_disk(paths.root)) from error
        raise


def _update_record(paths: SweepPaths, spec: SweepSpec, changes: Sequence[str]) -> dict[str, Any]:
    record = read_sweep_record(paths)
    if record["spec"] != spec_to_json(spec) or changes:
        record["spec"] = spec_to_json(spec)
        record["fingerprint"] = fingerprint(spec).to_json()
        record["accepted_changes"] = [*record.get("accepted_changes", []), *changes]
        write_json(paths.spec, record)
    return record


def _run_trials(sweep: _Sweep) -> str:
    """Run trials until the target is reached; returns why it stopped earlier, or nothing."""
    limits = sweep.spec.limits
    trials = [trial for trial in sweep.study.trials() if trial.state != "waiting"]
    interrupted = [trial for trial in trials if trial.state == "running"]
    clear_finished(sweep.paths, trials)
    num_counted = sum(not trial.is_infeasible for trial in trials)
    num_left = max(0, limits.trials - num_counted) + len(interrupted)
    workers = divide_cores(limits.workers, num_left).workers
    stop = Stop(None if limits.timeout is None else time.monotonic() + limits.timeout)
    sweep.observer(_describe_start(sweep, num_counted - len(interrupted), workers))
    supervise = _make_supervisor(sweep, stop, interrupted).supervise_next
    num_failed = sum(trial.state == "failed" for trial in trials)
    with _stopping_on_signals(stop, sweep.observer):
        for ended in sweep.engine.dispatch(supervise, num_left, workers):
            num_failed += ended is not None and ended.state == "failed"
            if limits.failures is not None and num_failed >= limits.failures:
                stop.ask(f"{num_failed} trials failed, as many as limits.failures allows")
    return "" if _is_done(sweep) else stop.reason


def _make_supervisor(sweep: _Sweep, stop: Stop, interrupted: Sequence[TrialRecord]) -> Supervisor:
    return Supervisor(
        study=sweep.study,
        paths=sweep.paths,
        spec=sweep.spec,
        run_task=sweep.engine.run_task,
        stop=stop,
        threads=sweep.record["threads"],
        observe=sweep.observer,
        interrupted=interrupted,
    )


def _is_done(sweep: _Sweep) -> bool:
    trials = sweep.study.trials()
    return sweep.study.num_counted >= sweep.spec.limits.trials and not any(
        trial.state in ("running", "waiting") for trial in trials
    )


def _describe_start(sweep: _Sweep, num_finished: int, workers: int) -> SweepStarted:
    spec = sweep.spec
    return SweepStarted(
        name=spec.name,
        folder=str(sweep.paths.root),
        metric=spec.objective.metric,
        direction=spec.objective.direction,
        trials=spec.limits.trials,
        finished=num_finished,
        workers=workers,
        threads=sweep.record["threads"],
        epochs=count_epochs(spec),
        timeout_seconds=spec.limits.timeout,
        others={further.metric: further.direction for further in spec.objectives[1:]},
    )


@contextlib.contextmanager
def _stopping_on_signals(stop: Stop, observer: Observer) -> Iterator[None]:
    """Drain on the first Ctrl-C or SIGTERM; end at once on the second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def take(number: int, frame: Any) -> None:  # noqa: ARG001
        if stop.reason in _SIGNAL_REASONS.values():
            # All that is confirmed is on disk; the children end with this process.
            os._exit(130)
        stop.ask(_SIGNAL_REASONS[signal.Signals(number)])
        # Not from here: the interrupted code may hold the observer's own lock.
        threading.Thread(target=observer, args=(Stopping(stop.reason),)).start()

    older = {number: signal.signal(number, take) for number in _SIGNAL_REASONS}
    try:
        yield
    finally:
        for number, handler in older.items():
            signal.signal(number, handler)


def _export_leader(sweep: _Sweep) -> None:
    leader = sweep.study.leader()
    if leader is None or _is_exported(sweep.paths, leader.number):
        return
    sweep.observer(Notice(f"exporting trial {leader.number:04d}"))

    def write_model(number: int, destination: Path) -> dict[str, Any]:
        request = {
            "task": "export",
            "folder": str(sweep.paths.root),
            "number": number,
            "destination": str(destination),
            "threads": sweep.record["threads"],
        }
        written = sweep.engine.run_task(request, lambda _: {})
        if isinstance(written, Death):
            raise BundleError(f"trial {number:04d}: export: {explain_death(written).reason}")
        if "error" in written:
            raise BundleError(f"trial {number:04d}: export: {written['error']}")
        return written

    origin = {
        "sweep_id": sweep.record["sweep_id"],
        "versions": sweep.record["fingerprint"]["versions"],
        "data": sweep.record["data"],
        "data_digests": sweep.record["data_digests"],
    }
    export_bundle(sweep.paths, sweep.spec, leader, write_model, origin)


def _is_exported(paths: SweepPaths, number: int) -> bool:
    manifest = read(paths.root).manifest
    return manifest is not None and manifest["trial"] == number
