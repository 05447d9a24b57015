"""The median stopping rule with another share than one half."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class PercentileOptions(Options):
    """Options of the percentile stopping rule."""

    percentile: float = Field(
        25.0,
        gt=0,
        le=100,
        description="Share of trials that may go on, in percent: 25 keeps the best quarter.",
    )
    startup_trials: int = Field(5, ge=1, description="Complete trials before anything is pruned.")
    min_epochs: int = Field(2, ge=1, description="First epoch at which a trial may be pruned.")


class Percentile:
    """Stops a trial whose best value is not among the best share of complete trials."""

    Options = PercentileOptions

    @staticmethod
    def check(options: PercentileOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Any spec will do."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: PercentileOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make Optuna's percentile pruner."""
        del epochs, seed
        from optuna.pruners import PercentilePruner

        return PercentilePruner(
            options.percentile,
            n_startup_trials=options.startup_trials,
            n_warmup_steps=options.min_epochs,
        )
