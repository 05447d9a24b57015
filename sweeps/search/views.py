"""Optuna storages seen through a glass: some trials are hidden, or shown otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Container


class StorageView:
    """A storage with another list of trials; all else is the storage's own.

    Samplers and pruners find other trials by this list alone.

    Args:
        storage: The storage, or a view of it.
    """

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def show(self, study_id: int, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Give what is seen of all trials of a study.

        Args:
            study_id: Optuna's number of the study in its storage.
            trials: The trials, in the order of their numbers unless a view below has changed it.
        """
        raise NotImplementedError

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """List the trials that are seen, of some states or of all."""
        shown = self.show(study_id, self._storage.get_all_trials(study_id, deepcopy=deepcopy))
        if states is None:  # as samplers and pruners ask, of thousands of trials
            return shown
        return [trial for trial in shown if trial.state in states]
