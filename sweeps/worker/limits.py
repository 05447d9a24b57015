"""When work stops and how much of the machine it may use."""

from __future__ import annotations

import time
from dataclasses import dataclass

INTERRUPTED = "interrupted"
"""The reason to stop after Ctrl-C: what runs ends after its epoch, if that ends soon."""
TERMINATED = "terminated"
"""The reason to stop after SIGTERM: what runs is saved at once, in the middle of its epoch."""
DRAIN_SECONDS = 5.0
"""How long the end of an epoch is waited for after Ctrl-C."""
_LOOK_SECONDS = 0.05


class Stop:
    """Whether the sweep was asked to stop, and why. Set from any thread or a signal.

    It has no lock: the handler of a signal would wait for what the code that it interrupts holds.

    Args:
        deadline: When to stop at the latest, by `time.monotonic`; None means no limit.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self._reason = ""
        self._asked_at = 0.0

    def ask(self, reason: str, *, urgent: bool = False) -> None:
        """Ask to stop; the first reason stays, unless a later one is `urgent`."""
        if urgent or not self._reason:
            self._asked_at = time.monotonic()  # first: who sees the reason looks at this
            self._reason = reason

    def wait(self, seconds: float) -> bool:
        """Wait for a reason to stop; False where there is none after the time."""
        end = time.monotonic() + seconds
        while not self.reason and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
        return bool(self.reason)

    @property
    def is_by_signal(self) -> bool:
        """Whether Ctrl-C or SIGTERM came: nothing goes on then that `resume` can do as well."""
        return self.reason in (INTERRUPTED, TERMINATED)

    @property
    def is_urgent(self) -> bool:
        """Whether what runs is to be saved in the middle of its epoch.

        After SIGTERM at once, after Ctrl-C where the epoch has not ended by itself soon.
        """
        waited = time.monotonic() - self._asked_at
        reason = self.reason
        return reason == TERMINATED or (reason == INTERRUPTED and waited >= DRAIN_SECONDS)

    @property
    def reason(self) -> str:
        """Why to stop; empty while there is no reason to."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
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


def divide_cores(
    workers: int | str,
    trials: int,
    cores: int | None = None,
    *,
    threads: int | None = None,
    gpu_slots: int | None = None,
    memory_slots: int | None = None,
) -> Share:
    """Decide how many trials run at a time, with how many threads each.

    One thread each is fastest on small models, so that ``auto`` takes as many workers as there are
    cores, and no more than trials. More threads in all than cores there are only where both numbers
    were given.

    Args:
        workers: A number, or ``auto``.
        trials: How many trials are left.
        cores: Cores to use; None asks the machine, its affinity and its cgroup.
        threads: CPU threads of each; None divides the cores.
        gpu_slots: How many trials can have a GPU; None where they use none.
        memory_slots: How many trials the memory holds; None where that is not known. A number of
            workers is taken as it is: whoever gave it may know better.
    """
    cores = cores or count_cores()
    count = cores // (threads or 1) if workers == "auto" else int(workers)
    if workers == "auto" and memory_slots is not None:
        count = min(count, memory_slots)
    count = max(1, min(count, trials, gpu_slots or count))
    return Share(count, threads or max(1, cores // count))


def count_cores() -> int:
    """Count the cores that we may use: affinity and cgroup may leave us fewer than there are."""
    import joblib  # takes 0.3 s, which reading a sweep should not pay

    count: int = joblib.cpu_count()
    return count
