"""What a trial may ask and tell while it trains, whoever is at the other end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sweeps.checkpoints.store import BestCheckpoint
from sweeps.spec.parameters import Parameter

Action = Literal["continue", "prune", "stop"]


@dataclass(frozen=True)
class TrialEnd:
    """How training a trial came to its end.

    Attributes:
        state: ``complete``, ``pruned``, ``failed`` or ``interrupted``.
        epoch: Finished epochs.
        best: The best checkpoint; None where no epoch was worth keeping.
        cause: Short name of what ended it; empty where it simply completed.
        reason: What happened and what to do about it.
        traceback: Where the user's code failed; empty where it did not.
    """

    state: Literal["complete", "pruned", "failed", "interrupted"]
    epoch: int = 0
    best: BestCheckpoint | None = None
    cause: str = ""
    reason: str = ""
    traceback: str = ""


class Channel(Protocol):
    """The other end of a trial: answers its questions and takes its reports.

    Every method blocks until the answer is there. All are called from the thread that trains, one
    at a time. Where the other end has gone, the process ends inside the call: a trial never trains
    for nobody.
    """

    def suggest(self, parameter: Parameter) -> Any:
        """Ask for the value of a parameter that the model's code declares.

        Asking twice for one name gives the same value, in a later attempt of the trial too.
        """

    def record_values(self, values: Mapping[str, Any]) -> None:
        """Tell the values with which the model was built."""

    def report(self, epoch: int, value: float | None, best: float | None) -> Action:
        """Tell the objective's value after `epoch`, and hear whether to go on.

        Telling an epoch again, as a resumed trial does, changes nothing and is answered anew.

        Args:
            epoch: Finished epochs, 1-based.
            value: Finite value of the objective; None where the epoch was not validated.
            best: The trial's best value so far.
        """
