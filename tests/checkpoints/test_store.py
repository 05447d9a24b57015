"""Tests of `sweeps.checkpoints.store`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sweeps import durable
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore, open_best
from sweeps.durable import digest_file, link_file
from sweeps.errors import CheckpointError
from sweeps.paths import TrialPaths

SHA_OF_ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"


@pytest.fixture
def trial(tmp_path: Path) -> TrialPaths:
    return TrialPaths(tmp_path / "trials" / "0007")


def save(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def keep(store: BestStore, name: str, value: float, epoch: int, content: bytes = b"one") -> None:
    store.commit(BestCheckpoint(name, value, epoch, store.write(name, save(content))))


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_best_store_of_a_new_trial_has_none(trial: TrialPaths) -> None:
    """Looking creates nothing."""
    store = BestStore(trial)
    assert store.find_best() is None
    assert store.names() == []
    store.remove_others(None)
    assert not trial.root.exists()


def test_best_store_records_file_value_epoch_and_digest(trial: TrialPaths) -> None:
    """What is written is read back, by another process too."""
    keep(BestStore(trial), "a.keras", 0.5, 3)
    assert BestStore(trial).find_best() == BestCheckpoint("a.keras", 0.5, 3, SHA_OF_ONE)
    assert durable.read_json(trial.best) == {
        "schema": 1,
        "file": "a.keras",
        "value": 0.5,
        "epoch": 3,
        "sha256": SHA_OF_ONE,
        "repeat": 1,
        "others": {},
        "monitor": None,
        "monitored": None,
        "batch": None,
        "kept": [],
    }
    assert open_best(trial).read_bytes() == b"one"


def test_best_store_older_best_stays_until_the_new_one_is_committed(
    trial: TrialPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between writing and recording, the trial still has its old best."""
    store = BestStore(trial)
    keep(store, "a.keras", 0.5, 1)
    digest = store.write("b.keras", save(b"two"))
    assert list_files(trial.checkpoints) == ["a.keras", "b.keras", "best.json"]
    assert open_best(trial).name == "a.keras"

    seen: list[list[str]] = []
    write_json = durable.write_json

    def write_and_look(path: Path, value: object) -> None:
        seen.append(list_files(trial.checkpoints))
        write_json(path, value)
        seen.append(list_files(trial.checkpoints))

    monkeypatch.setattr("sweeps.checkpoints.store.write_json", write_and_look)
    store.commit(BestCheckpoint("b.keras", 0.6, 2, digest))
    assert seen == [["a.keras", "b.keras", "best.json"]] * 2
    assert list_files(trial.checkpoints) == ["b.keras", "best.json"]
    assert open_best(trial).read_bytes() == b"two"


def test_best_store_keep_older_keeps_every_file(trial: TrialPaths) -> None:
    """save_best_only: false means that nothing but leftovers is deleted."""
    store = BestStore(trial, keep_older=True)
    keep(store, "1.keras", 0.5, 1)
    store.write("2.keras", save(b"worse"))
    (trial.checkpoints / ".tmp-1-3.keras").touch()
    keep(store, "3.keras", 0.6, 3)
    assert list_files(trial.checkpoints) == ["1.keras", "2.keras", "3.keras", "best.json"]


def test_best_store_remove_others_deletes_what_a_kill_left(trial: TrialPaths) -> None:
    """Half a file and a file that was never recorded go; the recorded one stays."""
    store = BestStore(trial)
    keep(store, "a.keras", 0.5, 1)
    (trial.checkpoints / ".tmp-1-b.keras").write_bytes(b"half")
    (trial.checkpoints / "b.keras").write_bytes(b"never recorded")
    store.remove_others(store.find_best())
    assert list_files(trial.checkpoints) == ["a.keras", "best.json"]


def test_best_store_write_that_raises_leaves_the_old_best(trial: TrialPaths) -> None:
    """A full disk costs the new checkpoint only."""
    store = BestStore(trial)
    keep(store, "a.keras", 0.5, 1)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        store.write("a.keras", fail)
    assert open_best(trial).read_bytes() == b"one"
    assert list_files(trial.checkpoints) == ["a.keras", "best.json"]


def test_open_best_without_a_checkpoint(trial: TrialPaths) -> None:
    """The message names the trial's folder."""
    with pytest.raises(CheckpointError, match=r"trials/0007: no checkpoint was saved\."):
        open_best(trial)


def test_open_best_refuses_a_missing_file(trial: TrialPaths) -> None:
    """A record without its file is no checkpoint."""
    keep(BestStore(trial), "a.keras", 0.5, 1)
    (trial.checkpoints / "a.keras").unlink()
    with pytest.raises(CheckpointError, match=r"a\.keras: the checkpoint is gone\."):
        open_best(trial)


def test_open_best_refuses_one_flipped_bit(trial: TrialPaths) -> None:
    """`.weights.h5` has no checksum of its own; the digest beside it has to see it."""
    keep(BestStore(trial), "a.weights.h5", 0.5, 1)
    (trial.checkpoints / "a.weights.h5").write_bytes(b"ond")
    with pytest.raises(CheckpointError, match=r"its SHA-256 differs from best\.json"):
        open_best(trial)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 1, "a": 2}'])
def test_find_best_refuses_a_damaged_record(trial: TrialPaths, text: str) -> None:
    """A damaged record is an error with its path, never another value."""
    trial.checkpoints.mkdir(parents=True)
    trial.best.write_text(text)
    with pytest.raises(CheckpointError, match=r"best\.json: the record .* is damaged"):
        BestStore(trial).find_best()


def test_find_best_refuses_a_newer_schema_by_name(trial: TrialPaths) -> None:
    """A record of a newer version is not guessed at."""
    trial.checkpoints.mkdir(parents=True)
    trial.best.write_text('{"schema": 2, "model": "a.keras"}')
    with pytest.raises(CheckpointError, match="schema 2 is newer than this"):
        BestStore(trial).find_best()


def commit(store: LatestStore, epoch: int) -> None:
    history = [{"epoch": number, "loss": 0.1 + 0.2} for number in range(1, epoch + 1)]
    store.commit(epoch, save(b"arrays %d" % epoch), {"epoch": epoch, "history": history})


def test_latest_store_of_a_new_trial_finds_none(trial: TrialPaths) -> None:
    """Looking creates nothing, and clearing what is not there is fine."""
    store = LatestStore(trial)
    assert store.find() is None
    store.remove_leftovers()
    store.clear()
    assert not trial.root.exists()


def test_latest_store_finds_the_newest_and_keeps_two(trial: TrialPaths) -> None:
    """A long trial takes the disk of two states; numbers count, not letters."""
    store = LatestStore(trial)
    for epoch in (8, 9, 10):
        commit(store, epoch)
    assert list_files(trial.latest) == ["epoch-000009", "epoch-000010"]
    found = LatestStore(trial).find()
    assert found is not None
    assert (found.epoch, found.arrays.read_bytes()) == (10, b"arrays 10")
    assert found.state["history"][9] == {"epoch": 10, "loss": 0.30000000000000004}


def test_latest_store_orders_epochs_by_number(trial: TrialPaths) -> None:
    """The millionth epoch comes after the one before it, though its name is longer."""
    store = LatestStore(trial)
    commit(store, 1)
    shutil.copytree(trial.latest / "epoch-000001", trial.latest / "epoch-1000000")
    shutil.copytree(trial.latest / "epoch-000001", trial.latest / "epoch-999999")
    found = store.find()
    assert found is not None
    assert found.epoch == 1_000_000


def damage_arrays(folder: Path) -> None:
    (folder / "arrays.bin").write_bytes(b"arrayz 3")


def truncate_state(folder: Path) -> None:
    (folder / "state.json").write_bytes((folder / "state.json").read_bytes()[:50])


def change_state(folder: Path) -> None:
    text = (folder / "state.json").read_text()
    assert "0.30000000000000004" in text
    (folder / "state.json").write_text(text.replace("0.30000000000000004", "0.31"))


def empty_folder(folder: Path) -> None:
    (folder / "arrays.bin").unlink()
    (folder / "state.json").unlink()


def replace_state(folder: Path) -> None:
    (folder / "state.json").write_text("[]")


@pytest.mark.parametrize(
    "damage", [damage_arrays, truncate_state, change_state, empty_folder, replace_state]
)
def test_latest_store_damaged_newest_falls_back_to_the_one_before(
    trial: TrialPaths, damage: Callable[[Path], None]
) -> None:
    """Every byte of a state is under its digest: weights, history and callbacks."""
    store = LatestStore(trial)
    for epoch in (1, 2, 3):
        commit(store, epoch)
    damage(trial.latest / "epoch-000003")
    found = store.find()
    assert found is not None
    assert (found.epoch, found.arrays.read_bytes()) == (2, b"arrays 2")


def test_latest_store_replaces_a_damaged_state_when_its_epoch_is_trained_again(
    trial: TrialPaths,
) -> None:
    """After the fallback the trial goes on as if nothing had happened."""
    store = LatestStore(trial)
    for epoch in (1, 2, 3):
        commit(store, epoch)
    damage_arrays(trial.latest / "epoch-000003")
    commit(store, 3)
    assert list_files(trial.latest) == ["epoch-000002", "epoch-000003"]
    found = store.find()
    assert found is not None
    assert found.epoch == 3


def test_latest_store_with_all_states_damaged_starts_anew_and_keeps_the_new_ones(
    trial: TrialPaths,
) -> None:
    """Damaged states with higher numbers never push out the state just committed."""
    store = LatestStore(trial)
    for epoch in (5, 6):
        commit(store, epoch)
        damage_arrays(trial.latest / f"epoch-{epoch:06d}")
    assert store.find() is None
    commit(store, 1)
    assert list_files(trial.latest) == ["epoch-000001"]
    found = store.find()
    assert found is not None
    assert found.epoch == 1


def test_latest_store_refuses_a_newer_schema_by_name(trial: TrialPaths) -> None:
    """A state of a newer version is not taken for a damaged one and trained over."""
    store = LatestStore(trial)
    commit(store, 1)
    path = trial.latest / "epoch-000001" / "state.json"
    state = json.loads(path.read_text())
    state["schema"] = 3
    del state["sha256"]
    from sweeps.checkpoints.store import _digest_record

    path.write_text(json.dumps({**state, "sha256": _digest_record(state)}))
    with pytest.raises(CheckpointError, match="schema 3 is newer than this"):
        store.find()


OLD_STATE = """{
  "epoch": 1, "history": [{"loss": 0.5}], "schema": 1,
  "arrays_sha256": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
  "sha256": "23f42de80160380a133ecb63d3dd1a545968b4f47ea3a15a74a610de82423935"
}"""


def test_latest_store_reads_what_an_older_version_wrote(trial: TrialPaths) -> None:
    """Before schema 2 all arrays were in one file."""
    folder = trial.latest / "epoch-000001"
    folder.mkdir(parents=True)
    (folder / "arrays.bin").write_bytes(b"one")
    (folder / "state.json").write_text(OLD_STATE)
    found = LatestStore(trial).find()
    assert found is not None
    assert (found.state["history"], found.model) == ([{"loss": 0.5}], None)


def commit_linked(trial: TrialPaths, epoch: int) -> Path:
    """Save a better model, and the state of the same epoch; gives the model's file."""
    keep(BestStore(trial), f"{epoch}.keras", epoch / 8, epoch, b"model %d" % epoch)
    best = open_best(trial)
    LatestStore(trial).commit(
        epoch,
        save(b"rest %d" % epoch),
        {"model": {"sha256": digest_file(best)}},
        write_model=partial(link_file, best),
    )
    return best


def test_latest_store_state_with_a_link_outlives_the_best_that_it_links(trial: TrialPaths) -> None:
    """Superseded and deleted as the best one, the file is still the state's."""
    first = commit_linked(trial, 1)
    inode = first.stat().st_ino
    best = commit_linked(trial, 2)
    found = LatestStore(trial).find()
    assert found is not None
    assert found.model is not None
    assert found.model.samefile(best)
    assert not first.exists()
    kept = trial.latest / "epoch-000001" / "model.keras"
    assert (kept.read_bytes(), kept.stat().st_ino, kept.stat().st_nlink) == (b"model 1", inode, 1)


@pytest.mark.parametrize("name", ["model.keras", "arrays.bin"])
def test_latest_store_damaged_model_falls_back_to_the_state_before(
    trial: TrialPaths, name: str
) -> None:
    """One file under two names is damaged under both; the state before has another one."""
    for epoch in (1, 2):
        commit_linked(trial, epoch)
    path = trial.latest / "epoch-000002" / name
    with path.open("r+b") as file:
        file.write(b"R")
    found = LatestStore(trial).find()
    assert found is not None
    assert found.model is not None
    assert (found.epoch, found.model.read_bytes()) == (1, b"model 1")


def test_latest_store_write_that_raises_keeps_the_state_before(trial: TrialPaths) -> None:
    """A full disk leaves no half state, under no name."""
    store = LatestStore(trial)
    commit(store, 1)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        store.commit(2, fail, {})
    assert list_files(trial.latest) == ["epoch-000001"]


def test_latest_store_refuses_nan_rather_than_writing_what_is_no_json(trial: TrialPaths) -> None:
    """Who saves a state says how its NaN is written."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        LatestStore(trial).commit(1, save(b"arrays"), {"loss": float("nan")})
    assert list_files(trial.latest) == []


def test_latest_store_remove_leftovers_deletes_half_states(trial: TrialPaths) -> None:
    """The temporary folder of a killed attempt has a pid in its name and would stay."""
    store = LatestStore(trial)
    commit(store, 1)
    shutil.copytree(trial.latest / "epoch-000001", trial.latest / ".tmp-1-epoch-000002")
    store.remove_leftovers()
    assert list_files(trial.latest) == ["epoch-000001"]


def test_latest_store_clear_deletes_all(trial: TrialPaths) -> None:
    """A finished trial needs no state to continue from."""
    store = LatestStore(trial)
    commit(store, 1)
    store.clear()
    assert not trial.latest.exists()


def test_latest_store_commit_waits_four_times_for_the_disk(
    trial: TrialPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files, their folder, the name: no more, since each wait costs milliseconds an epoch."""
    store = LatestStore(trial)
    commit(store, 1)
    count = 0
    fsync = os.fsync

    def count_fsync(descriptor: int) -> None:
        nonlocal count
        count += 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", count_fsync)
    commit(store, 2)
    assert count == 4
