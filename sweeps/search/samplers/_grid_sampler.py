"""The Optuna side of grid search.

Optuna's own GridSampler knows no conditions, and draws its order and its next point at random; its
BruteForceSampler refuses parameters that become active later. Here the next point is a function of
the points that the study holds, so that a resumed sweep continues where it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler

from sweeps.search.samplers._base import Proposal
from sweeps.search.space import decode, encode, list_codes, to_distribution, to_distributions
from sweeps.search.trials import ParameterError
from sweeps.spec.conditions import Scalar, is_active
from sweeps.spec.constraints import check_constraints
from sweeps.spec.parameters import Parameter

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Codes = dict[str, Any]
_MAX_PINNED = 1000
"""So many configurations with pinned values are looked at."""


class GridSampler(BaseSampler):
    """Proposes the first configuration that no other trial has.

    Where values are pinned, it is the first one with these; where they all have a trial, a repeat.

    Args:
        proposal: What is to be proposed, with the parameters parents first.
    """

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal

    def is_exhausted(self, study: Study) -> bool:
        """Tell whether every configuration has a trial."""
        return self._find_next(study, number=-1) is None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Name the parameters: all that the space file declares."""
        del study, trial
        return to_distributions(self._proposal.parameters)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> Codes:
        """Propose the next configuration: codes of the active parameters."""
        del search_space
        return self._find_next(study, number=trial.number) or next(self._list_grid(), {})

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Refuse a parameter that the space file does not know.

        One that it knows is asked for only where no point has the pinned values.
        """
        del study, trial
        if any(parameter.name == param_name for parameter in self._proposal.parameters):
            return list_codes(param_distribution)[0]
        raise ParameterError(
            f"{param_name}: the model's code declares it, but grid needs all parameters in the "
            "space file. Add it there, or choose another sampler."
        )

    def _find_next(self, study: Study, *, number: int) -> Codes | None:
        others = (trial for trial in study.get_trials(deepcopy=False) if trial.number != number)
        names = {parameter.name for parameter in self._proposal.parameters}
        taken = {_key({k: v for k, v in trial.params.items() if k in names}) for trial in others}
        return next((codes for codes in self._list_grid() if _key(codes) not in taken), None)

    def _list_grid(self) -> Iterator[Codes]:
        points = self._extend({}, {}, 0)
        if self._proposal.pinned:  # constraints may forbid all of them
            points = itertools.islice(points, _MAX_PINNED)
        for codes, values in points:
            if not check_constraints(self._proposal.constraints, values):
                yield codes

    def _extend(
        self, codes: Codes, values: dict[str, Scalar], index: int
    ) -> Iterator[tuple[Codes, dict[str, Scalar]]]:
        """Yield every way to go on from the values of the first `index` parameters."""
        if index == len(self._proposal.parameters):
            yield codes, values
            return
        parameter = self._proposal.parameters[index]
        name = parameter.name
        if not is_active(parameter, values):
            yield from self._extend(codes, values, index + 1)
        elif parameter.type == "fixed":
            yield from self._extend(codes, {**values, name: parameter.value}, index + 1)
        else:
            for code in self._list_codes(parameter):
                longer = {**values, name: decode(parameter, code)}
                yield from self._extend({**codes, name: code}, longer, index + 1)

    def _list_codes(self, parameter: Parameter) -> Sequence[Any]:
        if parameter.name in self._proposal.pinned:
            return [encode(parameter, self._proposal.pinned[parameter.name])]
        return list_codes(to_distribution(parameter))


def _key(codes: Codes) -> tuple[tuple[str, str], ...]:
    # repr tells 1 from True and from 1.0, which are equal as dictionary keys.
    return tuple(sorted((name, repr(code)) for name, code in codes.items()))
