"""Waits where a disk is full: the sweep pauses, and goes on once there is space."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sweeps.durable import DISK_FULL, has_space, is_disk_full
from sweeps.worker.events import Notice, Observer
from sweeps.worker.limits import Stop

LOOK_SECONDS = 1.0
"""How often it is tried whether there is space again."""
LEAST_BYTES = 1 << 20
"""What has to be free where nobody knows how much is needed."""
_GROWTH = 8

Result = TypeVar("Result")


class DiskSpace:
    """Pauses a sweep whose disk is full. Safe to use from several threads: one waits for all.

    Args:
        folder: The sweep's folder.
        stop: Whether to stop, which ends the pause too.
        observe: Told when the sweep pauses, and when it goes on.
    """

    def __init__(self, folder: Path, stop: Stop, observe: Observer) -> None:
        self._folder = folder
        self._stop = stop
        self._observe = observe
        self._lock = threading.Lock()

    def retry(self, write: Callable[[], Result]) -> Result:
        """Do something that writes, again and again until the disk has space for it.

        Raises:
            OSError: The sweep stops before there is space, or something else is wrong.
        """
        num_failed = 0
        while True:
            try:
                return write()
            except OSError as error:
                if not (is_disk_full(error) and self.wait(error, num_failed)):
                    raise
            num_failed += 1

    def wait(self, error: object, num_failed: int = 0, *, least_bytes: int = LEAST_BYTES) -> bool:
        """Wait until the folder can be written; False where the sweep stops before.

        Args:
            error: What happened, for people.
            num_failed: How often the same has failed before. Each time more space has to be free,
                so that what needs much, or another disk, is not tried for ever.
            least_bytes: What it is known to need.
        """
        num_bytes = max(least_bytes, LEAST_BYTES * _GROWTH**num_failed)
        with self._lock:
            if self._stop.reason:
                return False
            if has_space(self._folder, num_bytes):
                return True
            self._observe(Notice(self._describe(error, num_bytes)))
            while not self._stop.wait(LOOK_SECONDS):
                if has_space(self._folder, num_bytes):
                    self._observe(Notice("there is space on the disk again: the sweep goes on"))
                    return True
        return False

    def _describe(self, error: object, num_bytes: int) -> str:
        return (
            f"{DISK_FULL}: {self._folder} needs at least {num_bytes / 1e6:.3g} MB more ({error}). "
            "The sweep pauses and goes on by itself once there is space. All that was confirmed is "
            "kept; after Ctrl-C too, resume continues"
        )
