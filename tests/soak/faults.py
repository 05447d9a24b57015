"""What goes wrong in a trial, and where: decided by the seed, the trial and its attempt."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WEIGHTS = {
    "none": 56,
    "error": 4,
    "exit": 2,
    "os_exit": 2,
    "kill": 7,
    "segv": 3,
    "abort": 2,
    "hang": 0.7,
    "stopped": 0.5,
    "nan": 3,
    "memory": 2,
    "infeasible": 2,
    "disk": 7,
    "late_kill": 4,
    "stray": 2,
    "closed": 0.5,
}
PLACES = ("build", "values", "trained", "best", "state", "reported", "operation", "operation")
MOST_OPERATIONS = 60


class SoakError(Exception):
    """A mistake in the user's code."""


class TooLargeError(Exception):
    """Stands in for the model that breaks a limit."""

    violation = 0.5


@dataclass
class Fault:
    """One thing that goes wrong in one attempt.

    Attributes:
        kind: One of `WEIGHTS`.
        place: One of `PLACES`.
        epoch: In which epoch of this attempt, where the place is in one.
        operation: At which operation on the disk, for ``operation``.
    """

    kind: str
    place: str
    epoch: int
    operation: int
    num_operations: int = 0

    def at(self, place: str, epoch: int = 0) -> None:
        """Strike where this is the place."""
        if self.place == place and epoch in (0, self.epoch):
            self.strike()

    def strike(self) -> None:
        """Let it happen."""
        if self.kind in _STRIKES:
            _STRIKES[self.kind]()

    def watch_disk(self) -> None:
        """Strike before or after one of this process' operations on the disk."""
        if self.place != "operation":
            return
        for name in ("fsync", "replace", "rename", "mkdir"):
            setattr(os, name, self._count(getattr(os, name)))

    def _count(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.num_operations += 1
            if self.num_operations != self.operation:
                return operation(*arguments, **options)
            if self.operation % 2:
                self.strike()
                return operation(*arguments, **options)
            result = operation(*arguments, **options)
            self.strike()
            return result

        return call


def choose_fault(seed: int, number: int, attempt: int) -> Fault:
    """Choose what goes wrong in an attempt; the same for the same arguments."""
    draw = random.Random(f"{seed}/{number}/{attempt}")
    kind = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    place = draw.choice(PLACES)
    if kind in ("memory", "infeasible", "error") and place in ("operation", "build"):
        place = "values"  # so that the batch size is known by then
    return Fault(kind, place, draw.randint(1, 6), draw.randint(1, MOST_OPERATIONS))


def _send(number: int) -> Callable[[], None]:
    def strike() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), number)
        time.sleep(60)

    return strike


def _raise(make: Callable[[], BaseException]) -> Callable[[], None]:
    def strike() -> None:
        raise make()

    return strike


def _make_error() -> SoakError:
    # Three trials that begin a sweep with the same error would end it.
    return SoakError("".join(random.choices("abcdefghij", k=8)))


def _kill_later() -> None:
    delay = random.uniform(0, 0.05)
    threading.Timer(delay, _send(signal.SIGKILL)).start()


def _leave_stray() -> None:
    session = random.random() < 0.5
    subprocess.Popen(["sleep", "40"], start_new_session=session, stdin=subprocess.DEVNULL)


_STRIKES: dict[str, Callable[[], Any]] = {
    "error": _raise(_make_error),
    "exit": lambda: sys.exit(3),
    "os_exit": lambda: os._exit(4),
    "kill": _send(signal.SIGKILL),
    "segv": _send(signal.SIGSEGV),
    "abort": _send(signal.SIGABRT),
    "hang": lambda: time.sleep(1000),
    "stopped": _send(signal.SIGSTOP),
    "memory": _raise(MemoryError),
    "infeasible": _raise(TooLargeError),
    "disk": _raise(lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
    "late_kill": _kill_later,
    "stray": _leave_stray,
    "closed": lambda: os.closerange(3, 256),
}
