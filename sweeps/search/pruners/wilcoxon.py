"""Stop a trial that is worse than the leader by a signed-rank test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sweeps.search.options import Options, check_packages, require
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class WilcoxonOptions(Options):
    """Options of the signed-rank test."""

    p_threshold: float = Field(
        0.1, gt=0, lt=1, description="Stop below this p-value; smaller stops later and more surely."
    )
    min_epochs: int = Field(2, ge=1, description="First epoch at which a trial may be pruned.")


class Wilcoxon:
    """Compares a trial with the leader epoch by epoch (Wilcoxon 1945).

    Made for reports that are independent measurements, such as folds; on a learning curve,
    whose epochs depend on each other, it stops more than its p-value says.
    """

    Options = WilcoxonOptions

    @staticmethod
    def check(options: WilcoxonOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Look for SciPy."""
        del options, spec
        yield from check_packages("the pruner wilcoxon", extra="wilcoxon", packages=("scipy",))

    @staticmethod
    def create(options: WilcoxonOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make Optuna's Wilcoxon pruner, shown only what it can compare."""
        del epochs, seed
        require("the pruner wilcoxon", extra="wilcoxon", packages=("scipy",))
        from sweeps.search.pruners._comparable import ComparablePruner

        return ComparablePruner(options.p_threshold, min_epochs=options.min_epochs)
