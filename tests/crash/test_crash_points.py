"""Every crash point of every durable write is survived, and the enumeration finds what is not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sweeps import durable
from sweeps.checkpoints import store
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore
from sweeps.search import journal
from sweeps.search.journal import JournalBackend
from tests.crash.disk import Operation, build_tree, list_crashes, record
from tests.crash.scenarios import LIVES, PLAINLY, SCENARIOS, Scenario

FEWEST_CASES = {
    "best": 500,
    "kept": 500,
    "extension": 500,
    "latest": 500,
    "journal": 200,
    "bundle": 500,
    "folder": 300,
    "trial": 1000,
    "linked": 1000,
}

FEWEST_LIVES = {"best": 500, "journal": 100}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Give a folder in memory where the system has one: thousands of folders are made in it."""
    shared = Path("/dev/shm")  # only a place for a folder of our own
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", LIVES)
def test_every_crash_point_after_a_kill_is_survived(
    name: str, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes on after a killed process does not trust what that one did not put on disk."""
    count, violations = replay_lives(name, memory, monkeypatch, most=5)
    assert violations == []
    assert count >= FEWEST_LIVES[name]


def replay_lives(
    name: str, folder: Path, patch: pytest.MonkeyPatch, *, most: int
) -> tuple[int, list[str]]:
    """Kill the first life at each of its syncs, let a second one go on, and crash that."""
    scenario, total = LIVES[name], 0
    for num_syncs in range(count_syncs(folder / "counted", scenario.run)):
        again = replace(scenario, run=partial(live_twice, scenario.run, num_syncs))
        (folder / str(num_syncs)).mkdir()
        count, violations = replay(again, folder / str(num_syncs), patch, most=most)
        total += count
        if violations:
            return total, violations
    return total, []


def live_twice(run: Any, num_syncs: int, root: Path, confirm: Any) -> None:
    """Do the work, killed at a sync; then do it again in what is left."""
    note_sync = os.fsync
    left = iter(range(num_syncs))

    def sync_or_die(descriptor: int) -> None:
        if next(left, None) is None:
            raise KilledError
        note_sync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", sync_or_die)
        with suppress(KilledError):
            run(root, confirm)
    run(root, confirm)


class KilledError(BaseException):
    """Stands for SIGKILL."""


def count_syncs(root: Path, run: Any) -> int:
    root.mkdir()
    return sum(operation.kind == "sync" for operation in record(root, run))


def replay(
    scenario: Scenario, folder: Path, patch: pytest.MonkeyPatch, *, most: int | None = None
) -> tuple[int, list[str]]:
    """Recover from every crash; gives how many there are, and what went wrong after which."""
    (folder / "recorded").mkdir()
    operations = record(folder / "recorded", scenario.run)
    patch.setattr(os, "fsync", lambda descriptor: None)
    count, violations = 0, []
    for count, (confirmed, tree) in enumerate(list_crashes(operations), start=1):  # noqa: B007
        root = folder / "crashed"
        build_tree(root, tree)
        try:
            scenario.recover(root, confirmed)
        except Exception as error:  # whatever recovery raises is a violation
            violations.append(f"{confirmed} {tree}: {type(error).__name__}: {error}")
        shutil.rmtree(root)
        if most is not None and len(violations) >= most:
            break
    return count, violations


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_crash_point_is_survived(
    name: str, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was confirmed is there and whole after a kill or a power loss at any moment."""
    count, violations = replay(SCENARIOS[name], memory, monkeypatch, most=5)
    assert violations == []
    assert count >= FEWEST_CASES[name]


def test_red_control_writing_over_the_older_model_loses_it(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras' ModelCheckpoint writes over the file: a crash leaves a torn one or none."""
    _, violations = replay(PLAINLY, memory, monkeypatch)
    assert len(violations) > 10


def _skip_sync(module: object, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(module, name, lambda *arguments: None)


def _sync_everything_but_folders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(durable, "sync_dir", lambda path: None)
    patch.setattr(journal, "sync_dir", lambda path: None)


def _delete_the_older_best_first(patch: pytest.MonkeyPatch) -> None:
    commit = BestStore.commit

    def commit_late(self: BestStore, best: BestCheckpoint) -> None:
        self.remove_others(best)
        commit(self, best)

    patch.setattr(BestStore, "commit", commit_late)


def _link_late(patch: pytest.MonkeyPatch) -> None:
    commit = LatestStore.commit

    def commit_first(self: LatestStore, epoch: int, *given: Any, write_model: Any) -> None:
        commit(self, epoch, *given)
        write_model(self._root / f"epoch-{epoch:06d}" / "model.keras")

    patch.setattr(LatestStore, "commit", commit_first)


def _delete_the_older_folder_first(patch: pytest.MonkeyPatch) -> None:
    commit = durable.commit_dir

    def commit_anew(path: Path, fill: Callable[[Path], None]) -> None:
        shutil.rmtree(path, ignore_errors=True)
        commit(path, fill)

    patch.setattr("tests.crash.scenarios.commit_dir", commit_anew)


BREAKS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "files are not synced": ("best", _skip_sync(durable, "sync_file")),
    "folders are not synced": ("best", _sync_everything_but_folders),
    "folders are not synced, latest": ("latest", _sync_everything_but_folders),
    "folders are not synced, bundle": ("bundle", _sync_everything_but_folders),
    "the journal's folder is not synced": ("journal", _skip_sync(journal, "sync_dir")),
    "the journal is not synced": ("journal", _skip_sync(JournalBackend, "sync")),
    "a tree is not synced, latest": ("latest", _skip_sync(durable, "sync_tree")),
    "a tree is not synced, bundle": ("bundle", _skip_sync(durable, "sync_tree")),
    "an older folder is not put back": ("bundle", _skip_sync(durable, "restore_dir")),
    "new folders are not synced": (
        "best",
        lambda patch: patch.setattr(
            store, "make_dir", lambda path: path.mkdir(parents=True, exist_ok=True)
        ),
    ),
    "the older best goes first, kept": ("kept", _delete_the_older_best_first),
    "a tree is not synced, extension": ("extension", _skip_sync(durable, "sync_tree")),
    "a tree is not synced, linked": ("linked", _skip_sync(durable, "sync_tree")),
    "the link is made in the committed folder": ("linked", _link_late),
    "the older best goes first": ("best", _delete_the_older_best_first),
    "the older bundle goes first": ("bundle", _delete_the_older_folder_first),
    "leftovers are not removed": ("latest", _skip_sync(LatestStore, "remove_leftovers")),
    "an older state is not put back": ("latest", _skip_sync(store, "restore_dirs")),
    "leftovers of an earlier try stay": ("folder", _skip_sync(durable, "remove_entry")),
}


def _sync_own(backend: JournalBackend) -> None:
    """Sync what this process has appended, and nothing else."""
    if backend._descriptor is not None:
        os.fsync(backend._descriptor)


def _trust_every_folder(patch: pytest.MonkeyPatch) -> None:
    def make_dir(path: Path) -> None:
        if not path.is_dir():
            make_dir(path.parent)
            path.mkdir()
            durable.sync_dir(path.parent)

    patch.setattr(store, "make_dir", make_dir)


TRUSTS = {
    "a folder's name": ("best", _trust_every_folder),
    "records of the study": (
        "journal",
        lambda patch: patch.setattr("tests.crash.scenarios.JournalBackend.sync", _sync_own),
    ),
}


@pytest.mark.parametrize("trusted", TRUSTS)
def test_what_is_trusted_after_a_kill_is_found(
    trusted: str, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red control: with one thing taken for granted, a kill and a power loss lose something."""
    name, trust_it = TRUSTS[trusted]
    trust_it(monkeypatch)
    assert replay_lives(name, memory, monkeypatch, most=1)[1]


@pytest.mark.parametrize("broken", BREAKS)
def test_every_broken_order_is_found(
    broken: str, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red control: with one sync left out, or one order swapped, some crash loses something."""
    name, break_it = BREAKS[broken]
    scenario = SCENARIOS[name]
    if broken == "an older folder is not put back":
        monkeypatch.setattr("tests.crash.scenarios.restore_dir", lambda path: None)
    break_it(monkeypatch)
    _, violations = replay(scenario, memory, monkeypatch, most=1)
    assert violations


def test_the_recorder_sees_each_operation_once(tmp_path: Path) -> None:
    """A durable write is a link, its bytes, a sync, a rename and a sync of the folder."""
    operations = record(tmp_path, lambda root, _: durable.write_bytes(root / "a", b"12"))
    temporary = f".tmp-{os.getpid()}-a"
    assert [replace(each, content=b"") for each in operations] == [
        Operation("link", 0, temporary, 1),
        Operation("write", 1),
        Operation("sync", 1),
        Operation("rename", 0, temporary, "a"),
        Operation("sync", 0),
    ]


def test_the_recorder_sees_a_link_as_a_further_name_of_its_file(tmp_path: Path) -> None:
    """The bytes stay where one of the names is lost or deleted."""

    def run(root: Path, confirm: Any) -> None:
        durable.write_bytes(root / "a", b"12")
        durable.link_file(root / "a", root / "b")
        (root / "a").unlink()

    operations = record(tmp_path, run)
    assert operations[-2:] == [Operation("link", 0, "b", 1), Operation("unlink", 0, "a", "")]
    trees = [tree for _, tree in list_crashes(operations)]
    assert [tree for tree in trees if "b" in tree] == [{"a": b"12", "b": b"12"}, {"b": b"12"}]


def test_list_crashes_tears_at_every_byte(tmp_path: Path) -> None:
    """A plain write may leave no file, any part of it, zeros of its length, or all of it."""
    operations = record(tmp_path, lambda root, _: (root / "a").write_bytes(b"12") and None)
    trees = [tree for _, tree in list_crashes(operations)]
    contents = [tree.get("a") for tree in trees]
    assert sorted(contents, key=repr) == sorted([None, b"", b"1", b"12", b"\0\0"], key=repr)
