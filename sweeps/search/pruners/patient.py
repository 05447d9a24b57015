"""Stop a trial that no longer improves, whatever other trials do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options
from sweeps.spec.model import SweepSpec, is_repeated

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class PatientOptions(Options):
    """Options of patience."""

    patience: int = Field(
        5, ge=0, description="Reported epochs without improvement that are waited through."
    )
    min_delta: float = Field(
        0.0, ge=0, description="Improvement below this counts as none, in units of the objective."
    )
    min_epochs: int = Field(2, ge=1, description="First epoch at which a trial may be pruned.")


class Patient:
    """Stops a trial whose last `patience` + 1 reports are all worse than its best before.

    Unlike Keras' EarlyStopping the trial counts as pruned, not complete. A trial that stays level
    is not stopped. Refused beside repeats and folds, each of which begins behind the one before.
    """

    Options = PatientOptions

    @staticmethod
    def check(options: PatientOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Refuse repeats and folds: each begins with values far behind those of the one before."""
        del options
        if is_repeated(spec):
            yield "", "patient cannot judge repeats or folds. Use asha, hyperband or none."

    @staticmethod
    def create(options: PatientOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make Optuna's patient pruner around nothing but a first epoch."""
        del epochs, seed
        from optuna.pruners import PatientPruner

        from sweeps.search.pruners._first_epoch import FirstEpochPruner

        return PatientPruner(
            FirstEpochPruner(options.min_epochs),
            patience=options.patience,
            min_delta=options.min_delta,
        )
