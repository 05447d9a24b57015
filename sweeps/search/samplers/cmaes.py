"""CMA-ES, for spaces of numbers and some hundreds of trials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options, check_packages, check_single_objective, require
from sweeps.search.samplers._base import Proposal
from sweeps.spec.known_space import KnownSpace
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class CmaesOptions(Options):
    """Options of CMA-ES."""

    population: int | None = Field(
        None,
        ge=4,
        description="Trials per generation, at least 4. None means 4 + 3 ln(number of parameters).",
    )
    sigma: float = Field(
        1 / 6, gt=0, le=1, description="First step size, as a share of each parameter's range."
    )
    use_pruned: bool = Field(
        True,
        description="Learn from pruned trials too, by the best value they reached.",
    )


class Cmaes:
    """Adapts a normal distribution to the best trials (Hansen 2016, arXiv 1604.00772).

    Covers the numbers that every trial has; categorical and conditional parameters are
    drawn at random. Nothing is pickled: the distribution is computed anew from the study's
    finished trials for every proposal.
    """

    Options = CmaesOptions

    @staticmethod
    def check(options: CmaesOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Look for the package cmaes and for one objective."""
        del options
        yield from check_single_objective("cmaes", spec)
        yield from check_packages("the sampler cmaes", extra="cmaes", packages=("cmaes",))

    @staticmethod
    def check_space(options: CmaesOptions, space: KnownSpace) -> Iterator[str]:
        """Look for a number that is always active."""
        del options
        numbers = [item for item in space.parameters if item.type in ("int", "float")]
        if all(item.when for item in numbers):
            yield "cmaes needs a number that is always active, and the space has none."

    @staticmethod
    def create(options: CmaesOptions, proposal: Proposal) -> BaseSampler:
        """Make a sampler that replays the finished trials and draws one point."""
        require("the sampler cmaes", extra="cmaes", packages=("cmaes",))
        from sweeps.search.samplers._cmaes_sampler import CmaesSampler

        return CmaesSampler(proposal, **options.model_dump())
