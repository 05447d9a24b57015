"""What a trial of a deterministic sweep may know of the others, whatever happens to be finished.

With W workers, trial k is asked for when the trials 0 to k - W have ended. Only these are shown to
its sampler and its pruner as they ended. The W - 1 between them and it may be running or finished
by then, which is chance: they are always shown as running, with the values that were proposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from sweeps.search.views import StorageView
from sweeps.spec.model import SweepSpec


@dataclass(frozen=True)
class Window:
    """Which results a trial may know: those of trials that are `lag` or more numbers before it.

    Attributes:
        lag: The sweep's number of workers, at least 1.
        declared: Names of parameters that are proposed when a trial is asked for. Others are
            known later, at a moment that is chance.
    """

    lag: int
    declared: frozenset[str]

    def count_known(self, number: int) -> int:
        """Count the trials whose end trial `number` waits for and knows: 0 to number - lag."""
        return max(0, number - self.lag + 1)

    def narrow(self, storage: BaseStorage, number: int) -> BaseStorage:
        """Show the trials of a storage as trial `number` may see them."""
        return cast("BaseStorage", _WindowView(storage, self, number))


def find_window(spec: SweepSpec) -> Window | None:
    """Find what trials may know of each other; None where there is no rule for it.

    Raises:
        ValueError: The sweep is deterministic, but nobody has decided how many workers it has.
    """
    if not spec.deterministic:
        return None
    if spec.limits.workers == "auto":
        raise ValueError("a deterministic sweep needs a number of limits.workers, not auto")
    names = frozenset(parameter.name for parameter in spec.parameters)
    return Window(int(spec.limits.workers), names)


class _WindowView(StorageView):
    """A storage whose list of trials ends at one of them."""

    def __init__(self, storage: BaseStorage, window: Window, number: int) -> None:
        super().__init__(storage)
        self._window = window
        self._number = number

    def show(self, study_id: int, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Give the trials that may be known, and the one that is asking."""
        known = self._window.count_known(self._number)
        pending = [
            _hide_end(trial, self._find_id(study_id, trial), self._window)
            for trial in trials[known : self._number]
        ]
        return [*trials[:known], *pending, *trials[self._number : self._number + 1]]

    def _find_id(self, study_id: int, trial: FrozenTrial) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)


def _hide_end(trial: FrozenTrial, trial_id: int, window: Window) -> FrozenTrial:
    """Give a trial as it was when it had just been asked for."""
    names = [name for name in trial.params if name in window.declared]
    return FrozenTrial(
        number=trial.number,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=trial.datetime_start,
        datetime_complete=None,
        params={name: trial.params[name] for name in names},
        distributions={name: trial.distributions[name] for name in names},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=trial_id,
    )
