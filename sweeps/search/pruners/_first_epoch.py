"""Prune from an epoch on, for pruners that decide by themselves and know no first epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.pruners import BasePruner

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class FirstEpochPruner(BasePruner):
    """Agrees to every pruning from `min_epochs` on.

    Args:
        min_epochs: First epoch at which a trial may be pruned.
    """

    def __init__(self, min_epochs: int) -> None:
        self._min_epochs = min_epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Tell whether the last report came at or after the first epoch."""
        del study
        return (trial.last_step or 0) >= self._min_epochs
