"""The conductor: check, run and resume a sweep. It reads like the flow it conducts."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sweeps.bundles.load import load_bundle
from sweeps.conductor import conduct, telling_full_disk
from sweeps.durable import commit_dir, make_dir, write_bytes, write_json
from sweeps.errors import OptionError, SweepExistsError
from sweeps.extending import choose_sources, extend_trials
from sweeps.lock import hold_folder, hold_sweep
from sweeps.paths import SweepPaths
from sweeps.preflight import (
    CheckReport,
    PlanReport,
    check,
    inspect_space,
    load_space,
    plan,
    start_engine,
    warn_of_disk,
)
from sweeps.reading import SweepReport, know_space, read
from sweeps.resuming import (
    Resumption,
    compare,
    compare_data,
    describe_folder,
    is_work_left,
    refuse_changes,
)
from sweeps.search.study import Study
from sweeps.spec.conditions import Scalar
from sweeps.spec.fingerprint import fingerprint
from sweeps.spec.model import SweepSpec, spec_to_json
from sweeps.warm_start.candidates import Candidate, check_candidates
from sweeps.warm_start.queue import Queued, list_ranks, queue_in_new_sweep, queue_trials
from sweeps.worker.devices import open_devices
from sweeps.worker.events import Notice, Observer, ignore_events
from sweeps.worker.limits import Share, divide_cores
from sweeps.worker.memory import read_room
from sweeps.worker.memory_share import share_memory
from sweeps.worker.messages import Message

__all__ = [
    "CheckReport",
    "PlanReport",
    "SweepReport",
    "check",
    "enqueue",
    "extend",
    "load",
    "plan",
    "read",
    "resume",
    "run",
]

SCHEMA = 1


def run(  # noqa: PLR0913 - options of a public function, by keyword only
    space: str | Path,
    *,
    results: str | Path = "results",
    overrides: Sequence[str] = (),
    enqueue: Sequence[Mapping[str, Scalar]] = (),
    fresh: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> SweepReport:
    """Run the sweep that a space file describes, and export its best model.

    Args:
        space: The space file.
        results: Where sweeps lie; this one in ``results/NAME``.
        overrides: ``key=value`` each, over the keys of the file.
        enqueue: Values of parameters, by name, that are tried first: one mapping a trial. What a
            mapping does not name is proposed as always.
        fresh: Discard the sweep that the folder holds.
        engine: Where workers run: ``local``, or ``inline`` for a debugger.
        observer: Told what happens, from several threads.

    Raises:
        SpecError: The file is wrong; all mistakes at once.
        CheckError: The model or the data are; nothing was trained and no folder is left.
        SweepExistsError: The folder holds a sweep already.
    """
    spec = load_space(space, overrides)
    queued = _name_candidates(enqueue)
    check_candidates(spec, queued)
    paths = SweepPaths((Path(results) / spec.name).resolve())
    _check_folder(paths, fresh=fresh)
    with start_engine(engine) as started:
        observer(Notice("checking data and model"))
        found = inspect_space(started, spec, Path(space))
        spec = _decide_workers(spec, found["trial_memory"])
        if warning := warn_of_disk(paths.root, found["disk_bytes"]):
            observer(Notice(warning))
        with telling_full_disk(paths), _holding_new_folder(paths, fresh=fresh):
            _create_folder(paths, spec, Path(space), found, queued)
        return conduct(paths, spec, started, observer)


def resume(
    folder: str | Path,
    *,
    space: str | Path | None = None,
    overrides: Sequence[str] = (),
    accept_change: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> SweepReport:
    """Continue an interrupted sweep as if nothing had happened.

    Args:
        folder: The sweep's folder.
        space: The space file, edited or in another place; by default all is as it was recorded.
        overrides: ``limits.KEY=value`` and ``parameters.NAME.low=value`` or ``.high`` each: limits
            may always change, and ranges may grow. With `space`, over any key of that file.
        accept_change: Go on although the spec, code, data or versions changed since the sweep
            began; this is recorded, in the trials too.
        engine: Where workers run: ``local``, or ``inline`` for a debugger.
        observer: Told what happens, from several threads.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        ResumeRefusedError: Something changed; the message holds the difference, and nothing was
            written.
        CheckError: The data cannot be loaded any more.
        SweepHeldError: Another process holds the sweep.
    """
    paths = SweepPaths(Path(folder).resolve())
    found = compare(paths, None if space is None else Path(space), overrides)
    return _go_on(paths, found, engine, observer, accept_change=accept_change)


def extend(
    folder: str | Path,
    *,
    epochs: int,
    top: int = 3,
    accept_change: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> SweepReport:
    """Continue the best trials of a sweep up to more epochs, from the state they ended with.

    Each is continued as a new trial with the same parameters, which ends as if it had been trained
    for so many epochs from the start. It does not count towards ``limits.trials``. What else is
    left of the sweep is done too, as by `resume`, which also continues an interrupted extension.

    Args:
        folder: The sweep's folder.
        epochs: Epochs in all, those trained already included.
        top: How many of the best complete trials.
        accept_change: As for `resume`.
        engine: Where workers run: ``local``, or ``inline`` for a debugger.
        observer: Told what happens, from several threads.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        OptionError: `epochs` or `top` make no sense for it, or its trials are trained several
            times.
        NoLeaderError: No trial is complete.
        CheckpointError: What a trial would continue from was deleted; ``keep.latest`` decides that.
        ResumeRefusedError: Something changed since the sweep began.
        SweepHeldError: Another process holds the sweep.
    """
    paths = SweepPaths(Path(folder).resolve())
    found = compare(paths, None, ())
    with hold_sweep(paths.lock):  # every mistake before anything is started
        choose_sources(paths, found.spec, read(folder).trials, top=top, epochs=epochs)

    def add_trials(study: Study) -> None:
        extend_trials(paths, found.spec, study, top=top, epochs=epochs)

    return _go_on(
        paths, found, engine, observer, accept_change=accept_change, add_trials=add_trials
    )


def enqueue(
    folder: str | Path,
    values: Mapping[str, Scalar] | Sequence[Mapping[str, Scalar]] = (),
    *,
    from_sweep: str | Path | None = None,
    from_keras_tuner: str | Path | None = None,
    top: int = 3,
) -> Queued:
    """Queue known-good parameters in a sweep that does not run: the next trials try them.

    They are waiting trials, which count towards ``limits.trials``; `resume` trains them.

    Args:
        folder: The sweep's folder.
        values: Value by name of parameter, or several such mappings, one a trial. What a mapping
            does not name is proposed as always.
        from_sweep: Folder of another sweep, whose best trials are tried.
        from_keras_tuner: Folder of a KerasTuner project, whose best trials are tried.
        top: How many of the best trials to take from each of these.

    Raises:
        SweepNotFoundError: A folder holds no sweep.
        SweepHeldError: Another process holds the sweep, such as the one that runs it.
        SpecError: A value is impossible; all mistakes at once, and nothing is queued.
        OptionError: A folder holds no KerasTuner project, or nothing fits this sweep.
        NoLeaderError: No trial of the other sweep or project is complete.
    """
    given = _name_candidates([values] if isinstance(values, Mapping) else values)
    ranks = list_ranks(from_sweep, from_keras_tuner)
    return queue_trials(SweepPaths(Path(folder).resolve()), given, ranks, top=top)


def load(folder: str | Path, *, custom_module: str | Path | None = None) -> Any:
    """Load the best model of a sweep, or the model of a bundle, as a compiled `keras.Model`.

    Args:
        folder: A sweep or a bundle.
        custom_module: Python file, or dotted name of a module, that registers the model's own
            classes; the manifest lists these as ``custom_objects``. Nothing is imported unasked.

    Raises:
        SweepNotFoundError: The folder is neither a sweep nor a bundle.
        NoLeaderError: The sweep has no bundle yet.
        BundleError: The bundle was changed since it was exported.
    """
    return load_bundle(Path(folder), custom_module=custom_module)


def _go_on(
    paths: SweepPaths,
    found: Resumption,
    engine: str,
    observer: Observer,
    *,
    accept_change: bool,
    **options: Any,
) -> SweepReport:
    """Continue a sweep unless it has changed in a way that nobody has accepted."""
    refuse_changes(paths.root, () if accept_change else found.changes)
    with start_engine(engine) as started:

        def confirm(study: Study) -> tuple[Mapping[str, Any], Sequence[str]]:
            # By now the engine has imported what it needs to load the data, or nearly so.
            is_needed = "add_trials" in options or is_work_left(found.spec, study.trials())
            if is_needed:
                started.hold_data(found.spec.data, found.spec.seed)
            all_found = compare_data(found, started) if is_needed else found
            refuse_changes(paths.root, () if accept_change else all_found.changes)
            return all_found.updates, all_found.changes

        options |= {"updates": found.updates, "confirm": confirm}
        return conduct(paths, found.spec, started, observer, **options)


def _decide_workers(spec: SweepSpec, trial_memory: int | None) -> SweepSpec:
    """Write down how many workers a deterministic sweep has: what a trial knows depends on it."""
    if not spec.deterministic:
        return spec
    workers = _divide(spec, sys.maxsize, trial_memory).workers
    limits = spec.limits.model_copy(update={"workers": workers})
    return spec.model_copy(update={"limits": limits})


def _divide(spec: SweepSpec, trials: int, trial_memory: int | None) -> Share:
    resources = spec.resources
    return divide_cores(
        spec.limits.workers,
        trials,
        threads=resources.threads,
        gpu_slots=open_devices(resources).num_slots,
        memory_slots=share_memory(trial_memory, read_room()).slots,
    )


def _name_candidates(mappings: Sequence[Mapping[str, Scalar]]) -> list[Candidate]:
    return [Candidate(values, f"enqueue[{index}]") for index, values in enumerate(mappings)]


def _check_folder(paths: SweepPaths, *, fresh: bool) -> None:
    if paths.root.exists() and not fresh:
        if not paths.root.is_dir() or (any(paths.root.iterdir()) and not paths.spec.exists()):
            raise SweepExistsError(
                f"{paths.root}: something else than a sweep lies here. "
                "Move it away, or choose another name or --results."
            )
        if paths.spec.exists():
            raise SweepExistsError(
                f"{paths.root}: there is a sweep here already. Continue it with "
                f"'python -m sweeps resume {os.path.relpath(paths.root)}', "
                "or discard it with --fresh."
            )
    if fresh and paths.root.exists() and not paths.spec.exists():
        raise SweepExistsError(
            f"{paths.root}: --fresh discards a sweep, but there is none here. Move it away."
        )
    _check_writable(paths.root.parent)


def _check_writable(folder: Path) -> None:
    """Make sure that a folder can be made below `folder`, leaving nothing behind."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    probe = existing / f".tmp-{os.getpid()}-probe"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise OptionError(
            f"{folder}: the folder of results cannot be written ({error.strerror}). "
            "Choose another with --results."
        ) from error


@contextlib.contextmanager
def _holding_new_folder(paths: SweepPaths, *, fresh: bool) -> Iterator[None]:
    """Let nobody else make the folder meanwhile; discard an older sweep that nobody works on."""
    make_dir(paths.root.parent)
    with contextlib.ExitStack() as held:
        held.enter_context(hold_folder(paths.root.parent))
        _check_folder(paths, fresh=fresh)  # again: somebody may have been faster
        if fresh and paths.root.exists():
            held.enter_context(hold_sweep(paths.lock))
            shutil.rmtree(paths.root)
        yield


def _create_folder(
    paths: SweepPaths,
    spec: SweepSpec,
    space: Path,
    found: Message,
    queued: Sequence[Candidate],
) -> None:
    record = _describe_sweep(spec, found)
    folder = space.resolve().parent
    record["fingerprint"] = fingerprint(spec, folder).to_json()
    record["space_folder"] = describe_folder(folder, paths.root)

    def fill(folder: Path) -> None:
        new = SweepPaths(folder)
        new.trials.mkdir()
        write_bytes(new.space, space.read_bytes())
        # Before the folder has its name: a sweep that exists has its queue.
        queue_in_new_sweep(new, know_space(spec, record), queued, sweep_id=record["sweep_id"])
        write_json(new.spec, record)

    if paths.root.exists():
        paths.root.rmdir()
    commit_dir(paths.root, fill)


def _describe_sweep(spec: SweepSpec, found: Message) -> dict[str, Any]:
    share = _divide(spec, spec.limits.trials, found["trial_memory"])
    return {
        "schema": SCHEMA,
        "sweep_id": uuid.uuid4().hex,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "spec": spec_to_json(spec),
        "space": found["space"],
        "metrics": found["metrics"],
        "data": found["data"],
        "data_parts": found["data_parts"],
        # Part of every trial's identity: another count changes the last bits of the weights.
        "threads": share.threads,
        # What the number of workers follows from, at each start anew; the number is this start's.
        "trial_memory": found["trial_memory"],
        "workers": share.workers,
    }
