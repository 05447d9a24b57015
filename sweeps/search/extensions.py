"""Hides trials that extend others from samplers and pruners.

They have the parameters, and up to a point the reports, of the trials that they continue: shown,
they would count the best configurations twice.
"""

from __future__ import annotations

from collections.abc import Set
from typing import cast

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from sweeps.search.views import StorageView


def hide_extensions(shown: BaseStorage, extensions: Set[int]) -> BaseStorage:
    """Show the trials of a storage, or of a view of it, without those that extend others.

    Args:
        shown: The storage or the view.
        extensions: Numbers of the trials that extend others; looked at again each time.
    """
    return cast("BaseStorage", _WithoutExtensions(shown, extensions))


class _WithoutExtensions(StorageView):
    """A storage whose list of trials has gaps."""

    def __init__(self, shown: BaseStorage, extensions: Set[int]) -> None:
        super().__init__(shown)
        self._extensions = extensions

    def show(self, study_id: int, trials: list[FrozenTrial]) -> list[FrozenTrial]:  # noqa: ARG002
        """Give the trials that extend no other one."""
        if not self._extensions:  # as a rule, and there may be thousands of trials
            return trials
        return [trial for trial in trials if trial.number not in self._extensions]
