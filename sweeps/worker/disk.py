"""Keeps the disk of a sweep within its limits: measures, asks `choose_deletions`, deletes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.checkpoints.keep import StoredTrial, choose_deletions
from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import remove_leftovers
from sweeps.paths import SweepPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec

ENDED = ("complete", "pruned", "failed")


@dataclass(frozen=True)
class Freed:
    """What was deleted, or would be.

    Attributes:
        trials: Numbers of the trials whose best checkpoint goes, in this order.
        num_bytes: Disk that this frees, in bytes.
    """

    trials: tuple[int, ...]
    num_bytes: int


def collect_checkpoints(
    paths: SweepPaths,
    spec: SweepSpec,
    trials: Sequence[TrialRecord],
    leader: int | None,
    *,
    dry_run: bool = False,
) -> Freed:
    """Delete the checkpoints that ``keep`` does not ask for.

    Nothing is deleted of a trial that has not ended, nor of the leader. If the process dies in
    between, the next call deletes the rest.

    Args:
        paths: The sweep's folder.
        spec: What the user asked for.
        trials: All trials of the study.
        leader: The best one; None where none has completed.
        dry_run: Only say what would go.
    """
    stored = [_measure(paths, trial) for trial in trials]
    by_number = {trial.number: trial for trial in stored if trial.num_bytes}
    chosen = choose_deletions(
        list(by_number.values()),
        leader=leader,
        direction=spec.objective.direction,
        best=spec.keep.best,
        max_bytes=spec.keep.max_disk,
    )
    if not dry_run:
        for number in chosen:
            _delete_files(paths, number)
    return Freed(tuple(chosen), sum(by_number[number].num_bytes for number in chosen))


def clear_finished(paths: SweepPaths, trials: Iterable[TrialRecord]) -> None:
    """Delete what a killed driver left with finished trials: latest states and temporary files."""
    for trial in trials:
        if trial.state in ENDED:
            folder = paths.trial(trial.number)
            LatestStore(folder).clear()
            remove_leftovers(folder.checkpoints)


def _measure(paths: SweepPaths, trial: TrialRecord) -> StoredTrial:
    folder = paths.trial(trial.number)
    files = _list_files(folder.checkpoints)
    if trial.state not in ENDED:  # otherwise `clear_finished` deletes these
        files += _list_files(folder.latest)
    sizes = (path.stat().st_size for path in files if path != folder.best)
    return StoredTrial(trial.number, trial.state, trial.value, sum(sizes))


def _list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _delete_files(paths: SweepPaths, number: int) -> None:
    """Delete the model files; ``best.json`` stays and says what there was."""
    store = BestStore(paths.trial(number))
    store.remove_others("")
    LatestStore(paths.trial(number)).clear()
