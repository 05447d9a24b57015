"""The Wilcoxon pruner, shown only epochs that the leader has too."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner, WilcoxonPruner
from optuna.trial import TrialState

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class ComparablePruner(BasePruner):
    """Leaves out what Optuna's pruner warns of: infinities, and epochs that the leader lacks.

    Args:
        p_threshold: Stop below this p-value.
        min_epochs: First epoch at which a trial may be pruned.
    """

    def __init__(self, p_threshold: float, *, min_epochs: int) -> None:
        self._wilcoxon = WilcoxonPruner(p_threshold=p_threshold, n_startup_steps=min_epochs)
        self._min_epochs = min_epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Ask Optuna's pruner about the epochs that can be compared."""
        if (trial.last_step or 0) < self._min_epochs:
            return False
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return False
        shared = study.best_trial.intermediate_values.keys()
        comparable = copy.copy(trial)
        comparable.intermediate_values = {
            epoch: value
            for epoch, value in trial.intermediate_values.items()
            if epoch in shared and math.isfinite(value)
        }
        return bool(comparable.intermediate_values) and self._wilcoxon.prune(study, comparable)
