"""Proposing values: from a sampler and a trial's number to a point that keeps all constraints."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from sweeps.search.extensions import hide_extensions
from sweeps.search.options import load_options
from sweeps.search.parents import sort_parents_first
from sweeps.search.primary import PrimaryStudy
from sweeps.search.samplers import SAMPLERS
from sweeps.search.samplers._base import FiniteSampler, Proposal
from sweeps.search.space import decode, encode, is_code_of, only_code, to_distribution
from sweeps.search.trials import InfeasibleSpaceError, SpaceExhaustedError
from sweeps.search.widened import find_widened, show_widened
from sweeps.search.window import find_window
from sweeps.spec.conditions import Scalar, is_active
from sweeps.spec.constraints import check_constraints, parse_constraint
from sweeps.spec.model import Choice, SweepSpec
from sweeps.spec.parameters import Parameter

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

MAX_RETRIES = 1000
# A model of the space can be sure of a region that the constraints forbid; chance is not.
_RETRIES_BY_SAMPLER = 50


def find_infeasible(spec: SweepSpec) -> str:
    """Say that the constraints seem to forbid every point, as a sweep would find; else nothing.

    A grid is gone through; whatever else is asked for, in the end points are drawn by chance.
    """
    if not spec.constraints:
        return ""
    if spec.sampler.name != "grid":
        spec = spec.model_copy(update={"sampler": Choice(name="random")})
    storage = optuna.storages.InMemoryStorage()
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], spec.name)
    trial = storage.get_trial(storage.create_new_trial(study_id))
    try:
        Proposer(spec, storage, spec.name, frozenset()).propose(trial, {})
    except InfeasibleSpaceError as error:
        return str(error)
    return ""


class Proposer:
    """Proposes the values of trials; keeps nothing between two proposals.

    Args:
        spec: The sweep's spec.
        storage: Where the study lies.
        study_name: The study in that storage.
        extensions: Numbers of the trials that extend others, which samplers do not see.
    """

    def __init__(
        self, spec: SweepSpec, storage: BaseStorage, study_name: str, extensions: Set[int]
    ) -> None:
        self._spec = spec
        self._storage = storage
        self._extensions = extensions
        self._study_name = study_name
        self._window = find_window(spec)
        self._parameters = sort_parents_first(spec.parameters)
        self._constraints = tuple(map(parse_constraint, spec.constraints))
        self._member, self._options = load_options(SAMPLERS, spec.sampler)
        self._random, self._random_options = load_options(SAMPLERS, Choice(name="random"))
        self._is_finite = isinstance(self._create(self._proposal(0, 0)), FiniteSampler)
        study_id = storage.get_study_id_from_name(study_name)
        self._widened = find_widened(
            self._parameters, storage.get_all_trials(study_id, deepcopy=False)
        )

    def check_left(self, number: int) -> None:
        """Refuse another proposal where a finite space is used up.

        Args:
            number: The trial that would be the next one.

        Raises:
            SpaceExhaustedError: Every configuration has a trial.
        """
        if not self._is_finite:
            return
        sampler = self._create(self._proposal(0, 0))
        if isinstance(sampler, FiniteSampler) and sampler.is_exhausted(self._open(sampler, number)):
            raise SpaceExhaustedError(
                f"{self._study_name}: every configuration of the space has a trial."
            )

    def propose(self, trial: FrozenTrial, pinned: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """Propose a value for every active parameter of the spec.

        Args:
            trial: The new trial.
            pinned: Values that a user asked for; they win where their parameter is active.

        Raises:
            InfeasibleSpaceError: No point that fulfils the constraints was found.
            ParameterError: A pinned value is not a value of its parameter.
        """
        for retry in range(MAX_RETRIES):
            proposal = replace(self._proposal(trial.number, retry), pinned=pinned)
            values = self._draw(trial, proposal)
            problems = check_constraints(self._constraints, values)
            if not problems:
                return values
        raise InfeasibleSpaceError(
            f"no point fulfils the constraints; {MAX_RETRIES} were tried. The last one: "
            f"{problems[0].rstrip('.')}. Loosen the constraints or narrow the parameters."
        )

    def suggest(self, trial: FrozenTrial, parameter: Parameter) -> Scalar:
        """Propose one value for a parameter that the model's code declares."""
        proposal = self._proposal(trial.number, 0)
        return self._choose(trial, proposal, parameter, self._draw_relative(trial, proposal))

    def _proposal(self, number: int, retry: int) -> Proposal:
        return Proposal(number, retry, self._spec.seed, self._parameters, self._constraints)

    def _create(self, proposal: Proposal) -> BaseSampler:
        if proposal.retry >= _RETRIES_BY_SAMPLER:
            return self._random.create(self._random_options, proposal)  # type: ignore[no-any-return]
        return self._member.create(self._options, proposal)  # type: ignore[no-any-return]

    def _open(self, sampler: BaseSampler, number: int) -> optuna.Study:
        # A study of its own for each proposal: Optuna caches the list of trials per study.
        window = self._window
        storage = window.narrow(self._storage, number) if window else self._storage
        storage = hide_extensions(show_widened(storage, self._widened), self._extensions)
        return PrimaryStudy(self._study_name, storage, sampler)

    def _draw(self, trial: FrozenTrial, proposal: Proposal) -> dict[str, Scalar]:
        relative = self._draw_relative(trial, proposal)
        values: dict[str, Scalar] = {}
        for parameter in self._parameters:
            if not is_active(parameter, values):
                continue
            if parameter.name in proposal.pinned and parameter.type != "fixed":
                code = encode(parameter, proposal.pinned[parameter.name])
                values[parameter.name] = decode(parameter, code)
            else:
                values[parameter.name] = self._choose(trial, proposal, parameter, relative)
        return values

    def _draw_relative(self, trial: FrozenTrial, proposal: Proposal) -> dict[str, Any]:
        sampler = self._create(proposal)
        study = self._open(sampler, trial.number)
        space = sampler.infer_relative_search_space(study, trial)
        return sampler.sample_relative(study, trial, space)

    def _choose(
        self,
        trial: FrozenTrial,
        proposal: Proposal,
        parameter: Parameter,
        relative: Mapping[str, Any],
    ) -> Scalar:
        if parameter.type == "fixed":
            return parameter.value
        distribution = to_distribution(parameter)
        if distribution.single():
            return decode(parameter, only_code(distribution))
        name = parameter.name
        if name in relative and is_code_of(distribution, relative[name]):
            return decode(parameter, relative[name])
        # A seed per parameter: its value does not depend on which others were drawn before it.
        sampler = self._create(replace(proposal, purpose=name))
        study = self._open(sampler, trial.number)
        return decode(parameter, sampler.sample_independent(study, trial, name, distribution))
