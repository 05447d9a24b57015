"""Keeps the disk of a sweep within its limits: measures, asks `choose_deletions`, deletes."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import MutableMapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.checkpoints.keep import Deletions, StoredTrial, choose_deletions
from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import remove_leftovers
from sweeps.paths import SweepPaths, TrialPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, is_repeated

if TYPE_CHECKING:
    from sweeps.search.study import Study

ENDED = ("complete", "pruned", "failed")

Sizes = MutableMapping[int, tuple[int, int]]
"""By number of an ended trial the bytes of its checkpoints and of its latest states."""


def is_bounded(spec: SweepSpec) -> bool:
    """Tell whether anything has to be deleted when a trial has completed."""
    return _has_limit(spec) or count_latest(spec) > 0


def count_latest(spec: SweepSpec) -> int:
    """Count the complete trials that keep their latest state: only what can be extended does."""
    return 0 if is_repeated(spec) else spec.keep.latest


class Collector:
    """Keeps the disk of a running sweep bounded, trial after trial. Not thread-safe.

    An ended trial is measured once, since nothing of it changes but by what is deleted here, and
    one that has nothing left is not looked at again: with thousands of trials this takes no longer
    than with few.

    Args:
        paths: The sweep's folder.
        spec: What the user asked for.
        study: Which trials there are.
    """

    def __init__(self, paths: SweepPaths, spec: SweepSpec, study: Study) -> None:
        self._paths = paths
        self._spec = spec
        self._study = study
        self._sizes: dict[int, tuple[int, int]] = {}
        self._ended: dict[int, TrialRecord] = {}
        if is_bounded(spec):
            self._ended = {each.number: each for each in study.trials() if each.state in ENDED}

    def note_end(self, number: int, state: str) -> None:
        """Release what an ended trial does not need itself."""
        release_state(self._paths, number, state)
        if is_bounded(self._spec):
            self._ended[number] = self._study.trial(number)

    def collect(self) -> None:
        """Delete what ``keep`` does not ask for, of all trials that have ended."""
        if not is_bounded(self._spec):
            return
        trials = [*self._ended.values(), *self._study.interrupted()]
        collect_checkpoints(
            self._paths, self._spec, trials, self._study.find_leading(), self._sizes
        )
        # A trial that extends another one is known for ever: that one must not be extended again.
        self._ended = {
            number: trial
            for number, trial in self._ended.items()
            if trial.extends or any(self._sizes.get(number, (1,)))
        }


def collect_checkpoints(
    paths: SweepPaths,
    spec: SweepSpec,
    trials: Sequence[TrialRecord],
    leading: Set[int],
    sizes: Sizes | None = None,
) -> None:
    """Delete the checkpoints and latest states that ``keep`` does not ask for.

    Nothing is deleted of a trial that has not ended, nor the checkpoint of one that leads. If the
    process dies in between, the next call deletes the rest.

    Args:
        paths: The sweep's folder.
        spec: What the user asked for.
        trials: All trials of the study that may have something on disk, or extend another one.
        leading: Numbers of the trials that lead, or may lead when others have ended.
        sizes: What is known of ended trials already; brought up to date.
    """
    sizes = {} if sizes is None else sizes
    chosen = choose_files(paths, spec, trials, leading, sizes)
    for number in chosen.latest:
        LatestStore(paths.trial(number)).clear()
        sizes[number] = (sizes[number][0] if _has_limit(spec) else 0, 0)
    for number in chosen.checkpoints:
        # best.json stays and says what there was.
        BestStore(paths.trial(number)).remove_others(None)
        sizes[number] = (0, sizes[number][1])


def choose_files(
    paths: SweepPaths,
    spec: SweepSpec,
    trials: Sequence[TrialRecord],
    leading: Set[int],
    sizes: Sizes | None = None,
) -> Deletions:
    """Choose what `collect_checkpoints` deletes; deletes nothing."""
    needed = _find_sources(paths, trials)
    extended = {each.extends.number for each in trials if each.extends and each.state == "complete"}
    sizes = {} if sizes is None else sizes
    stored = []
    for trial in trials:
        has_ended = trial.state in ENDED
        if trial.number in sizes:
            checkpoints, latest = sizes[trial.number]
        elif has_ended or spec.keep.max_disk is not None:
            checkpoints, latest = _measure(paths.trial(trial.number), is_limited=_has_limit(spec))
        else:  # it keeps all that it has, whose size matters only for the sum of all
            checkpoints, latest = 0, 0
        if has_ended:
            sizes[trial.number] = (checkpoints, latest)
        state = "running" if trial.number in needed else trial.state
        is_extended = trial.number in extended
        stored.append(
            StoredTrial(trial.number, state, trial.value, checkpoints, latest, is_extended)
        )
    return choose_deletions(
        stored,
        leading=leading,
        direction=spec.objective.direction,
        best=spec.keep.best,
        max_bytes=spec.keep.max_disk,
        latest=count_latest(spec),
    )


def clear_finished(
    paths: SweepPaths, spec: SweepSpec, trials: Sequence[TrialRecord], leading: Set[int]
) -> None:
    """Delete what a killed driver left with finished trials, and what ``keep`` does not ask for."""
    for trial in trials:
        if trial.state in ENDED:
            release_state(paths, trial.number, trial.state)
            remove_leftovers(paths.trial(trial.number).checkpoints)
    if is_bounded(spec):
        collect_checkpoints(paths, spec, trials, leading)


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


def _measure(folder: TrialPaths, *, is_limited: bool) -> tuple[int, int]:
    """Measure what a trial has on disk: its checkpoints and its states.

    Where checkpoints have no limit, those matter only that come with a state. A checkpoint that a
    state links is not part of its size: states go first, and the file stays.
    """
    latest = _measure_files(folder.latest)
    if not (latest or is_limited):
        return 0, 0
    checkpoints = _measure_files(folder.checkpoints, but=folder.best)
    states = [size for file, size in latest.items() if file not in checkpoints]
    return sum(checkpoints.values()), sum(states)


def _has_limit(spec: SweepSpec) -> bool:
    return spec.keep.best is not None or spec.keep.max_disk is not None


def _measure_files(folder: Path, *, but: Path | None = None) -> dict[tuple[int, int], int]:
    """Measure every file below a folder once, whatever its names, by device and inode.

    What a trial that runs deletes meanwhile is left out.
    """
    sizes: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and path != but:
                    sizes[status.st_dev, status.st_ino] = status.st_size
    return sizes
