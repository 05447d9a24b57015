"""The Optuna side of quasi-Monte Carlo.

Optuna's own QMCSampler counts its points in the study as they are drawn, and takes its
space from the first trial, leaving conditional parameters out. Here the number of the trial is the
number of the point, so that a resumed sweep draws each point once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler

from sweeps.search.samplers._base import Proposal
from sweeps.search.seeds import derive_seed
from sweeps.search.space import from_unit, to_distributions

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class QmcSampler(BaseSampler):
    """Proposes point number ``trial.number`` of a low-discrepancy sequence.

    Args:
        sequence: ``sobol`` or ``halton``.
        scramble: Randomize the sequence by the sweep's seed.
        proposal: What is to be proposed.
    """

    def __init__(self, sequence: str, *, scramble: bool, proposal: Proposal) -> None:
        self._sequence = sequence
        self._scramble = scramble
        self._proposal = proposal
        self._random = RandomSampler(seed=proposal.seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Name the dimensions: all parameters of the space file, active or not."""
        del study, trial
        return to_distributions(self._proposal.parameters)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose the point of this trial; nothing where the constraints forbade it already."""
        del study
        if not search_space or self._proposal.retry > 0:
            return {}
        point = self._draw_point(len(search_space), trial.number)
        pairs = zip(search_space.items(), point, strict=True)
        return {name: from_unit(distribution, share) for (name, distribution), share in pairs}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw at random what the sequence does not cover."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _draw_point(self, num_dimensions: int, number: int) -> list[float]:
        from scipy.stats import qmc

        kind = qmc.Sobol if self._sequence == "sobol" else qmc.Halton
        seed = derive_seed(self._proposal.sweep_seed, "qmc")
        engine = kind(num_dimensions, scramble=self._scramble, seed=seed)
        if number > 0:  # SciPy's Sobol overflows at 0
            engine.fast_forward(number)
        return [float(share) for share in engine.random(1)[0]]
