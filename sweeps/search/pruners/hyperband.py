"""Hyperband: several successive halvings side by side, from eager to patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.search.pruners.asha import Asha, AshaOptions
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class HyperbandOptions(Options):
    """Options of Hyperband."""

    min_epochs: int = Field(1, ge=1, description="The first rung of the most eager bracket.")
    reduction_factor: int = Field(
        3,
        ge=2,
        description="One trial of this many goes on; the next rung is this many times further.",
    )


class Hyperband:
    """Puts each trial into a bracket; later brackets begin to stop trials later.

    Li et al. 2018 (JMLR 18, Algorithm 1), with asynchronous halving inside the brackets. For curves
    that cross: it keeps some trials that ASHA would stop too early, and needs more trials for it.
    """

    Options = HyperbandOptions

    @staticmethod
    def check(options: HyperbandOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Refuse a first rung that no trial leaves early."""
        halving = AshaOptions(
            min_epochs=options.min_epochs, reduction_factor=options.reduction_factor
        )
        yield from Asha.check(halving, spec)

    @staticmethod
    def create(options: HyperbandOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make our own pruner over one halving per bracket."""
        from sweeps.search.pruners._brackets import BracketPruner

        return BracketPruner(options.min_epochs, options.reduction_factor, epochs=epochs, seed=seed)
