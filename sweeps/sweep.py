"""The conductor: check, run and resume a sweep. It reads like the flow it conducts."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sweeps.bundles.load import load_bundle
from sweeps.conductor import conduct
from sweeps.durable import commit_dir, write_bytes, write_json
from sweeps.errors import (
    OptionError,
    ResumeRefusedError,
    SweepExistsError,
)
from sweeps.lock import hold_sweep
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
from sweeps.reading import SweepReport, know_space, read, read_sweep_record
from sweeps.spec.conditions import Scalar
from sweeps.spec.fingerprint import Fingerprint, diff_fingerprints, fingerprint
from sweeps.spec.model import SweepSpec, spec_from_json, spec_to_json
from sweeps.spec.overrides import parse_override
from sweeps.warm_start.candidates import Candidate, check_candidates
from sweeps.warm_start.queue import Queued, list_ranks, queue_in_new_sweep, queue_trials
from sweeps.worker.events import Notice, Observer, ignore_events
from sweeps.worker.limits import count_workers, divide_cores
from sweeps.worker.messages import Message

__all__ = [
    "CheckReport",
    "PlanReport",
    "SweepReport",
    "check",
    "enqueue",
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
    spec = _decide_workers(load_space(space, overrides))
    queued = _name_candidates(enqueue)
    check_candidates(spec, queued)
    paths = SweepPaths(Path(results).resolve() / spec.name)
    _check_folder(paths, fresh=fresh)
    with start_engine(engine) as started:
        observer(Notice("checking data and model"))
        found = inspect_space(started, spec, Path(space))
        if warning := warn_of_disk(paths.root, found["disk_bytes"]):
            observer(Notice(warning))
        with _holding_new_folder(paths, fresh=fresh):
            _create_folder(paths, spec, Path(space), found, queued)
        return conduct(paths, spec, started, observer)


def resume(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    accept_change: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> SweepReport:
    """Continue an interrupted sweep as if nothing had happened.

    Args:
        folder: The sweep's folder.
        overrides: ``limits.KEY=value`` each: limits may always change.
        accept_change: Go on although code or versions changed since the sweep began.
        engine: Where workers run: ``local``, or ``inline`` for a debugger.
        observer: Told what happens, from several threads.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        ResumeRefusedError: Code or versions changed; the message holds the difference.
        SweepHeldError: Another process holds the sweep.
    """
    paths = SweepPaths(Path(folder).resolve())
    record = read_sweep_record(paths)
    spec = _override_limits(spec_from_json(record["spec"]), overrides)
    changes = _find_changes(record, spec)
    if changes and not accept_change:
        raise ResumeRefusedError(
            f"{folder}: changed since the sweep began:\n  " + "\n  ".join(changes) + "\n"
            "Undo the change, start a new sweep, or take it with --accept-change."
        )
    with start_engine(engine) as started:
        return conduct(paths, spec, started, observer, changes=changes)


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


def load(folder: str | Path) -> Any:
    """Load the best model of a sweep, or the model of a bundle, as a compiled `keras.Model`.

    Raises:
        SweepNotFoundError: The folder is neither a sweep nor a bundle.
        NoLeaderError: The sweep has no bundle yet.
        BundleError: The bundle was changed since it was exported.
    """
    return load_bundle(Path(folder))


def _decide_workers(spec: SweepSpec) -> SweepSpec:
    """Write down how many workers a deterministic sweep has: what a trial knows depends on it."""
    if not spec.deterministic:
        return spec
    limits = spec.limits.model_copy(update={"workers": count_workers(spec.limits.workers)})
    return spec.model_copy(update={"limits": limits})


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
    """Discard an older sweep only while nobody else works on it."""
    if fresh and paths.root.exists():
        with hold_sweep(paths.lock):
            shutil.rmtree(paths.root)
            yield
    else:
        yield


def _create_folder(
    paths: SweepPaths,
    spec: SweepSpec,
    space: Path,
    found: Message,
    queued: Sequence[Candidate],
) -> None:
    record = _describe_sweep(spec, found)

    def fill(folder: Path) -> None:
        new = SweepPaths(folder)
        new.trials.mkdir()
        write_bytes(new.space, space.read_bytes())
        # Before the folder has its name: a sweep that exists has its queue.
        queue_in_new_sweep(new, know_space(spec, record), queued, sweep_id=record["sweep_id"])
        write_json(new.spec, record)

    paths.root.parent.mkdir(parents=True, exist_ok=True)
    if paths.root.exists():
        paths.root.rmdir()
    commit_dir(paths.root, fill)


def _describe_sweep(spec: SweepSpec, found: Message) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "sweep_id": uuid.uuid4().hex,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "spec": spec_to_json(spec),
        "space": found["space"],
        "fingerprint": fingerprint(spec).to_json(),
        "metrics": found["metrics"],
        "data": found["data"],
        "data_digests": found["digests"],
        # Part of every trial's identity: another count changes the last bits of the weights.
        "threads": divide_cores(spec.limits.workers, spec.limits.trials).threads,
    }


def _override_limits(spec: SweepSpec, overrides: Sequence[str]) -> SweepSpec:
    record = spec_to_json(spec)
    for override in overrides:
        node, path = parse_override(override)
        if len(path) != 2 or path[0] != "limits":
            raise OptionError(
                f"--set {override}: only limits may change when a sweep is resumed, "
                "such as limits.trials=50."
            )
        record["limits"] |= node.to_python()["limits"]
    changed = spec_from_json(record)
    if spec.deterministic and changed.limits.workers != spec.limits.workers:
        raise OptionError(
            f"limits.workers: {changed.limits.workers!r} instead of {spec.limits.workers}, but "
            "the sweep is deterministic: what a trial knows of the others depends on the number "
            "of workers it began with. Leave it as it is, or start a new sweep."
        )
    return changed


def _find_changes(record: Mapping[str, Any], spec: SweepSpec) -> list[str]:
    old_spec = spec_from_json(record["spec"])
    old = Fingerprint.from_json(record["fingerprint"])
    return diff_fingerprints(old, fingerprint(spec), old_spec, spec)
