"""An Optuna study in which the first of several objectives answers for all where only one can.

Optuna's pruners, and TPE where it ranks pruned trials, ask the study for *the* direction and *the*
best trial, and raise where there are several objectives. Here they hear of the primary one, whose
values are the ones that trials report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


class PrimaryStudy(optuna.Study):
    """A study whose `direction` and `best_trial` are those of its first objective."""

    @property
    def direction(self) -> StudyDirection:
        """Give the direction of the first objective."""
        return self.directions[0]

    @property
    def best_trial(self) -> FrozenTrial:
        """Find the complete trial with the best first value; of equal ones the first.

        Raises:
            ValueError: No trial is complete, as in Optuna.
        """
        sign = 1.0 if self.direction == StudyDirection.MINIMIZE else -1.0
        complete = self.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return min(complete, key=lambda trial: sign * trial.values[0])


class WholeStudy(PrimaryStudy):
    """A primary study that shows all trials, and can be asked for some of them.

    Args:
        study_name: Its name.
        storage: Where it lies.
        list_some: Lists some trials, by their numbers, and all from a number on.
    """

    def __init__(
        self,
        study_name: str,
        storage: BaseStorage,
        list_some: Callable[[Sequence[int], int], list[FrozenTrial]],
    ) -> None:
        super().__init__(study_name, storage)
        self.list_some = list_some
