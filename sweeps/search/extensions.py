"""Hides trials that extend others from samplers and pruners.

They have the parameters, and up to a point the reports, of the trials that they continue: shown,
they would count the best configurations twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Container, Set


def hide_extensions(shown: BaseStorage, extensions: Set[int]) -> BaseStorage:
    """Show the trials of a storage, or of a view of it, without those that extend others.

    Args:
        shown: The storage or the view.
        extensions: Numbers of the trials that extend others; looked at again each time.
    """
    return cast("BaseStorage", _WithoutExtensions(shown, extensions))


class _WithoutExtensions:
    """An Optuna storage whose list of trials has gaps; all else is the storage's own."""

    def __init__(self, shown: BaseStorage, extensions: Set[int]) -> None:
        self._shown = shown
        self._extensions = extensions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shown, name)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """List the trials that extend no other one."""
        trials = self._shown.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        if not self._extensions:  # as a rule, and there may be thousands of trials
            return trials
        return [trial for trial in trials if trial.number not in self._extensions]
