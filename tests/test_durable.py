"""Tests of `sweeps.durable`."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps import durable
from sweeps.durable import (
    commit_dir,
    digest_file,
    encode_json,
    has_space,
    link_file,
    make_dir,
    read_json,
    remove_leftovers,
    restore_dir,
    write_atomic,
    write_bytes,
    write_derived,
    write_json,
)

HALF_THEN_KILL = """
import os, signal, sys
from pathlib import Path
from sweeps import durable

def write(path):
    with path.open("wb") as file:
        file.write(b"new" * 1000)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

target = Path(sys.argv[1])
if sys.argv[2] == "plainly":
    write(target)
else:
    durable.write_atomic(target, write)
"""

DIE_AT_RENAME = """
import os, signal, sys
from pathlib import Path
from sweeps import durable

left = int(sys.argv[2])
rename = os.rename

def rename_or_die(source, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    rename(source, target)

os.rename = rename_or_die
durable.commit_dir(Path(sys.argv[1]), lambda folder: (folder / "model").write_bytes(b"new"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_until_killed(code: str, *arguments: object) -> None:
    ended = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=False)
    assert ended.returncode == -signal.SIGKILL


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_atomic_killed_in_the_middle_keeps_the_old_content(tmp_path: Path) -> None:
    """A name holds the whole old content until the new one is complete."""
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    run_until_killed(HALF_THEN_KILL, path, "atomically")
    assert path.read_bytes() == b"old"
    remove_leftovers(tmp_path)
    assert list_names(tmp_path) == ["model.keras"]


def test_plain_write_killed_in_the_middle_loses_the_old_content(tmp_path: Path) -> None:
    """Red control: what Keras does, truncating first, fails the check above."""
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    run_until_killed(HALF_THEN_KILL, path, "plainly")
    assert path.read_bytes() == b"new" * 1000


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_write_atomic_that_raises_leaves_nothing_behind(
    tmp_path: Path, error: BaseException
) -> None:
    """An error of `write` comes through; the old content stays and the temporary file goes."""
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def write(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomic(path, write)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {
        "model.keras": b"old"
    }


def test_write_atomic_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    """Keras chooses its format by the suffix."""
    seen: list[str] = []

    def write(temporary: Path) -> None:
        seen.append(temporary.name)
        temporary.touch()

    write_atomic(tmp_path / "0007.weights.h5", write)
    assert seen == [f".tmp-{os.getpid()}-0007.weights.h5"]
    assert list_names(tmp_path) == ["0007.weights.h5"]


def test_write_atomic_syncs_content_then_renames_then_syncs_the_folder(
    tmp_path: Path, operations: list[str]
) -> None:
    """After a power loss a final name means complete bytes, and a confirmed name is there."""
    write_bytes(tmp_path / "best.json", b"{}")
    assert operations == [
        "sync .tmp-best.json",
        "rename .tmp-best.json best.json",
        f"sync {tmp_path.name}",
    ]


def test_commit_dir_syncs_every_file_before_its_name(tmp_path: Path, operations: list[str]) -> None:
    """A folder of that name is complete after power loss, however its files were written."""

    def fill(folder: Path) -> None:
        (folder / "assets").mkdir()
        (folder / "assets" / "words").write_bytes(b"a")
        (folder / "model").write_bytes(b"b")

    (tmp_path / "space.yaml").touch()
    commit_dir(tmp_path / "bundle", fill)
    assert operations == [
        "sync model",
        "sync words",
        "sync assets",
        "sync .tmp-bundle",
        "rename .tmp-bundle bundle",
        f"sync {tmp_path.name}",
    ]


def test_write_derived_does_not_wait_for_the_disk(tmp_path: Path, operations: list[str]) -> None:
    """It replaces in one step and never syncs, which is what it is for."""
    write_derived(tmp_path / "history.csv", b"epoch\n1\n")
    assert operations == ["rename .tmp-history.csv history.csv"]
    assert (tmp_path / "history.csv").read_bytes() == b"epoch\n1\n"


def test_write_derived_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A name that cannot be replaced stays, and no temporary file does."""
    (tmp_path / "history.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        write_derived(tmp_path / "history.csv", b"")
    assert list_names(tmp_path) == ["history.csv"]


def test_make_dir_syncs_the_parent_of_each_new_folder(
    tmp_path: Path, operations: list[str]
) -> None:
    """A file is lost with its folder's name, so that name must be on disk too."""
    (tmp_path / "space.yaml").touch()
    make_dir(tmp_path / "trials" / "0007")
    assert operations == [f"sync {tmp_path.name}", "sync trials"]


def test_make_dir_trusts_a_folder_only_once_something_is_in_it(
    tmp_path: Path, operations: list[str]
) -> None:
    """Who made an empty one may have been killed before its name was on disk."""
    folder = tmp_path / "trials" / "0007"
    folder.mkdir(parents=True)
    make_dir(folder)
    assert operations == ["sync trials"]
    (folder / "params.json").touch()
    make_dir(folder)
    assert operations == ["sync trials"]


LIMITED = """
import resource, sys
from pathlib import Path
from sweeps.durable import has_space

resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
print([has_space(Path(sys.argv[1]), size) for size in (1, 1_400_000, 1_600_000, 1 << 60)])
"""


def test_has_space_tries_it_out_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit of a user or of a file shows only when something is written."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == "[True, True, False, False]\n"
    assert list_names(tmp_path) == []


def test_has_space_of_a_broken_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what says that the disk is full is waited for."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        has_space(tmp_path, 1)
    assert list_names(tmp_path) == []


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_commit_dir_killed_at_each_rename_leaves_one_complete_folder(
    tmp_path: Path, renames: int
) -> None:
    """Before, between and after its two renames, old or new is there and can be restored."""
    path = tmp_path / "bundle"
    commit_dir(path, lambda folder: (folder / "model").write_bytes(b"old"))
    run_until_killed(DIE_AT_RENAME, path, renames)
    restore_dir(path)
    remove_leftovers(tmp_path)
    assert list_names(tmp_path) == ["bundle"]
    assert (path / "model").read_bytes() == {0: b"old", 1: b"old", 2: b"new"}[renames]


def test_commit_dir_killed_between_its_renames_has_no_folder_until_restored(tmp_path: Path) -> None:
    """Cleaning up first must not delete the only complete folder."""
    path = tmp_path / "bundle"
    commit_dir(path, lambda folder: (folder / "model").write_bytes(b"old"))
    run_until_killed(DIE_AT_RENAME, path, 1)
    assert not path.exists()
    remove_leftovers(tmp_path)
    restore_dir(path)
    assert (path / "model").read_bytes() == b"old"


def test_commit_dir_whose_older_folder_stayed_is_cleaned(tmp_path: Path) -> None:
    """Killed after the commit, the older folder is deleted at the next start."""
    commit_dir(tmp_path / "bundle", lambda folder: (folder / "model").write_bytes(b"new"))
    (tmp_path / ".older-bundle").mkdir()
    remove_leftovers(tmp_path)
    assert list_names(tmp_path) == ["bundle"]


def test_commit_dir_that_raises_keeps_the_older_folder(tmp_path: Path) -> None:
    """A failed replacement costs nothing."""
    path = tmp_path / "bundle"
    commit_dir(path, lambda folder: (folder / "model").write_bytes(b"old"))

    def fill(folder: Path) -> None:
        (folder / "model").write_bytes(b"half")
        raise RuntimeError("score differs")

    with pytest.raises(RuntimeError, match="score differs"):
        commit_dir(path, fill)
    assert list_names(tmp_path) == ["bundle"]
    assert (path / "model").read_bytes() == b"old"


def test_commit_dir_whose_second_rename_fails_puts_the_older_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error between the two renames is undone at once."""
    path = tmp_path / "bundle"
    commit_dir(path, lambda folder: (folder / "model").write_bytes(b"old"))
    rename = os.rename

    def fail_at_commit(source: Path, target: Path) -> None:
        if Path(source).name.startswith(durable.TEMPORARY_MARK):
            raise OSError("input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_at_commit)
    with pytest.raises(OSError, match="input/output error"):
        commit_dir(path, lambda folder: None)
    assert list_names(tmp_path) == ["bundle"]
    assert (path / "model").read_bytes() == b"old"


def test_commit_dir_deletes_its_earlier_tries_and_no_other_folder(tmp_path: Path) -> None:
    """A killed try of the same name goes; "my-digits", in the making beside it, stays."""
    for name in (".tmp-1-digits", ".tmp-1-my-digits"):
        (tmp_path / name).mkdir()
    commit_dir(tmp_path / "digits", lambda folder: None)
    assert list_names(tmp_path) == [".tmp-1-my-digits", "digits"]


def test_restore_dir_leaves_a_folder_that_is_there(tmp_path: Path) -> None:
    """The newer folder wins once its rename has happened."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / ".older-bundle").mkdir()
    restore_dir(tmp_path / "bundle")
    assert list_names(tmp_path) == [".older-bundle", "bundle"]


def test_remove_leftovers_deletes_temporary_entries_only(tmp_path: Path) -> None:
    """Files, folders and links go, also of other processes; what a link points to stays."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / ".tmp-1-a.keras").touch()
    (tmp_path / ".tmp-99-epoch-000001").mkdir()
    (tmp_path / ".tmp-99-epoch-000001" / "arrays.bin").touch()
    (tmp_path / ".tmp-2-link").symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path)
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["kept", "file"]


def test_remove_leftovers_of_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    """A trial that never began has nothing to clean."""
    remove_leftovers(tmp_path / "missing")


def test_digest_file_is_sha256_of_all_chunks(tmp_path: Path) -> None:
    """Literal digests of an empty file and of one longer than a chunk."""
    (tmp_path / "empty").touch()
    (tmp_path / "long").write_bytes(b"a" * 3_000_000)
    assert digest_file(tmp_path / "empty") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert digest_file(tmp_path / "long") == (
        "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_write_json_refuses_what_json_has_no_number_for(tmp_path: Path, value: object) -> None:
    """NaN in a file would be read by Python only; the old file stays."""
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == 1


def test_write_json_is_read_back_equal_and_readable(tmp_path: Path) -> None:
    """Floats keep every bit, texts stay readable, the file ends in a line break."""
    value = {"name": "Größe", "value": 0.1 + 0.2, "list": [1, None, True]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "Größe" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert encode_json([1]) == b"[\n  1\n]\n"


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what reaches the disk, in order, by last names without the process's id."""
    done: list[str] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def name(path: object) -> str:
        return Path(str(path)).name.replace(f".tmp-{os.getpid()}-", ".tmp-")

    def record_fsync(descriptor: int) -> None:
        done.append(f"sync {name(Path(f'/proc/self/fd/{descriptor}').readlink())}")
        fsync(descriptor)

    def record_rename(source: object, target: object) -> None:
        done.append(f"rename {name(source)} {name(target)}")
        rename(source, target)

    def record_replace(source: object, target: object) -> None:
        done.append(f"rename {name(source)} {name(target)}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", record_rename)
    monkeypatch.setattr(os, "replace", record_replace)
    return done


def test_link_file_writes_no_byte_again(tmp_path: Path) -> None:
    """Both names are of one file, which stays until the last of them goes."""
    (tmp_path / "a").write_bytes(b"one")
    link_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").samefile(tmp_path / "b")
    (tmp_path / "a").unlink()
    assert (tmp_path / "b").read_bytes() == b"one"


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS]
)
def test_link_file_copies_where_the_file_system_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """FAT, some network folders and a file of too many names each say it in their way."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"one")
    link_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"one"
    assert not (tmp_path / "a").samefile(tmp_path / "b")
