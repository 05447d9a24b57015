"""When work stops and how much of the machine it may use."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass

TERMINATED = "terminated"
"""The reason to stop after SIGTERM: what runs is saved at once, in the middle of its epoch."""


class Stop:
    """Whether the sweep was asked to stop, and why. Set once, from any thread or a signal.

    Args:
        deadline: When to stop at the latest, by `time.monotonic`; None means no limit.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self._deadline = deadline
        self._event = threading.Event()
        self._reason = ""

    def ask(self, reason: str) -> None:
        """Ask to stop; the first reason stays."""
        if not self._event.is_set():
            self._reason = reason
            self._event.set()

    @property
    def reason(self) -> str:
        """Why to stop; empty while there is no reason to."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.ask("timeout")
        return self._reason


@dataclass(frozen=True)
class Share:
    """How the machine is divided.

    Attributes:
        workers: Trials at a time.
        threads: CPU threads of each.
    """

    workers: int
    threads: int


def divide_cores(workers: int | str, trials: int, cores: int | None = None) -> Share:
    """Decide how many trials run at a time, with how many threads each.

    One thread each is fastest on small models, so that ``auto`` takes as many workers as there are
    cores, and no more than trials.

    Args:
        workers: A number, or ``auto``.
        trials: How many trials are left.
        cores: Cores to use; None asks the machine, its affinity and its cgroup.
    """
    cores = cores or _count_cores()
    count = cores if workers == "auto" else int(workers)
    count = max(1, min(count, trials))
    return Share(count, max(1, cores // count))


def count_workers(workers: int | str) -> int:
    """Decide how many trials run at a time, where there are trials enough."""
    return divide_cores(workers, sys.maxsize).workers


def _count_cores() -> int:
    import joblib  # takes 0.3 s, which reading a sweep should not pay

    count: int = joblib.cpu_count()
    return count
