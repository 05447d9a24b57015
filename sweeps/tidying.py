"""Frees the disk of a sweep that does not run: lists what is not needed, then deletes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.checkpoints.keep import Deletions
from sweeps.durable import find_leftovers, remove_entry, restore_dir
from sweeps.errors import OptionError
from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from sweeps.reading import read_sweep_record
from sweeps.search.front import find_leading
from sweeps.search.replay import read_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, spec_from_json
from sweeps.spec.units import parse_size
from sweeps.worker.disk import choose_files


@dataclass(frozen=True)
class Freeable:
    """A file or folder that is not needed.

    Attributes:
        path: Where it lies, in the sweep's folder.
        num_bytes: What it frees, in bytes, with all that is in it. A file that has further names
            counts where the last of them goes.
    """

    path: Path
    num_bytes: int


def tidy(
    folder: str | Path,
    *,
    dry_run: bool = False,
    keep_best: int | None = None,
    keep_latest: int | None = None,
    max_disk: str | None = None,
) -> list[Freeable]:
    """Delete the checkpoints and states that ``keep`` does not ask for, and leftovers.

    If the process dies in between, the next call deletes the rest.

    Args:
        folder: The sweep's folder.
        dry_run: Only say what would go.
        keep_best: How many ended trials keep their checkpoint, instead of ``keep.best``.
        keep_latest: How many of them keep the state from which they can be extended, instead of
            ``keep.latest``.
        max_disk: What all checkpoints may use, such as ``1GB``, instead of ``keep.max_disk``.

    Returns:
        What went, or would.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        SweepHeldError: Another process works on it.
        OptionError: `max_disk` is no size.
    """
    paths = SweepPaths(Path(folder).resolve())
    given = {"best": keep_best, "latest": keep_latest, "max_disk": _parse_size(max_disk)}
    spec = _override(spec_from_json(read_sweep_record(paths)["spec"]), given)
    with hold_sweep(paths.lock):
        restore_dir(paths.bundle.root)
        trials = read_study(paths)
        leading = find_leading(trials, spec.objectives, spec.export.choose)
        chosen = choose_files(paths, spec, trials, leading)
        found = _measure(_list_unneeded(paths, trials, chosen))
        for entry in [] if dry_run else found:
            remove_entry(entry.path)
    return found


def _parse_size(text: str | None) -> int | None:
    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise OptionError(f"--max-disk {text}: {error}.") from error


def _override(spec: SweepSpec, given: Mapping[str, int | None]) -> SweepSpec:
    changed = {name: value for name, value in given.items() if value is not None}
    return spec.model_copy(update={"keep": spec.keep.model_copy(update=changed)})


def _list_unneeded(
    paths: SweepPaths, trials: Sequence[TrialRecord], chosen: Deletions
) -> Iterator[Path]:
    yield from find_leftovers(paths.root)
    yield from find_leftovers(paths.trials)
    for trial in trials:
        folder = paths.trial(trial.number)
        if trial.number in chosen.latest:
            yield folder.latest
        else:
            yield from find_leftovers(folder.latest)
        if trial.number in chosen.checkpoints:
            # best.json stays and says what there was.
            yield from sorted({*folder.checkpoints.iterdir()} - {folder.best})
        else:
            yield from find_leftovers(folder.checkpoints)


def _measure(paths: Iterable[Path]) -> list[Freeable]:
    """Tell what each path frees when they are deleted in this order."""
    num_gone: Counter[tuple[int, int]] = Counter()

    def measure_file(path: Path) -> int:
        status = path.lstat()
        file = (status.st_dev, status.st_ino)
        num_gone[file] += 1
        return status.st_size if num_gone[file] == status.st_nlink else 0

    return [Freeable(path, sum(map(measure_file, _list_files(path)))) for path in paths]


def _list_files(path: Path) -> list[Path]:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return [each for each in files if not each.is_dir()]
