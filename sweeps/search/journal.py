"""The study's journal: written by one process so that nothing is lost.

`sweeps.search.journal_lines` says what stands in it.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from optuna.storages.journal import BaseJournalBackend

from sweeps.durable import is_disk_full, sync_dir
from sweeps.errors import JournalError
from sweeps.search.journal_lines import Record, add_checksum, encode_body, read_records


class JournalBackend(BaseJournalBackend):
    """Keeps a study in one file that this process alone writes.

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
        self._is_closed = False

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
            JournalError: An earlier `sync` failed, so what is on disk is no longer known; or it has
                been closed, and another process may write by now.
        """
        descriptor = self._open_descriptor()
        self._check_healthy()
        self._read_foreign(descriptor)
        bodies = [encode_body(record) for record in logs]
        self._write(descriptor, b"".join(map(add_checksum, bodies)))
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
        """Wait for the disk and close the file. Nothing is written after that."""
        self._is_closed = True
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
            if self._is_closed:
                raise JournalError(f"{self._path}: it has been closed.")
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
