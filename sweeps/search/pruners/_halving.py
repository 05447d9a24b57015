"""Successive halving as a function of reported values alone.

Optuna's SuccessiveHalvingPruner notes in the study that a trial has passed a rung while it decides
whether it may: killed between that note and the end of the trial, the trial
would not be judged there again and train on after the resume. Here nothing is noted. In an
uninterrupted study both decide alike, which a test compares.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.study import StudyDirection

from sweeps.search.primary import WholeStudy

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class HalvingPruner(BasePruner):
    """Stops a trial on a rung unless it is among the best that reached that rung.

    It remembers the values of trials that have ended, which stay as they are, so that a decision
    among thousands of trials takes no longer than among few. Not thread-safe.

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
        self._study: Study | None = None
        self._next = 0
        self._open: list[FrozenTrial] = []
        self._losses: dict[int, list[float]] = {}

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
        self._look(study, sign)
        ended = self._losses[rung]
        others = self._list_values(trial.number, rung)
        num_better = bisect_left(ended, sign * own)
        num_better += sum(sign * value < sign * own for value in others)
        num_promoted = (1 + len(ended) + len(others)) // self._reduction_factor
        return num_better < max(num_promoted, 1)

    def _look(self, study: Study, sign: float) -> None:
        """Look at the trials that are new or had not ended, and remember those that have now."""
        if study is not self._study:  # another view may show other trials
            self._study, self._next, self._open = study, 0, []
            self._losses = defaultdict(list)
        trials = self._list_unknown(study)
        self._open = [trial for trial in trials if not trial.state.is_finished()]
        for trial in trials:
            self._next = max(self._next, trial.number + 1)
            if trial.state.is_finished():
                self._remember(trial, sign)

    def _list_unknown(self, study: Study) -> list[FrozenTrial]:
        numbers = [trial.number for trial in self._open]
        if isinstance(study, WholeStudy):
            return study.list_some(numbers, self._next)
        trials = study.get_trials(deepcopy=False)
        return [each for each in trials if each.number >= self._next or each.number in numbers]

    def _remember(self, trial: FrozenTrial, sign: float) -> None:
        if self._competes is not None and not self._competes(trial.number):
            return
        reports = trial.intermediate_values
        last = max(reports, default=0)
        for rung in find_new_rungs([last], self._min_epochs, self._reduction_factor):
            value = _value_at(reports, rung)
            assert value is not None, "the last report reached this rung"
            insort(self._losses[rung], sign * value)

    def _list_values(self, number: int, rung: int) -> list[float]:
        """List the values on a rung of the other trials that have not ended."""
        values = [
            _value_at(trial.intermediate_values, rung)
            for trial in self._open
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
