"""Random search: every trial is independent of all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sweeps.search.options import Options
from sweeps.search.samplers._base import Proposal
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class RandomOptions(Options):
    """Random search has no options."""


class Random:
    """Draws every parameter from its range; the honest baseline of any other sampler."""

    Options = RandomOptions

    @staticmethod
    def check(options: RandomOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Random search takes every space."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: RandomOptions, proposal: Proposal) -> BaseSampler:
        """Make a random sampler with the seed of this proposal."""
        del options
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=proposal.seed)
