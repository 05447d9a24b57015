"""Conducts an opened sweep: runs the trials that are left, then exports the leader."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sweeps.bundles import clean_child
from sweeps.bundles.manifest import read_manifest
from sweeps.drafting import Drafting
from sweeps.durable import (
    describe_full_disk,
    is_disk_full,
    remove_leftovers,
    restore_dir,
    write_json,
)
from sweeps.engines._base import Engine
from sweeps.errors import DiskFullError, TerminatedError
from sweeps.exporter import Exporter, tell_failures
from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from sweeps.reading import SweepReport, know_space, read, read_sweep_record
from sweeps.search.study import Study, open_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, count_epochs
from sweeps.worker.devices import Devices, lend_to, open_devices
from sweeps.worker.disk import clear_finished
from sweeps.worker.disk_space import DiskSpace
from sweeps.worker.events import Notice, Observer, SweepStarted
from sweeps.worker.extensions import prepare_extensions
from sweeps.worker.failures import Failures
from sweeps.worker.limits import Stop, count_cores, divide_cores
from sweeps.worker.memory import read_room
from sweeps.worker.memory_share import share_memory
from sweeps.worker.signals import Signals
from sweeps.worker.supervisor import Supervisor

Confirm = Callable[[Study], tuple[Mapping[str, Any], Sequence[str]]]


@dataclass(frozen=True)
class _Sweep:
    paths: SweepPaths
    spec: SweepSpec
    record: dict[str, Any]
    engine: Engine
    study: Study
    observer: Observer
    stop: Stop
    signals: Signals
    space: DiskSpace
    devices: Devices
    runtimes: clean_child.Runtimes


def conduct(  # noqa: PLR0913 - all of them differ from call to call
    paths: SweepPaths,
    spec: SweepSpec,
    engine: Engine,
    observer: Observer,
    *,
    updates: Mapping[str, Any] = MappingProxyType({}),
    confirm: Confirm = lambda study: ({}, ()),  # noqa: ARG005
    add_trials: Callable[[Study], None] = lambda study: None,  # noqa: ARG005
) -> SweepReport:
    """Run the trials that are left, then export the leader.

    If the process dies at any moment, calling this again comes to the same end. Where the disk is
    full it waits for space, unless it is asked to stop.

    Args:
        paths: The sweep's folder, with its record.
        spec: What is asked for.
        engine: Where workers run.
        observer: Told what happens.
        updates: Keys of ``spec.json`` that have other values from now on.
        confirm: Called with the study before anything is written. Gives further such keys, and the
            differences since the sweep began that the user has accepted. It may raise.
        add_trials: Called with the study before any trial runs. It may raise: then none does.

    Raises:
        SweepHeldError: Another process holds the sweep.
        BundleError: The leader could not be exported as it was recorded.
        DiskFullError: The folder could not be written; resume continues once it can.
        OptionError: The GPUs that were asked for are not there.
    """
    stop = Stop()
    signals = Signals(stop, observer)
    space = DiskSpace(paths.root, stop, observer)
    devices = open_devices(spec.resources)
    with telling_full_disk(paths), hold_sweep(paths.lock), signals.taken():
        remove_leftovers(paths.root)
        restore_dir(paths.bundle.root)
        began = read_sweep_record(paths)
        record = {**began, **updates}
        known = know_space(spec, record)
        study = open_study(paths, known, sweep_id=record["sweep_id"], wait_for_space=space.wait)
        opened = clean_child.open_runtimes(is_wanted=lambda: not stop.is_by_signal)
        with contextlib.closing(study), opened as runtimes:
            # Not before the study was opened, which refuses another objective.
            more, changes = confirm(study)
            record |= more
            if changes:
                record["accepted_changes"] = [*record.get("accepted_changes", []), *changes]
            if record != began:
                space.retry(lambda: write_json(paths.spec, record))
            sweep = _Sweep(
                paths,
                spec,
                record,
                engine,
                study,
                observer,
                stop,
                signals,
                space,
                devices,
                runtimes,
            )
            add_trials(study)
            with contextlib.closing(Drafting(_make_exporter(sweep), paths.root, stop)) as drafting:
                reason = _run_trials(sweep, drafting)
                if not stop.is_by_signal:
                    reason = _export_unless_stopped(sweep, drafting) or reason
    return replace(read(paths.root), stopped=reason)


@contextlib.contextmanager
def telling_full_disk(paths: SweepPaths) -> Iterator[None]:
    """Say which folder needs space, and how to go on, where one cannot be written."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(describe_full_disk(paths.root)) from error
        raise


def _run_trials(sweep: _Sweep, drafting: Drafting) -> str:
    """Run trials until the target is reached; returns why it stopped earlier, or nothing.

    The first worker that finds no trial left drafts the bundle of the leader so far.
    """
    limits = sweep.spec.limits
    sweep.space.retry(lambda: prepare_extensions(sweep.paths, sweep.study))
    trials = [trial for trial in sweep.study.trials() if trial.state != "waiting"]
    interrupted = [trial for trial in trials if trial.state == "running"]
    clear_finished(sweep.paths, sweep.spec, trials, sweep.study.find_leading())
    num_counted = sum(trial.counts for trial in trials)
    num_left = max(0, limits.trials - num_counted) + len(interrupted)
    workers = _count_workers(sweep, num_left)
    stop = sweep.stop
    if limits.timeout is not None:
        stop.deadline = time.monotonic() + limits.timeout
    sweep.observer(_describe_start(sweep, trials, workers))
    supervisor = _make_supervisor(sweep, interrupted)
    failures = Failures(limits.failures, trials, num_left)

    def supervise() -> None:
        # Looked at here, and not where results arrive: this worker would take a next trial first.
        if (ended := supervisor.supervise_next()) and (reason := failures.take(ended)):
            stop.ask(reason)

    calls = itertools.count()

    def work() -> None:
        if next(calls) < num_left:
            supervise()
        elif (leader := sweep.study.leader()) and not _is_exported(sweep.paths, leader.number):
            drafting.make(leader)

    with sweep.signals.draining():
        for _ in sweep.engine.dispatch(work, num_left + (workers > 1), workers):
            pass
    # Without a leader it matters why, even where no trial is left.
    return "" if _is_done(sweep) and sweep.study.leader() else stop.reason


def _count_workers(sweep: _Sweep, num_left: int) -> int:
    """Decide how many trials run at a time, and say where that is not what one would expect."""
    asked, threads = sweep.spec.limits.workers, sweep.record["threads"]
    slots = sweep.devices.num_slots
    memory = share_memory(sweep.record.get("trial_memory"), read_room())
    given = sweep.spec.resources.threads  # the recorded threads may have followed from memory
    by_cores = divide_cores(asked, num_left, threads=given, gpu_slots=slots).workers
    workers = divide_cores(
        asked, num_left, threads=threads, gpu_slots=slots, memory_slots=memory.slots
    ).workers
    if memory.slots is not None and asked == "auto" and memory.slots < by_cores:
        sweep.observer(
            Notice(f"{workers} at a time and not {by_cores} trials: {memory.describe()}")
        )
    elif memory.slots is not None and workers > memory.slots:
        sweep.observer(Notice(f"{workers} workers may be too many: {memory.describe()}"))
    if asked != "auto" and slots is not None and min(asked, num_left) > slots:
        sweep.observer(
            Notice(
                f"{slots} trials at a time instead of {asked}: so many have a GPU. Raise "
                "resources.trials_per_gpu for more"
            )
        )
    if workers * threads > (cores := count_cores()):
        sweep.observer(
            Notice(
                f"{workers} workers with {threads} threads each, on {cores} cores: they wait for "
                "each other. Lower limits.workers for speed"
            )
        )
    return workers


def _make_supervisor(sweep: _Sweep, interrupted: Sequence[TrialRecord]) -> Supervisor:
    return Supervisor(
        study=sweep.study,
        paths=sweep.paths,
        spec=sweep.spec,
        run_task=lend_to(sweep.engine.run_task, sweep.devices),
        stop=sweep.stop,
        space=sweep.space,
        threads=sweep.record["threads"],
        observe=sweep.observer,
        interrupted=interrupted,
        accepted_changes=sweep.record.get("accepted_changes", ()),
    )


def _is_done(sweep: _Sweep) -> bool:
    trials = sweep.study.trials()
    return sweep.study.num_counted >= sweep.spec.limits.trials and not any(
        trial.state in ("running", "waiting") for trial in trials
    )


def _describe_start(sweep: _Sweep, trials: Sequence[TrialRecord], workers: int) -> SweepStarted:
    spec = sweep.spec
    extended = [trial.extends.epochs for trial in trials if trial.extends]
    shown = [trial for trial in trials if trial.counts or trial.extends]
    return SweepStarted(
        name=spec.name,
        folder=str(sweep.paths.root),
        metric=spec.objective.metric,
        direction=spec.objective.direction,
        trials=spec.limits.trials + len(extended),
        finished=sum(trial.state != "running" for trial in shown),
        workers=workers,
        threads=sweep.record["threads"],
        epochs=max([count_epochs(spec), *extended]),
        timeout_seconds=spec.limits.timeout,
        others={further.metric: further.direction for further in spec.objectives[1:]},
    )


def _export_unless_stopped(sweep: _Sweep, drafting: Drafting) -> str:
    """Export the leader; returns the signal's reason where one came, and no half of a bundle."""
    try:
        sweep.space.retry(lambda: _export_leader(sweep, drafting))
    except (KeyboardInterrupt, TerminatedError):
        return sweep.stop.reason
    return ""


def _export_leader(sweep: _Sweep, drafting: Drafting) -> None:
    leader = sweep.study.leader()
    if leader is None or _is_exported(sweep.paths, leader.number):
        return
    sweep.observer(Notice(f"exporting trial {leader.number:04d}"))
    draft = drafting.take(leader)
    manifest = _make_exporter(sweep).export(leader, sweep.paths.bundle.root, draft=draft)
    tell_failures(manifest, lambda text: sweep.observer(Notice(text)))


def _make_exporter(sweep: _Sweep) -> Exporter:
    run_task = lend_to(sweep.engine.run_task, sweep.devices)
    return Exporter(sweep.paths, sweep.spec, sweep.record, run_task, sweep.runtimes)


def _is_exported(paths: SweepPaths, number: int) -> bool:
    bundle = paths.bundle
    return bundle.manifest.exists() and read_manifest(bundle)["trial"] == number
