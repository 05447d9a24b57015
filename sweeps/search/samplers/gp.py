"""Bayesian optimization with a Gaussian process, for few and expensive trials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options, check_packages, check_single_objective, require
from sweeps.search.samplers._base import Proposal
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

_PACKAGES = ("torch", "scipy")


class GpOptions(Options):
    """Options of the Gaussian process."""

    startup_trials: int = Field(
        10, ge=0, description="Trials drawn at random before the first model of the space."
    )


class Gp:
    """Proposes by expected improvement; slower per proposal than TPE, thriftier with trials."""

    Options = GpOptions

    @staticmethod
    def check(options: GpOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Look for the packages of the extra ``gp``, and for one objective."""
        del options
        yield from check_single_objective("gp", spec)
        yield from check_packages("the sampler gp", extra="gp", packages=_PACKAGES)

    @staticmethod
    def create(options: GpOptions, proposal: Proposal) -> BaseSampler:
        """Make a Gaussian process sampler with the seed of this proposal."""
        require("the sampler gp", extra="gp", packages=_PACKAGES)
        from optuna.samplers import GPSampler

        return GPSampler(
            n_startup_trials=options.startup_trials,
            deterministic_objective=False,
            warn_independent_sampling=False,
            seed=proposal.seed,
        )
