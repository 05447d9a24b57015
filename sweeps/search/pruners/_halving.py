"""Successive halving as a function of reported values alone.

Optuna's SuccessiveHalvingPruner notes in the study that a trial has passed a rung while it decides
whether it may: killed between that note and the end of the trial, the trial
would not be judged there again and train on after the resume. Here nothing is noted. In an
uninterrupted study both decide alike, which a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.study import StudyDirection

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class HalvingPruner(BasePruner):
    """Stops a trial on a rung unless it is among the best that reached that rung.

    Args:
        min_epochs: The first rung, an epoch.
        reduction_factor: Of this many trials one goes on, and rungs are this factor apart.
        competes: Chooses the numbers of the trials compared with each other; None means all.
    """

    def __init__(
        self,
        min_epochs: int,
        reduction_factor: int,
        *,
        competes: Callable[[int], bool] | None = None,
    ) -> None:
        self._min_epochs = min_epochs
        self._reduction_factor = reduction_factor
        self._competes = competes

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Judge the trial on every rung that its last report reached."""
        reports = trial.intermediate_values
        rungs = find_new_rungs(sorted(reports), self._min_epochs, self._reduction_factor)
        return any(not self._is_promoted(study, trial, rung) for rung in rungs)

    def _is_promoted(self, study: Study, trial: FrozenTrial, rung: int) -> bool:
        """Compare on one rung: Algorithm 2 of arXiv 1810.05934, without pausing.

        The best value on the rung goes on even among fewer than `reduction_factor` trials.
        """
        sign = 1.0 if study.direction == StudyDirection.MINIMIZE else -1.0
        own = _value_at(trial.intermediate_values, rung)
        assert own is not None, "the last report reached this rung"
        others = self._list_values(study, trial.number, rung)
        losses = sorted(sign * value for value in [own, *others])
        num_promoted = max(len(losses) // self._reduction_factor, 1)
        return sign * own <= losses[num_promoted - 1]

    def _list_values(self, study: Study, number: int, rung: int) -> list[float]:
        trials = study.get_trials(deepcopy=False)
        values = [
            _value_at(trial.intermediate_values, rung)
            for trial in trials
            if trial.number != number and (self._competes is None or self._competes(trial.number))
        ]
        return [value for value in values if value is not None]


def find_new_rungs(epochs: list[int], min_epochs: int, reduction_factor: int) -> list[int]:
    """List the rungs after the last but one report, up to and including the last one.

    Args:
        epochs: Reported epochs, ascending.
        min_epochs: The first rung.
        reduction_factor: Each rung is this many times further than the one before.
    """
    last = epochs[-1] if epochs else 0
    before = epochs[-2] if len(epochs) > 1 else 0
    rungs = []
    rung = min_epochs
    while rung <= last:
        if rung > before:
            rungs.append(rung)
        rung *= reduction_factor
    return rungs


def _value_at(reports: Mapping[int, float], rung: int) -> float | None:
    """Find the value of the first report on or after a rung: not every epoch is validated."""
    if rung in reports:
        return reports[rung]
    epoch = min((epoch for epoch in reports if epoch > rung), default=None)
    return None if epoch is None else reports[epoch]
