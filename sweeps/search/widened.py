"""Ranges that a resume has made wider, and what samplers see of the trials from before.

Optuna takes the space of its models from the distributions of finished trials. With two of them
under one name TPE would keep to the older range for ever, and CMA-ES, GP and NSGA-II would leave
the parameter out. So trials are shown as if they had been drawn from the range of now; a wider
range leaves every value its code (`is_wider`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from sweeps.search.space import encode, to_distribution, to_distributions
from sweeps.search.views import StorageView
from sweeps.spec.parameters import Parameter, contains, values_of


def is_wider(parameter: Parameter, older: Parameter) -> bool:
    """Tell whether a parameter is another one in a wider range, and every old value stays as it is.

    On a grid of steps the old points have to be points of the new one. ``reverse_log`` is stored
    relative to its bounds, and a grid on a logarithmic scale relative to `low`: these stay.

    Args:
        parameter: What it shall be.
        older: What it was.
    """
    if older.type not in ("int", "float") or older.scale == "reverse_log":
        return False
    if parameter.type != older.type:
        return False
    (low, high), (older_low, older_high) = parameter.bounds, older.bounds
    if replace(parameter, low=older_low, high=older_high) != older:
        return False
    is_in_bounds = low <= older_low and high >= older_high and (low, high) != older.bounds
    return is_in_bounds and _keeps_codes(parameter, older)


def find_widened(
    parameters: Iterable[Parameter], trials: Iterable[FrozenTrial]
) -> dict[str, BaseDistribution]:
    """Find the parameters of which some trials knew another range, with the range of now."""
    now = to_distributions(parameters)
    return {
        name: now[name]
        for trial in trials
        for name, distribution in trial.distributions.items()
        if name in now and distribution != now[name]
    }


def show_widened(storage: BaseStorage, widened: Mapping[str, BaseDistribution]) -> BaseStorage:
    """Show all trials of a storage as drawn from the wider ranges."""
    return cast("BaseStorage", _WidenedView(storage, widened)) if widened else storage


def _keeps_codes(parameter: Parameter, older: Parameter) -> bool:
    if type(to_distribution(parameter)) is not type(to_distribution(older)):
        return False
    values = values_of(older) or older.bounds
    return all(
        contains(parameter, value) and encode(parameter, value) == encode(older, value)
        for value in values
    )


class _WidenedView(StorageView):
    """A storage that gives trials with other distributions."""

    def __init__(self, storage: BaseStorage, widened: Mapping[str, BaseDistribution]) -> None:
        super().__init__(storage)
        self._widened = widened

    def show(self, study_id: int, trials: list[FrozenTrial]) -> list[FrozenTrial]:  # noqa: ARG002
        """Give all trials, as drawn from the wider ranges."""
        return [self._widen(trial) for trial in trials]

    def _widen(self, trial: FrozenTrial) -> FrozenTrial:
        now = {name: self._widened.get(name, old) for name, old in trial.distributions.items()}
        shown = copy.copy(trial)
        shown.distributions = now
        return shown
