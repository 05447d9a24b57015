"""Scripted work on a disk, how it is recovered after a crash, and what must hold then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import verify_files, write_manifest
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore, open_best
from sweeps.durable import (
    OLDER_MARK,
    TEMPORARY_MARK,
    commit_dir,
    digest_file,
    link_file,
    make_dir,
    read_json,
    remove_leftovers,
    restore_dir,
    write_bytes,
    write_json,
)
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.worker.extensions import copy_trial

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
    store.remove_others(best)
    if best is not None:
        assert open_best(trial).read_bytes() == model_bytes(best.epoch)
        assert best.value == best.epoch / 8
    assert (best.epoch if best else 0) >= max(confirmed, default=0)
    assert sorted(store.names()) == (["best.json", best.file] if best else [])


KEPT = [(1,), (1, 2), (1, 3)]
"""Epochs on record after each of three, of which the second and the third are second best."""


def run_kept(root: Path, confirm: Confirm) -> None:
    """Save three models, of which the best two stay."""
    store = BestStore(SweepPaths(root).trial(7))
    for epoch, record in zip(EPOCHS, KEPT, strict=True):
        store.write(f"epoch{epoch}.keras", lambda path, epoch=epoch: _write_model(path, epoch))
        best, *others = map(describe_model, record)
        store.commit(replace(best, kept=tuple(others)))
        confirm(epoch)


def describe_model(epoch: int) -> BestCheckpoint:
    """Describe the saved model of an epoch."""
    digest = hashlib.sha256(model_bytes(epoch)).hexdigest()
    return BestCheckpoint(f"epoch{epoch}.keras", 1 / epoch, epoch, digest)


def recover_kept(root: Path, confirmed: Sequence[Any]) -> None:
    """Continue the trial: what is on record is whole, is no older, and nothing else is left."""
    trial = SweepPaths(root).trial(7)
    store = BestStore(trial)
    best = store.find_best()
    store.remove_others(best)
    found = best.all_kept if best else ()
    assert tuple(each.epoch for each in found) in [(), *KEPT][max(confirmed, default=0) :]
    for each in found:
        assert digest_file(trial.checkpoints / each.file) == each.sha256
    names = [each.file for each in found]
    assert sorted(store.names()) == sorted(["best.json", *names] if names else [])


def run_extension(root: Path, confirm: Confirm) -> None:
    """End a trial, then give another one what that ended with."""
    source = SweepPaths(root).trial(7)
    save_best(BestStore(source), 2)
    LatestStore(source).commit(2, lambda path: _write_model(path, 2), {"callbacks": []})
    write_bytes(source.history, b"epoch")
    confirm("ended")
    copy_trial(source, SweepPaths(root).trial(8))
    confirm("copied")


def recover_extension(root: Path, confirmed: Sequence[Any]) -> None:
    """Resume: the other trial has all of it, or gets it now."""
    source, target = (SweepPaths(root).trial(number) for number in (7, 8))
    assert target.root.exists() or "copied" not in confirmed
    if not confirmed:
        return
    if not target.root.exists():
        copy_trial(source, target)
    state = LatestStore(target).find()
    assert state is not None
    assert state.arrays.read_bytes() == model_bytes(2) == open_best(target).read_bytes()
    assert target.history.read_bytes() == b"epoch"
    assert_no_leftovers(root / "trials")


def go_on_with_best(root: Path, confirm: Confirm) -> None:
    """Save two models, of which some may be there, as the callback does in each attempt."""
    store = BestStore(SweepPaths(root).trial(7))
    best = store.find_best()
    store.remove_others(best)
    for epoch in EPOCHS[best.epoch if best else 0 : 2]:
        save_best(store, epoch)
        confirm(epoch)


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


def go_on_with_journal(root: Path, confirm: Confirm) -> None:
    """End a trial; once the study knows that it has ended, delete its state."""
    backend = JournalBackend(root / "study.journal")
    records = list(backend.read_logs(0))
    backend.sync()  # as `open_study` does
    state = root / "state"
    if not records:
        write_bytes(state, b"state")
        confirm("saved")
        backend.append_logs([make_record(0)])
        backend.sync()
    state.unlink(missing_ok=True)
    backend.close()


def recover_tidied(root: Path, confirmed: Sequence[Any]) -> None:
    """The state is gone only where the study knows that the trial has ended."""
    records = list(JournalBackend(root / "study.journal").read_logs(0))
    assert records or (root / "state").exists() or not confirmed


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


def run_linked(root: Path, confirm: Confirm) -> None:
    """Train a trial whose states link the best model of their epoch, once there is a better one."""
    trial = SweepPaths(root).trial(7)
    for epoch in EPOCHS:
        save_best(BestStore(trial), epoch)
        best = open_best(trial)
        LatestStore(trial).commit(
            epoch,
            partial(_write_rest, epoch=epoch),
            {"model": {"sha256": digest_file(best)}},
            write_model=partial(link_file, best),
        )
        confirm(epoch)


def _write_rest(path: Path, epoch: int) -> None:
    _write(path, b"%d" % epoch)


def recover_linked(root: Path, confirmed: Sequence[Any]) -> None:
    """Continue it: the newest state has the model of its epoch, whatever became of the best."""
    trial = SweepPaths(root).trial(7)
    store = LatestStore(trial)
    latest = store.find()
    store.remove_leftovers()
    recover_best(root, [*confirmed, latest.epoch if latest else 0])
    assert (latest.epoch if latest else 0) >= max(confirmed, default=0)
    if latest is not None:
        assert latest.model is not None
        assert latest.model.read_bytes() == model_bytes(latest.epoch)
        assert latest.arrays.read_bytes() == b"%d" % latest.epoch
    assert_no_leftovers(root)


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


def _write_model(path: Path, epoch: int) -> None:
    _write(path, model_bytes(epoch))


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)


SCENARIOS = {
    "best": Scenario(run_best, recover_best),
    "kept": Scenario(run_kept, recover_kept),
    "extension": Scenario(run_extension, recover_extension),
    "latest": Scenario(run_latest, recover_latest),
    "journal": Scenario(run_journal, recover_journal),
    "bundle": Scenario(run_bundle, recover_bundle),
    "folder": Scenario(run_folder, recover_folder),
    "trial": Scenario(run_trial, recover_trial),
    "linked": Scenario(run_linked, recover_linked),
}
LIVES = {
    "best": Scenario(go_on_with_best, recover_best),
    "journal": Scenario(go_on_with_journal, recover_tidied),
}
"""Work that a second process takes up where a first one was killed."""
PLAINLY = Scenario(run_plainly, recover_plainly)
