"""Writing that survives a crash: the only place of this project that renames or links.

A file or folder has its final name only when it is complete and on disk. The order is always the
same: write under a temporary name, fsync the content, rename, fsync the folder that holds it. Who
dies in between leaves a temporary name behind, which `remove_leftovers` clears at the next start.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sweeps.errors import UnsafeFolderError

TEMPORARY_MARK = ".tmp-"
OLDER_MARK = ".older-"
DISK_FULL = "disk full"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHUNK_BYTES = 1 << 20


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then give it its name in one step.

    If the process dies at any moment, `path` holds either the whole old or the whole new content.

    Args:
        path: Final name; an older file of that name is replaced.
        write: Gets the temporary path, which has the same suffix, and writes the file there.
    """
    with _renaming(path) as temporary:
        write(temporary)
        sync_file(temporary)
    sync_dir(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically and durably."""
    with _renaming(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_dir(path.parent)


def write_derived(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step, without waiting for the disk.

    For what is made again from durable files, such as a table for reading: a killed process leaves
    the whole old or the whole new content, but a power loss may take the last minute of it away.
    """
    with _renaming(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically and durably. NaN is refused: it is not JSON."""
    write_bytes(path, encode_json(value))


def encode_json(value: Any) -> bytes:
    """Give the bytes that `write_json` writes.

    Raises:
        ValueError: There is a NaN or an infinity in it.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def read_json(path: Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(path.read_bytes())


def make_dir(path: Path) -> None:
    """Create a folder and its parents; when this returns, their names are on disk.

    An empty folder may come from a process that was killed before its name was on disk, so that it
    counts as new. One with something in it does not: who put that there had called this first.
    """
    if path == path.parent or _has_entries(path):
        return
    make_dir(path.parent)
    path.mkdir(exist_ok=True)
    sync_dir(path.parent)


def commit_dir(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a temporary folder beside `path`, then give it its name in one rename.

    An older folder of that name is moved aside first and deleted last: at every moment one complete
    folder exists, under `path` or under the name from which `restore_dir` brings it back.

    Args:
        path: Final name of the folder.
        fill: Gets the empty temporary folder and writes its files there; no need to sync them.
            What a killed process left of an earlier try is deleted before.
    """
    temporary = _temporary_name(path)
    older = path.with_name(OLDER_MARK + path.name)
    make_dir(path.parent)
    _remove_earlier_tries(path)
    temporary.mkdir()
    try:
        fill(temporary)
        sync_tree(temporary)
        if path.exists():
            shutil.rmtree(older, ignore_errors=True)
            os.rename(path, older)  # noqa: PTH104
        os.rename(temporary, path)  # noqa: PTH104 - this rename is the commit
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        restore_dir(path)
        raise
    sync_dir(path.parent)
    shutil.rmtree(older, ignore_errors=True)


@contextlib.contextmanager
def temporary_dir(parent: Path) -> Iterator[Path]:
    """Give an empty folder in `parent`, deleted in the end, or by `remove_leftovers` later."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_MARK, dir=parent) as folder:
        yield Path(folder)


def move_entries(source: Path, target: Path) -> None:
    """Move all that lies in a folder into another one of the same file system.

    Not durable by itself: this is for the function that `commit_dir` calls.
    """
    for entry in source.iterdir():
        os.rename(entry, target / entry.name)  # noqa: PTH104


def restore_dir(path: Path) -> None:
    """Put back the older folder where a replacement died between its two renames."""
    older = path.with_name(OLDER_MARK + path.name)
    if older.exists() and not path.exists():
        os.rename(older, path)  # noqa: PTH104
        sync_dir(path.parent)


def restore_dirs(folder: Path) -> None:
    """Do what `restore_dir` does for every folder directly inside `folder`."""
    for entry in folder.glob(f"{OLDER_MARK}*"):
        restore_dir(entry.with_name(entry.name.removeprefix(OLDER_MARK)))


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed process left directly inside `folder`.

    That is its temporary files and folders, and an older folder whose replacement is complete. One
    whose replacement is not stays, for `restore_dir`.
    """
    for entry in find_leftovers(folder):
        remove_entry(entry)


def find_leftovers(folder: Path) -> list[Path]:
    """List what `remove_leftovers` would delete."""
    older = sorted(folder.glob(f"{OLDER_MARK}*"))
    replaced = [
        entry for entry in older if entry.with_name(entry.name.removeprefix(OLDER_MARK)).exists()
    ]
    return [*sorted(folder.glob(f"{TEMPORARY_MARK}*")), *replaced]


def remove_entry(entry: Path) -> None:
    """Delete a file, a link or a whole folder; nothing happens where there is none."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def link_file(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links.

    Its bytes are not written again, and stay until the last of its names is deleted. The new name
    is not durable by itself: this is for the function that `commit_dir` calls.
    """
    try:
        os.link(source, target)
    except OSError:  # which one says "no hard links" depends on the file system
        shutil.copyfile(source, target)


def refuse_links(folder: Path) -> None:
    """Make sure that a folder, which may come from a stranger, holds files and folders only.

    A link in it would lead what is read, written or deleted to some other place, and a pipe would
    be waited for. The folder itself may be a link: that is the choice of who names it.

    Raises:
        UnsafeFolderError: It holds a link or a special file, at any depth.
    """
    left = [folder]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except (FileNotFoundError, NotADirectoryError):  # a running sweep deletes meanwhile
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                left.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                kind = "a symbolic link" if entry.is_symlink() else "a pipe, socket or device"
                raise UnsafeFolderError(
                    f"{entry.path}: {kind} does not belong into a sweep or a bundle, and is not "
                    "followed. Remove it, or put the file itself there."
                )


def is_disk_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, says that nothing more can be written."""
    while error is not None:
        # HDF5 tells the system's error in its text only.
        if getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def has_space(folder: Path, num_bytes: int) -> bool:
    """Try out whether so much can be written to a folder: free blocks do not tell of quotas.

    Leaves nothing behind, except where the process dies in between: a leftover.

    Raises:
        OSError: The folder cannot be written for another reason.
    """
    disk = os.statvfs(folder)
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < num_bytes:
        return False  # without filling up what others may need
    probe = _temporary_name(folder / "probe")
    try:
        with probe.open("wb") as file:
            chunk = os.urandom(min(num_bytes, _CHUNK_BYTES))  # what no disk can compress
            for written in range(0, num_bytes, _CHUNK_BYTES):
                file.write(chunk[: num_bytes - written])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if is_disk_full(error):
            return False
        raise
    finally:
        probe.unlink(missing_ok=True)
    return True


def describe_full_disk(folder: Path) -> str:
    """Say that the disk is full, which folder needs space, and how to go on."""
    return (
        f"{DISK_FULL}: {folder} cannot be written. All that was confirmed is kept. "
        f"Free space there, then continue with: python -m sweeps resume {folder}"
    )


def digest_file(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sha.update(chunk)
    return sha.hexdigest()


def sync_file(path: Path) -> None:
    """Wait until the bytes of a file are on disk."""
    _sync(path, os.O_RDONLY)


def sync_dir(path: Path) -> None:
    """Wait until the names in a folder are on disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(folder: Path) -> None:
    """Wait until everything below a folder is on disk, files before the folders that name them."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync_dir(path) if path.is_dir() else sync_file(path)
    sync_dir(folder)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY_MARK}{os.getpid()}-{path.name}")


def _remove_earlier_tries(path: Path) -> None:
    # The whole name is compared: "my-digits" may be in the making while "digits" is committed.
    name = re.compile(rf"{re.escape(TEMPORARY_MARK)}[0-9]+-{re.escape(path.name)}")
    for entry in path.parent.glob(f"{TEMPORARY_MARK}*"):
        if name.fullmatch(entry.name):
            remove_entry(entry)


@contextlib.contextmanager
def _renaming(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; what is there in the end gets that name in one step."""
    temporary = _temporary_name(path)
    try:
        yield temporary
        os.replace(temporary, path)  # noqa: PTH105 - this rename is the commit
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _has_entries(path: Path) -> bool:
    """Tell whether a path is a folder with something in it; does not read all of a large one."""
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
