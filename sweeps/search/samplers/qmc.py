"""Quasi-Monte Carlo: points that cover the space more evenly than random ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from sweeps.search.options import Options, check_packages, require
from sweeps.search.samplers._base import Proposal
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class QmcOptions(Options):
    """Options of quasi-Monte Carlo."""

    sequence: Literal["sobol", "halton"] = Field(
        "sobol",
        description="sobol or halton. Sobol is best for 2, 4, 8, ... trials.",
    )
    scramble: bool = Field(
        True, description="Randomize the sequence by the sweep's seed, keeping its evenness."
    )


class Qmc:
    """Trial n gets point n of one low-discrepancy sequence over all parameters of the space file.

    Parameters that only the model's code declares are drawn at random, and so is a
    point in place of one that the constraints forbid.
    """

    Options = QmcOptions

    @staticmethod
    def check(options: QmcOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Look for SciPy."""
        del options, spec
        yield from check_packages("the sampler qmc", extra="qmc", packages=("scipy",))

    @staticmethod
    def create(options: QmcOptions, proposal: Proposal) -> BaseSampler:
        """Make a sampler that proposes the point of this trial."""
        require("the sampler qmc", extra="qmc", packages=("scipy",))
        from sweeps.search.samplers._qmc_sampler import QmcSampler

        return QmcSampler(options.sequence, scramble=options.scramble, proposal=proposal)
