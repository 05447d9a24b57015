"""The median stopping rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class MedianOptions(Options):
    """Options of the median stopping rule."""

    startup_trials: int = Field(5, ge=1, description="Complete trials before anything is pruned.")
    min_epochs: int = Field(2, ge=1, description="First epoch at which a trial may be pruned.")


class Median:
    """Stops a trial whose best value is worse than the median of complete trials at that epoch.

    The rule of Google Vizier (Golovin et al. 2017, section 3.2.2).
    """

    Options = MedianOptions

    @staticmethod
    def check(options: MedianOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Any spec will do."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: MedianOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make Optuna's median pruner."""
        del epochs, seed
        from optuna.pruners import MedianPruner

        return MedianPruner(
            n_startup_trials=options.startup_trials, n_warmup_steps=options.min_epochs
        )
