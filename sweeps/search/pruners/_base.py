"""What a pruner is: the contract that every member of this room keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class Pruner(Protocol):
    """A member of this room.

    Its Optuna pruner is made once per opened study, called by one thread at a time after every
    report that is newer than the trial's last one, and is a function of the reported values alone:
    asked again after a resume, it answers the same. It writes nothing to the study.

    A value that was not finite comes in as the worst infinity of the objective's direction. Nothing
    is pruned before epoch `min_epochs`, where a member has that option, and never at
    the last epoch, where there is nothing left to save: the study does not ask.
    """

    Options: type[BaseModel]

    @staticmethod
    def check(options: Any, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Yield a key below ``pruner`` and a message for each thing that cannot work.

        Runs without Optuna. The key is empty where only the choice of the pruner is concerned.
        """
        ...

    @staticmethod
    def create(options: Any, *, epochs: int, seed: int) -> BasePruner:
        """Make the Optuna pruner.

        Args:
            options: The member's own options.
            epochs: Epochs of a full trial.
            seed: The sweep's seed.

        Raises:
            MissingExtraError: A package that the pruner needs is not installed.
        """
        ...
