"""The Optuna side of CMA-ES.

Optuna's own CmaEsSampler keeps its state as a pickle in the study and unpickles it, so that who can
write to the study can run code in every process that reads it. Here the state is replayed from the
values of finished trials instead, which costs about 0.1 ms per trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.study import StudyDirection
from optuna.trial import TrialState

from sweeps.search.samplers._base import Proposal
from sweeps.search.space import from_unit, to_unit

if TYPE_CHECKING:
    from cmaes import CMA
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class CmaesSampler(BaseSampler):
    """Draws one point from the distribution that the finished trials lead to.

    Args:
        proposal: What is to be proposed.
        population: Trials per generation; None lets CMA-ES choose.
        sigma: First step size, as a share of each parameter's range.
        use_pruned: Learn from pruned trials too.
    """

    def __init__(
        self, proposal: Proposal, *, population: int | None, sigma: float, use_pruned: bool
    ) -> None:
        self._population = population
        self._sigma = sigma
        self._use_pruned = use_pruned
        self._seed = proposal.seed
        self._random = RandomSampler(seed=proposal.seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Name the dimensions: numbers that all finished trials have in common."""
        del trial
        finished = self._list_finished(study)
        space = intersection_search_space(finished, include_pruned=True)
        return {
            name: distribution
            for name, distribution in space.items()
            if isinstance(distribution, IntDistribution | FloatDistribution)
            and not distribution.single()
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose one point; nothing before the first trial has finished."""
        del trial
        if not search_space:
            return {}
        optimizer = self._create_optimizer(len(search_space))
        self._replay(optimizer, study, search_space)
        pairs = zip(search_space.items(), optimizer.ask(), strict=True)
        return {name: from_unit(distribution, share) for (name, distribution), share in pairs}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw at random what CMA-ES does not cover."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _list_finished(self, study: Study) -> list[FrozenTrial]:
        # The optimizer knows no infinity, and ranks only what has a value.
        states = [TrialState.COMPLETE, *([TrialState.PRUNED] * self._use_pruned)]
        trials = study.get_trials(deepcopy=False, states=states)
        return [trial for trial in trials if trial.values and np.isfinite(trial.values[0])]

    def _create_optimizer(self, num_dimensions: int) -> CMA:
        from cmaes import CMA

        return CMA(
            mean=np.full(num_dimensions, 0.5),
            sigma=self._sigma,
            bounds=np.tile([0.0, 1.0], (num_dimensions, 1)),
            n_max_resampling=10 * num_dimensions,
            seed=self._seed % 2**31,
            population_size=self._population,
        )

    def _replay(
        self, optimizer: CMA, study: Study, search_space: Mapping[str, BaseDistribution]
    ) -> None:
        """Tell all whole generations, in the order of trial numbers; the optimizer minimizes."""
        sign = 1.0 if study.direction == StudyDirection.MINIMIZE else -1.0
        solutions = [
            (_to_point(trial.params, search_space), sign * float(trial.values[0]))
            for trial in self._list_finished(study)
        ]
        size = optimizer.population_size
        for start in range(0, len(solutions) - size + 1, size):
            optimizer.tell(solutions[start : start + size])


def _to_point(
    codes: Mapping[str, Any], search_space: Mapping[str, BaseDistribution]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([to_unit(space, codes[name]) for name, space in search_space.items()])
