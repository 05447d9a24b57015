"""How trials end badly, in words: what happened, and what to do about it."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from sweeps.training.channel import TrialEnd


@dataclass(frozen=True)
class Death:
    """A trial process that ended without saying how.

    Attributes:
        status: Its exit status, negative for the signal that ended it; None where nobody knows.
        timed_out: It was killed by us because its time was up.
        reason: What is known of a process that was lost or never started.
    """

    status: int | None
    timed_out: bool = False
    reason: str = "the process that forks trials died"


def explain_death(death: Death, *, timeout_seconds: float | None = None) -> TrialEnd:
    """Turn a process's death into the trial's end.

    A process that was lost together with its server is no failure of the trial: the trial is
    interrupted and will be continued.
    """
    if death.timed_out:
        return _fail(
            "timeout",
            f"not finished after {timeout_seconds:g} s and killed. "
            "Raise limits.trial_timeout, or narrow what makes trials slow.",
        )
    if death.status is None:
        return TrialEnd("interrupted", cause="lost", reason=death.reason)
    if death.status < 0:
        return _explain_signal(-death.status)
    return _fail(
        "exit",
        f"the process ended itself with status {death.status}. "
        "Look for os._exit in the model's code and at the end of the trial's log.",
    )


def _explain_signal(number: int) -> TrialEnd:
    name = signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL:
        return _fail(
            "killed",
            f"killed by {name}, most often because the machine ran out of memory. "
            "Use fewer workers, a smaller batch_size or smaller models.",
        )
    return _fail(
        "crashed", f"crashed with {name}. The end of the trial's log may show where, in C code."
    )


def _fail(cause: str, reason: str) -> TrialEnd:
    return TrialEnd("failed", cause=cause, reason=reason)
