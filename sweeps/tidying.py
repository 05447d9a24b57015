"""Frees the disk of a sweep that does not run: lists what is not needed, then deletes it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.durable import find_leftovers, remove_entry, restore_dir
from sweeps.errors import OptionError
from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from sweeps.reading import read_sweep_record
from sweeps.search.front import find_leader
from sweeps.search.study import read_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, spec_from_json
from sweeps.spec.units import parse_size
from sweeps.worker.disk import ENDED, collect_checkpoints


@dataclass(frozen=True)
class Freeable:
    """A file or folder that is not needed.

    Attributes:
        path: Where it lies, in the sweep's folder.
        num_bytes: Its size, in bytes, with all that is in it.
    """

    path: Path
    num_bytes: int


def tidy(
    folder: str | Path,
    *,
    dry_run: bool = False,
    keep_best: int | None = None,
    max_disk: str | None = None,
) -> list[Freeable]:
    """Delete the checkpoints that ``keep`` does not ask for, leftovers, and what nobody continues.

    If the process dies in between, the next call deletes the rest.

    Args:
        folder: The sweep's folder.
        dry_run: Only say what would go.
        keep_best: How many ended trials keep their checkpoint, instead of ``keep.best``.
        max_disk: What all checkpoints may use, such as ``1GB``, instead of ``keep.max_disk``.

    Returns:
        What went, or would.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        SweepHeldError: Another process works on it.
        OptionError: `max_disk` is no size.
    """
    paths = SweepPaths(Path(folder).resolve())
    spec = _override(spec_from_json(read_sweep_record(paths)["spec"]), keep_best, max_disk)
    with hold_sweep(paths.lock):
        restore_dir(paths.bundle.root)
        trials = read_study(paths)
        leader = find_leader(trials, spec.objectives, spec.export.choose)
        number = leader.number if leader else None
        chosen = collect_checkpoints(paths, spec, trials, number, dry_run=True).trials
        found = [_measure(path) for path in _list_unneeded(paths, trials, chosen)]
        for entry in [] if dry_run else found:
            remove_entry(entry.path)
    return found


def _override(spec: SweepSpec, keep_best: int | None, max_disk: str | None) -> SweepSpec:
    changed: dict[str, int] = {}
    if keep_best is not None:
        changed["best"] = keep_best
    if max_disk is not None:
        try:
            changed["max_disk"] = parse_size(max_disk)
        except ValueError as error:
            raise OptionError(f"--max-disk {max_disk}: {error}.") from error
    return spec.model_copy(update={"keep": spec.keep.model_copy(update=changed)})


def _list_unneeded(
    paths: SweepPaths, trials: Sequence[TrialRecord], chosen: Collection[int]
) -> Iterator[Path]:
    yield from find_leftovers(paths.root)
    for trial in trials:
        folder = paths.trial(trial.number)
        has_ended = trial.state in ENDED
        if has_ended and folder.latest.exists():
            yield folder.latest
        else:
            yield from find_leftovers(folder.latest)
        if trial.number in chosen:
            # best.json stays and says what there was.
            yield from sorted({*folder.checkpoints.iterdir()} - {folder.best})
        else:
            yield from find_leftovers(folder.checkpoints)


def _measure(path: Path) -> Freeable:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return Freeable(path, sum(each.lstat().st_size for each in files if not each.is_dir()))
