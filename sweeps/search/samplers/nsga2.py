"""NSGA-II, the genetic algorithm for several objectives; it takes one objective as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.search.samplers._base import Proposal
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Nsga2Options(Options):
    """Options of NSGA-II."""

    population: int = Field(
        20, ge=2, description="Trials per generation. Only complete trials count."
    )
    crossover: float = Field(
        0.9, ge=0, le=1, description="Chance that a child has two parents instead of one."
    )
    mutation: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Chance that a parameter is drawn anew. None means 1 / number of parameters.",
    )


class Nsga2:
    """Breeds the next generation from the best trials of the last (Deb et al. 2002)."""

    Options = Nsga2Options

    @staticmethod
    def check(options: Nsga2Options, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """NSGA-II takes every space."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: Nsga2Options, proposal: Proposal) -> BaseSampler:
        """Make an NSGA-II sampler with the seed of this proposal."""
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(
            population_size=options.population,
            crossover_prob=options.crossover,
            mutation_prob=options.mutation,
            seed=proposal.seed,
        )
