"""The tree-structured Parzen estimator, the default sampler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.search.samplers._base import Proposal
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class TpeOptions(Options):
    """Options of TPE."""

    startup_trials: int = Field(
        10, ge=0, description="Trials drawn at random before the first model of the space."
    )
    candidates: int = Field(
        24,
        ge=1,
        description="Points drawn from the model of good trials, of which the best is proposed.",
    )


class Tpe:
    """Proposes where good trials are dense and bad ones are not (Bergstra et al. 2011).

    Parameters are modelled together, in groups that are active together: a conditional parameter
    does not make the others lose their common model (multivariate and group in Optuna). Trials
    that are still running count as bad ones, so that parallel workers spread out; a
    trial cannot stay running for ever here, because an interrupted one is always continued.
    """

    Options = TpeOptions

    @staticmethod
    def check(options: TpeOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """TPE takes every space."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: TpeOptions, proposal: Proposal) -> BaseSampler:
        """Make a TPE sampler with the seed of this proposal."""
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=options.startup_trials,
            n_ei_candidates=options.candidates,
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=proposal.seed,
        )
