"""Keeps the disk of a sweep within its limits: measures, asks `choose_deletions`, deletes."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Container, Sequence
from pathlib import Path

from sweeps.checkpoints.keep import Deletions, StoredTrial, choose_deletions
from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import remove_leftovers
from sweeps.paths import SweepPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, is_repeated

ENDED = ("complete", "pruned", "failed")


def is_bounded(spec: SweepSpec) -> bool:
    """Tell whether anything has to be deleted when a trial has completed."""
    return spec.keep.best is not None or spec.keep.max_disk is not None or count_latest(spec) > 0


def count_latest(spec: SweepSpec) -> int:
    """Count the complete trials that keep their latest state: only what can be extended does."""
    return 0 if is_repeated(spec) else spec.keep.latest


def collect_checkpoints(
    paths: SweepPaths, spec: SweepSpec, trials: Sequence[TrialRecord], leader: int | None
) -> None:
    """Delete the checkpoints and latest states that ``keep`` does not ask for.

    Nothing is deleted of a trial that has not ended, nor the leader's checkpoint. If the process
    dies in between, the next call deletes the rest.

    Args:
        paths: The sweep's folder.
        spec: What the user asked for.
        trials: All trials of the study.
        leader: The best one; None where none has completed.
    """
    chosen = choose_files(paths, spec, trials, leader)
    for number in chosen.latest:
        LatestStore(paths.trial(number)).clear()
    for number in chosen.checkpoints:
        # best.json stays and says what there was.
        BestStore(paths.trial(number)).remove_others(None)


def choose_files(
    paths: SweepPaths, spec: SweepSpec, trials: Sequence[TrialRecord], leader: int | None
) -> Deletions:
    """Choose what `collect_checkpoints` deletes; deletes nothing."""
    is_measured = spec.keep.best is not None or spec.keep.max_disk is not None
    needed = _find_sources(paths, trials)
    extended = {each.extends.number for each in trials if each.extends and each.state == "complete"}
    stored = [
        _measure(paths, trial, needed, extended)
        for trial in trials
        if is_measured or paths.trial(trial.number).latest.exists()
    ]
    return choose_deletions(
        stored,
        leader=leader,
        direction=spec.objective.direction,
        best=spec.keep.best,
        max_bytes=spec.keep.max_disk,
        latest=count_latest(spec),
    )


def clear_finished(
    paths: SweepPaths, spec: SweepSpec, trials: Sequence[TrialRecord], leader: int | None
) -> None:
    """Delete what a killed driver left with finished trials, and what ``keep`` does not ask for."""
    for trial in trials:
        if trial.state in ENDED:
            release_state(paths, trial.number, trial.state)
            remove_leftovers(paths.trial(trial.number).checkpoints)
    if is_bounded(spec):
        collect_checkpoints(paths, spec, trials, leader)


def release_state(paths: SweepPaths, number: int, state: str) -> None:
    """Delete the states that an ended trial will not need: of a complete one all but the newest."""
    store = LatestStore(paths.trial(number))
    if state == "complete":
        store.keep_newest()
    else:
        store.clear()


def _find_sources(paths: SweepPaths, trials: Sequence[TrialRecord]) -> set[int]:
    """Find the trials whose files are still to be copied, to the trials that extend them."""
    waiting = [trial for trial in trials if trial.extends and trial.state not in ENDED]
    return {
        trial.extends.number
        for trial in waiting
        if trial.extends and not paths.trial(trial.number).root.exists()
    }


def _measure(
    paths: SweepPaths, trial: TrialRecord, needed: Container[int], extended: Container[int]
) -> StoredTrial:
    folder = paths.trial(trial.number)
    sizes = _measure_files(folder.checkpoints)
    sizes.pop(folder.best, None)
    return StoredTrial(
        trial.number,
        "running" if trial.number in needed else trial.state,
        trial.value,
        sum(sizes.values()),
        sum(_measure_files(folder.latest).values()),
        trial.number in extended,
    )


def _measure_files(folder: Path) -> dict[Path, int]:
    """Measure every file below a folder; what a trial that runs deletes meanwhile is left out."""
    sizes: dict[Path, int] = {}
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    sizes[path] = status.st_size
    return sizes
