"""Which trials are weak: the pruner, shown what it may know."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING

from optuna.storages import BaseStorage

from sweeps.search.extensions import hide_extensions
from sweeps.search.options import load_options
from sweeps.search.primary import PrimaryStudy, WholeStudy
from sweeps.search.pruners import PRUNERS
from sweeps.search.records import EXTENDS, NOT_FINITE, read_params
from sweeps.search.window import Window
from sweeps.spec.builds import count_most_epochs
from sweeps.spec.model import SweepSpec, count_epochs

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class Judge:
    """Decides which trials are pruned.

    Args:
        spec: The sweep's spec.
        storage: Optuna's view of the study's journal.
        name: The study in it.
        extensions: Numbers of the trials that extend others; looked at again each time.
        list_some: As `WholeStudy` takes it, without these.
        window: What trials may know of each other; None where there is no rule for it.

    Raises:
        MissingExtraError: The pruner needs a package that is not installed.
    """

    def __init__(
        self,
        spec: SweepSpec,
        storage: BaseStorage,
        name: str,
        extensions: Set[int],
        list_some: Callable[[Sequence[int], int], list[FrozenTrial]],
        window: Window | None,
    ) -> None:
        self._spec = spec
        self._storage = storage
        self._extensions = extensions
        self._window = window
        member, options = load_options(PRUNERS, spec.pruner)
        most = count_most_epochs(spec, spec.parameters)
        self._pruner = member.create(options, epochs=most, seed=spec.seed)
        self._study = WholeStudy(name, hide_extensions(storage, extensions), list_some)

    def is_weak(self, trial: FrozenTrial, epoch: int) -> bool:
        """Tell whether a running trial should end after an epoch that it has reported.

        A value that is not finite looks to the pruner like the worst possible one.

        Args:
            trial: The trial, with that report.
            epoch: Finished epochs. After the last one no trial is weak.
        """
        if epoch >= count_epochs(self._spec, read_params(trial)) or EXTENDS in trial.user_attrs:
            return False
        worst = math.inf if self._spec.objective.direction == "minimize" else -math.inf
        judged = copy.copy(trial)
        not_finite = dict.fromkeys(trial.user_attrs.get(NOT_FINITE, []), worst)
        judged.intermediate_values = {**trial.intermediate_values, **not_finite}
        return bool(self._pruner.prune(self._show(trial.number), judged))

    def _show(self, number: int) -> PrimaryStudy:
        """Give Optuna's view of what a trial may know."""
        if self._window is None:
            return self._study
        narrowed = self._window.narrow(self._storage, number)
        shown = hide_extensions(narrowed, self._extensions)
        return PrimaryStudy(self._study.study_name, shown)
