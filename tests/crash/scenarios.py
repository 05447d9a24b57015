"""Scripted work on a disk, how it is recovered after a crash, and what must hold then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import verify_files, write_manifest
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore, open_best
from sweeps.durable import (
    OLDER_MARK,
    TEMPORARY_MARK,
    commit_dir,
    make_dir,
    read_json,
    remove_leftovers,
    restore_dir,
    write_bytes,
    write_json,
)
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.search.journal import JournalBackend

Confirm = Callable[[Any], None]
EPOCHS = (1, 2, 3)


@dataclass(frozen=True)
class Scenario:
    """Work on a disk.

    Attributes:
        run: Does the work in an empty folder, and notes each fact once the code has promised it.
        recover: What the program does at its next start; asserts that what it finds is whole and
            no older than the last fact.
    """

    run: Callable[[Path, Confirm], None]
    recover: Callable[[Path, Sequence[Any]], None]


def model_bytes(epoch: int) -> bytes:
    """Give the stand-in for a saved model."""
    return b"model of epoch %d" % epoch


def save_best(store: BestStore, epoch: int) -> None:
    """Save a better model, as the callback does."""
    name = f"epoch{epoch}.keras"
    digest = store.write(name, lambda path: _write(path, model_bytes(epoch)))
    store.commit(BestCheckpoint(name, epoch / 8, epoch, digest))


def run_best(root: Path, confirm: Confirm) -> None:
    """Save three models, each better than the one before."""
    store = BestStore(SweepPaths(root).trial(7))
    for epoch in EPOCHS:
        save_best(store, epoch)
        confirm(epoch)


def recover_best(root: Path, confirmed: Sequence[Any]) -> None:
    """Continue the trial: its best model is whole, and nothing else is left."""
    trial = SweepPaths(root).trial(7)
    store = BestStore(trial)
    best = store.find_best()
    store.remove_others(best.file if best else "")
    if best is not None:
        assert open_best(trial).read_bytes() == model_bytes(best.epoch)
        assert best.value == best.epoch / 8
    assert (best.epoch if best else 0) >= max(confirmed, default=0)
    assert sorted(store.names()) == (["best.json", best.file] if best else [])


def run_latest(root: Path, confirm: Confirm) -> None:
    """Commit three states, the second one twice, as after falling back to the first."""
    store = LatestStore(SweepPaths(root).trial(7))
    for epoch in (1, 2, 2, 3):
        store.commit(
            epoch, lambda path, epoch=epoch: _write(path, model_bytes(epoch)), {"e": epoch}
        )
        confirm(epoch)


def recover_latest(root: Path, confirmed: Sequence[Any]) -> None:
    """Continue the trial from its newest whole state."""
    trial = SweepPaths(root).trial(7)
    store = LatestStore(trial)
    latest = store.find()
    store.remove_leftovers()
    assert (latest.epoch if latest else 0) >= max(confirmed, default=0)
    if latest is not None:
        assert latest.arrays.read_bytes() == model_bytes(latest.epoch)
        assert latest.state["e"] == latest.epoch
    assert_no_leftovers(trial.latest)


def run_journal(root: Path, confirm: Confirm) -> None:
    """Append records and confirm them, one or two at a time."""
    backend = JournalBackend(root / "study.journal")
    list(backend.read_logs(0))
    for first in (0, 2, 3):
        backend.append_logs([make_record(number) for number in range(first, max(first + 1, 2))])
        backend.sync()
        confirm(max(first + 1, 2))
    backend.close()


def make_record(number: int) -> dict[str, Any]:
    """Give a record of the study."""
    return {"op_code": 7, "worker_id": "w", "trial_id": number, "intermediate_value": 0.5}


def recover_journal(root: Path, confirmed: Sequence[Any]) -> None:
    """Open the study again: a prefix of the records is there, and appending goes on behind it."""
    path = root / "study.journal"
    records = _read_and_append(path, make_record(9))
    assert records == [make_record(number) for number in range(len(records))]
    assert len(records) >= max(confirmed, default=0)
    assert list(JournalBackend(path).read_logs(0)) == [*records, make_record(9)]


def _read_and_append(path: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    backend = JournalBackend(path)
    records = list(backend.read_logs(0))
    backend.append_logs([record])
    backend.close()
    return records


def run_bundle(root: Path, confirm: Confirm) -> None:
    """Export the leader, then a better one over it."""
    for epoch in EPOCHS[:2]:
        commit_dir(SweepPaths(root).bundle.root, lambda folder, epoch=epoch: _fill(folder, epoch))
        confirm(epoch)


def _fill(folder: Path, epoch: int) -> None:
    bundle = BundlePaths(folder)
    _write(bundle.model, model_bytes(epoch))
    make_dir(folder / "assets")
    _write(folder / "assets" / "words", b"words %d" % epoch)
    write_manifest(bundle, {"epoch": epoch})


def recover_bundle(root: Path, confirmed: Sequence[Any]) -> None:
    """Resume the sweep: the bundle is whole, the older or the newer one."""
    bundle = SweepPaths(root).bundle
    remove_leftovers(root)
    restore_dir(bundle.root)
    assert_no_leftovers(root)
    if bundle.root.exists():
        epoch = verify_files(bundle)["epoch"]
        assert epoch >= max(confirmed, default=0)
        assert bundle.model.read_bytes() == model_bytes(epoch)
    else:
        assert not confirmed


def run_folder(root: Path, confirm: Confirm) -> None:
    """Begin a sweep: its folder appears with everything in it."""
    commit_dir(root / "digits", _fill_sweep)
    confirm("sweep")


def _fill_sweep(folder: Path) -> None:
    paths = SweepPaths(folder)
    paths.trials.mkdir()
    write_bytes(paths.space, b"name: digits\n")
    run_journal(folder, lambda _: None)
    write_json(paths.spec, {"name": "digits"})


def recover_folder(root: Path, confirmed: Sequence[Any]) -> None:
    """Begin again where the sweep does not exist, and find it whole where it does."""
    paths = SweepPaths(root / "digits")
    assert paths.root.exists() or not confirmed
    if not paths.root.exists():
        commit_dir(paths.root, _fill_sweep)
    assert read_json(paths.spec) == {"name": "digits"}
    assert paths.space.read_bytes() == b"name: digits\n"
    assert len(list(JournalBackend(paths.journal).read_logs(0))) == 4
    assert paths.trials.is_dir()
    assert_no_leftovers(root)


def run_trial(root: Path, confirm: Confirm) -> None:
    """Train a trial: best model, latest state and report of each epoch, then its end."""
    trial = SweepPaths(root).trial(7)
    backend = JournalBackend(SweepPaths(root).journal)
    list(backend.read_logs(0))
    for epoch in EPOCHS:
        save_best(BestStore(trial), epoch)
        LatestStore(trial).commit(
            epoch, lambda path, epoch=epoch: _write(path, model_bytes(epoch)), {"e": epoch}
        )
        backend.append_logs([make_record(epoch - 1)])
        backend.sync()
        confirm(epoch)
    backend.close()


def recover_trial(root: Path, confirmed: Sequence[Any]) -> None:
    """Continue it: best, latest and journal are each whole, and none is behind a later one."""
    records = _read_and_append(SweepPaths(root).journal, make_record(9))
    recover_latest(root, [*confirmed, len(records)])
    latest = LatestStore(SweepPaths(root).trial(7)).find()
    recover_best(root, [*confirmed, latest.epoch if latest else 0])


def run_plainly(root: Path, confirm: Confirm) -> None:
    """Save as `keras.callbacks.ModelCheckpoint` does: write over the older model."""
    trial = SweepPaths(root).trial(7)
    make_dir(trial.checkpoints)
    for epoch in EPOCHS:
        _write(trial.checkpoints / "best.keras", model_bytes(epoch))
        confirm(epoch)


def recover_plainly(root: Path, confirmed: Sequence[Any]) -> None:
    """Load the best model, which must be whole once one was saved."""
    path = SweepPaths(root).trial(7).checkpoints / "best.keras"
    if confirmed:
        digests = {hashlib.sha256(model_bytes(epoch)).digest() for epoch in EPOCHS}
        assert hashlib.sha256(path.read_bytes()).digest() in digests


def assert_no_leftovers(root: Path) -> None:
    """Make sure that no temporary name is anywhere."""
    left = [path for path in root.rglob(".*") if path.name.startswith((TEMPORARY_MARK, OLDER_MARK))]
    assert not left


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)


SCENARIOS = {
    "best": Scenario(run_best, recover_best),
    "latest": Scenario(run_latest, recover_latest),
    "journal": Scenario(run_journal, recover_journal),
    "bundle": Scenario(run_bundle, recover_bundle),
    "folder": Scenario(run_folder, recover_folder),
    "trial": Scenario(run_trial, recover_trial),
}
PLAINLY = Scenario(run_plainly, recover_plainly)
