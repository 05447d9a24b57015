"""No pruning: every trial trains to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sweeps.search.options import Options
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class NoneOptions(Options):
    """Not pruning has no options."""


class NonePruner:
    """Never stops a trial."""

    Options = NoneOptions

    @staticmethod
    def check(options: NoneOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Nothing can be wrong."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: NoneOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make Optuna's pruner that does nothing."""
        del options, epochs, seed
        from optuna.pruners import NopPruner

        return NopPruner()
