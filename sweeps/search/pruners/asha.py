"""Asynchronous successive halving, the default pruner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class AshaOptions(Options):
    """Options of ASHA."""

    min_epochs: int = Field(
        2, ge=1, description="The first rung: the first epoch at which a trial may be pruned."
    )
    reduction_factor: int = Field(
        3,
        ge=2,
        description="One trial of this many goes on; the next rung is this many times further.",
    )


class Asha:
    """Stops a trial at epochs 2, 6, 18, ... unless it is among the best third that got there.

    Li et al. 2020 (arXiv 1810.05934), in the form that decides at once instead of pausing trials.
    It needs no trial to complete first, so it saves time from the second trial on; the best trial
    that ever reached a rung is never stopped there.
    """

    Options = AshaOptions

    @staticmethod
    def check(options: AshaOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Refuse a first rung that no trial leaves early, where somebody chose it.

        The default one may lie behind the last epoch of a short sweep: then nothing is pruned.
        """
        is_chosen = options.min_epochs != AshaOptions().min_epochs
        if is_chosen and options.min_epochs >= spec.training.epochs:
            message = (
                f"got {options.min_epochs}; expected less than training.epochs, which is "
                f"{spec.training.epochs}. Set it lower, or choose the pruner none."
            )
            yield "min_epochs", message

    @staticmethod
    def create(options: AshaOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make our own pruner; see `sweeps.search.pruners._halving` for why it is not Optuna's."""
        del epochs, seed
        from sweeps.search.pruners._halving import HalvingPruner

        return HalvingPruner(options.min_epochs, options.reduction_factor)
