"""What a trial may ask and tell while it trains, whoever is at the other end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        value: The trial's value: that of its best checkpoint, or the mean over repeats or folds.
        spread: Sample standard deviation over repeats or folds; None where there is one only.
        others: Values of the further objectives by metric: at the epoch of the best checkpoint, or
            their means over repeats or folds.
        same_as: Number of the finished trial that had the same parameters, where one had.
        violation: By which share of its limit an infeasible model is too large; None else.
        cause: What ended it, one of `sweeps.causes.Cause`; empty where it simply completed.
        reason: What happened and what to do about it.
        traceback: Where the user's code failed; empty where it did not.
    """

    state: Literal["complete", "pruned", "failed", "interrupted"]
    epoch: int = 0
    best: BestCheckpoint | None = None
    value: float | None = None
    spread: float | None = None
    same_as: int | None = None
    violation: float | None = None
    cause: str = ""
    reason: str = ""
    traceback: str = ""
    others: dict[str, float] = field(default_factory=dict)


class Channel(Protocol):
    """The other end of a trial: answers its questions and takes its reports.

    Every method blocks until the answer is there. They are called one at a time: `report` from the
    thread that writes checkpoints, where there is one, all others from the thread that trains.
    Where the other end has gone, the process ends inside the call: a trial never trains for nobody.
    """

    def suggest(self, parameter: Parameter) -> Any:
        """Ask for the value of a parameter that the model's code declares.

        Asking twice for one name gives the same value, in a later attempt of the trial too.
        """

    def record_values(self, values: Mapping[str, Any]) -> int | None:
        """Tell the values with which the model was built, and again where ``fit`` asked for more.

        Returns:
            The number of a finished trial with the same values, whose result is this one's too and
            which need not be trained again; None where there is none.
        """

    def tell_resume(self, reasons: Sequence[str]) -> None:
        """Tell that this attempt continues an earlier one, before it trains anything.

        Told again where more is found out; what was told last counts.

        Args:
            reasons: Why the trial may not come to the same bits as an uninterrupted one; none
                where it does.
        """

    def tell_batch(self, size: int, gradient_accumulation_steps: int, fixed: str) -> None:
        """Tell how many samples a batch has, before memory is needed for one.

        Args:
            size: Samples of one batch.
            gradient_accumulation_steps: Batches of one optimizer update.
            fixed: Why a smaller size cannot be set; empty where it can.
        """

    def tell_loop(self, loop: str, reason: str) -> None:
        """Tell how the model is trained, before it is.

        Args:
            loop: ``compiled``, ``fit`` or ``own fit``.
            reason: Why it is ``fit``; empty for the others.
        """

    def progress(self) -> Action:
        """Ask in the middle of an epoch whether to go on; never answered by ``prune``."""

    def report(self, epoch: int, value: float | None, best: float | None) -> Action:
        """Tell the objective's value after `epoch`, and hear whether to go on.

        Telling an epoch again, as a resumed trial does, changes nothing and is answered anew.

        Args:
            epoch: Finished epochs, 1-based.
            value: Finite value of the objective; None where the epoch was not validated.
            best: The trial's best value so far.
        """
