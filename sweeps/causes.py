"""Why trials end badly: a closed set of causes, what to do about each, and what the sweep does.

No other module spells a cause. ``docs/reference/outcomes.md`` is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Short name of what ended a trial, in the study, in files and on the screen."""

    ERROR = "error"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed"
    CRASHED = "crashed"
    EXIT = "exit"
    TIMEOUT = "timeout"
    NO_PROGRESS = "no progress"
    DIVERGED = "diverged"
    NO_FINITE_VALUE = "no finite value"
    INFEASIBLE = "infeasible"
    THRESHOLD = "threshold"
    DUPLICATE = "duplicate"
    PROPOSAL = "proposal"
    SOURCE = "source"
    LOST = "lost"
    DISK_FULL = "disk full"
    STOPPED = "stopped"

    def explain(self, what: str) -> str:
        """Say what happened and what to do about it: the reason on a trial's record."""
        return f"{what} {FACTS[self].advice}".strip()


@dataclass(frozen=True)
class Facts:
    """What is known of a cause, whichever trial it ends.

    Attributes:
        state: How such a trial ends.
        meaning: What happened.
        advice: What to do. Every reason ends with it.
        policy: What the sweep does about it.
        retries: How many more attempts the trial gets by default; None where it never gets one.
    """

    state: str
    meaning: str
    advice: str
    policy: str
    retries: int | None = None


_RETRIED = "Another attempt, where there is one left, continues from the latest state."

FACTS: Mapping[Cause, Facts] = {
    Cause.ERROR: Facts(
        "failed",
        "The model's or the data's code raised an exception.",
        "Mend the code; the whole traceback is in the trial's log.txt.",
        f"{_RETRIED} Where the first 3 trials fail with the same error, the sweep stops.",
        0,
    ),
    Cause.OUT_OF_MEMORY: Facts(
        "failed, or pruned where a smaller batch did not help",
        "An allocation was refused, on host or GPU; or the trial was killed because its limit of "
        "memory, or the machine's memory, was used up.",
        "Use fewer workers, a smaller batch_size or smaller models.",
        "Begun again with half the batch size, and gradients accumulated over two batches, where "
        "the data is given as arrays and Keras trains. If that is not enough, the trial counts as "
        "infeasible: the sampler learns that, and another trial takes its place.",
        1,
    ),
    Cause.KILLED: Facts(
        "failed",
        "Somebody sent SIGKILL to the trial's process.",
        "Where that was for memory, use fewer workers, a smaller batch_size or smaller models.",
        _RETRIED,
        1,
    ),
    Cause.CRASHED: Facts(
        "failed",
        "Another signal ended the trial's process, such as SIGSEGV or SIGABRT.",
        "The end of the trial's log.txt may show where, in C code.",
        _RETRIED,
        1,
    ),
    Cause.EXIT: Facts(
        "failed",
        "The trial's code called sys.exit or os._exit.",
        "Raise an exception instead.",
        _RETRIED,
        0,
    ),
    Cause.TIMEOUT: Facts(
        "failed",
        "The trial took longer than limits.trial_timeout and was killed.",
        "Raise limits.trial_timeout, or narrow what makes trials slow.",
        _RETRIED,
        0,
    ),
    Cause.NO_PROGRESS: Facts(
        "failed",
        "The trial finished no batch for longer than limits.stall_timeout and was killed.",
        "Look for a deadlock or an endless loop in its code, or raise limits.stall_timeout.",
        _RETRIED,
        0,
    ),
    Cause.DIVERGED: Facts(
        "failed",
        "The loss or the objective became NaN or infinite.",
        "Lower the highest learning rate, or clip gradients.",
        "Ends at that epoch. Its best finite epoch and that checkpoint are kept, but never lead.",
    ),
    Cause.NO_FINITE_VALUE: Facts(
        "failed",
        "No epoch gave a finite value of every objective.",
        "Look at the metrics in the trial's history.csv.",
        "None.",
    ),
    Cause.INFEASIBLE: Facts(
        "pruned",
        "The model is larger than max_params or max_model_bytes allow.",
        "Raise the limit, or narrow the parameters.",
        "Not trained. The sampler learns that, and another trial takes its place.",
    ),
    Cause.THRESHOLD: Facts(
        "pruned",
        "No epoch was better than checkpoint.initial_value_threshold.",
        "Where that happens often, lower the threshold.",
        "No checkpoint is kept.",
    ),
    Cause.DUPLICATE: Facts(
        "as the earlier trial",
        "An earlier trial had the same parameters.",
        "",
        "Not trained: the earlier result is told again.",
    ),
    Cause.PROPOSAL: Facts(
        "failed",
        "No values were found that keep the constraints, or a queued value is none of its "
        "parameter's.",
        "",
        "The sweep ends with this message.",
    ),
    Cause.SOURCE: Facts(
        "failed",
        "The trial that this one was to extend is gone or damaged.",
        "Extend another trial.",
        "None.",
    ),
    Cause.LOST: Facts(
        "interrupted",
        "The process that forks trials died, and the trial's process with it.",
        "Continue with resume.",
        "Continued from its latest state, and not counted as a failure. It fails only where its "
        "process is lost again and again.",
        3,
    ),
    Cause.DISK_FULL: Facts(
        "interrupted",
        "The sweep's folder could not be written.",
        "Free some space.",
        "Waits, then continues from the trial's latest state.",
    ),
    Cause.STOPPED: Facts(
        "interrupted",
        "The sweep was asked to stop, or its time was up.",
        "Continue with resume.",
        "Saved, to be continued.",
    ),
}

RETRIES: Mapping[str, int] = {
    cause.value: facts.retries for cause, facts in FACTS.items() if facts.retries is not None
}
"""How many more attempts a trial gets, by cause: the defaults of ``limits.retries``."""

_INFEASIBLE = (Cause.INFEASIBLE, Cause.OUT_OF_MEMORY)


def is_infeasible(state: str, cause: str | None) -> bool:
    """Tell whether a trial could not be trained for its size, so that another takes its place."""
    return state == "pruned" and cause in _INFEASIBLE
