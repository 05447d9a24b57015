"""The study's journal: Optuna's line format, written by one process so that nothing is lost.

Each line is one JSON object, as Optuna's own ``JournalFileBackend`` writes and reads it. Ours carry
one more key at the end, ``"crc"``: the CRC-32 of the line without that key, in eight hexadecimal
digits. Optuna ignores the key, and a changed byte cannot become a wrong value. A line
without it was written by another program (optuna-dashboard saves notes so): it is taken if it holds
nothing but Optuna's keys.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from sweeps.durable import is_disk_full, sync_dir
from sweeps.errors import JournalError

Record = dict[str, Any]

_CHECKSUM = re.compile(rb',"crc":"([0-9a-f]{8})"\}$')
_OPTUNA_KEYS = frozenset(
    {
        *("op_code", "worker_id", "study_id", "study_name", "directions", "trial_id"),
        *("user_attr", "system_attr", "user_attrs", "system_attrs", "state", "value", "values"),
        *("datetime_start", "datetime_complete", "distribution", "distributions", "params"),
        *("param_name", "param_value_internal", "step", "intermediate_value"),
        "intermediate_values",
    }
)


def encode_record(record: Record) -> bytes:
    """Write one record as a line with its checksum, newline included."""
    return _add_checksum(_encode_body(record))


def decode_record(line: bytes) -> Record | None:
    """Read one line without its newline; None where it is damaged."""
    checksum = _CHECKSUM.search(line)
    body = line[: checksum.start()] + b"}" if checksum else line
    if checksum and int(checksum[1], 16) != zlib.crc32(body):
        return None
    try:
        record = json.loads(str(body, "utf-8"))  # as bytes it would guess the encoding first
    except ValueError:
        return None
    # A changed byte inside `"crc"` itself would make a line pass as one of another program.
    return record if isinstance(record, dict) and record.keys() <= _OPTUNA_KEYS else None


def read_records(content: bytes, *, path: Path, first_line: int = 1) -> tuple[list[Record], int]:
    """Read all complete records of a journal.

    A damaged last line, with or without its newline, is what a crash leaves of a record that was
    never confirmed: it is left out.

    Args:
        content: Bytes of the file, or of its end.
        path: The file, for messages.
        first_line: Line number of the first line in `content`.

    Returns:
        The records, and the number of bytes they take from the start of `content`.

    Raises:
        JournalError: A line before the last one is damaged.
    """
    lines = content.split(b"\n")
    tail = lines.pop()
    records = [decode_record(line) for line in lines]
    damaged = next((index for index, record in enumerate(records) if record is None), len(lines))
    if damaged < len(lines) - 1 or (damaged < len(lines) and tail):
        raise JournalError(_describe_damage(path, first_line + damaged))
    good = [record for record in records if record is not None]
    return good, sum(len(line) + 1 for line in lines[:damaged])


class JournalBackend(BaseJournalBackend):
    """Keeps a study in one file that this process alone writes; see the module for the format.

    Reads the file once, at the first `read_logs`, and remembers only what Optuna has not fetched.
    A record is in the file when `append_logs` returns and on disk when the next `sync` returns. If
    the process dies in between, the next opening finds a prefix of the records.

    The caller holds the sweep's lock. `append_logs` and `read_logs` are called under the lock of
    Optuna's ``JournalStorage``; `sync` may be called from any thread, and one fsync then serves all
    threads that wait for it.

    Args:
        path: The journal; it is created by the first append.
        read_only: Never write and never cut, so that another process may write meanwhile.
        wait_for_space: Called where the disk is full; True means that writing may be tried again.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        wait_for_space: Callable[[OSError], bool] = lambda error: False,  # noqa: ARG005
    ) -> None:
        self._path = path
        self._read_only = read_only
        self._wait_for_space = wait_for_space
        self._unread: list[Record] | None = None
        self._first_unread = 0
        self._size = 0
        self._has_torn_tail = False
        self._descriptor: int | None = None
        self._sync_lock = threading.Lock()
        self._is_dirty = False
        self._has_failed = False

    def read_logs(self, log_number_from: int) -> Iterable[Record]:
        """Hand out the records from number `log_number_from` on, and forget those before."""
        if self._unread is None:
            self._unread = self._load()
        assert log_number_from >= self._first_unread, "records are handed out once"
        del self._unread[: log_number_from - self._first_unread]
        self._first_unread = log_number_from
        return list(self._unread)

    def append_logs(self, logs: list[Record]) -> None:
        """Append records in one write.

        Raises:
            OSError: The disk is full and stays so, or the file cannot be written. It is as it was
                before.
            JournalError: An earlier `sync` failed, so what is on disk is no longer known.
        """
        descriptor = self._open_descriptor()
        self._check_healthy()
        self._read_foreign(descriptor)
        bodies = [_encode_body(record) for record in logs]
        self._write(descriptor, b"".join(map(_add_checksum, bodies)))
        self._is_dirty = True
        # Optuna is given what a reader of the file will find, such as lists in place of tuples.
        self._remember([json.loads(body) for body in bodies])

    def sync(self) -> None:
        """Wait until all records appended so far are on disk.

        Raises:
            OSError: The disk refused. Open the sweep anew: the operating system may have dropped
                the records that it could not write.
        """
        with self._sync_lock:
            self._check_healthy()
            if not self._is_dirty:
                return
            self._is_dirty = False  # before the fsync: what is appended meanwhile needs another
            try:
                os.fsync(self._open_descriptor())
            except OSError:
                self._has_failed = True
                raise

    def close(self) -> None:
        """Wait for the disk and close the file."""
        if self._descriptor is None:
            return
        try:
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def _load(self) -> list[Record]:
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        records, self._size = read_records(content, path=self._path)
        self._has_torn_tail = self._size < len(content)
        # Who appended the last ones may have been killed before they were on disk.
        self._is_dirty = not self._read_only
        return records

    def _remember(self, records: list[Record]) -> None:
        assert self._unread is not None, "Optuna reads before it writes"
        self._unread.extend(records)

    def _check_healthy(self) -> None:
        if self._has_failed:
            message = "an earlier write did not reach the disk. Free the disk, then resume."
            raise JournalError(f"{self._path}: {message}")

    def _open_descriptor(self) -> int:
        if self._read_only:
            raise JournalError(f"{self._path}: opened for reading only.")
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o644)
            if self._has_torn_tail:
                os.ftruncate(self._descriptor, self._size)
            # Also where the file was there: who created it may have died before this.
            sync_dir(self._path.parent)
        return self._descriptor

    def _read_foreign(self, descriptor: int) -> None:
        """Take in what another program appended, so that both count trials alike."""
        size = os.fstat(descriptor).st_size
        if size == self._size:
            return
        content = os.pread(descriptor, max(size - self._size, 0), self._size)
        records, length = read_records(content, path=self._path)
        if size < self._size or length < len(content):
            raise JournalError(f"{self._path}: changed by another program while the sweep runs.")
        self._size = size
        self._remember(records)

    def _write(self, descriptor: int, content: bytes) -> None:
        while True:
            try:
                self._write_once(descriptor, content)
            except OSError as error:
                if not (is_disk_full(error) and self._wait_for_space(error)):
                    raise
            else:
                self._size += len(content)
                return

    def _write_once(self, descriptor: int, content: bytes) -> None:
        """Write all of it or nothing."""
        try:
            written = os.write(descriptor, content)
        except OSError as error:
            os.ftruncate(descriptor, self._size)
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        if written < len(content):
            os.ftruncate(descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))


def _encode_body(record: Record) -> str:
    return json.dumps(record, separators=(",", ":"))


def _add_checksum(text: str) -> bytes:
    body = text.encode()
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def _describe_damage(path: Path, line: int) -> str:
    return (
        f"{path}:{line}: this record is damaged, and records follow it. Restore the file from a "
        f"copy, or keep what is before it with: head -n {line - 1} {path.name} > repaired"
    )
