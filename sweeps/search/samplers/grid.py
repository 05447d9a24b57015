"""Grid search: every configuration of a finite space once, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sweeps.search.options import Options
from sweeps.search.samplers._base import Proposal
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import num_values

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class GridOptions(Options):
    """Grid search has no options."""


class Grid:
    """Goes through all configurations, the last parameter changing fastest.

    Parameters that are not active do not multiply configurations, and configurations that
    the constraints forbid are left out. After the last one the sweep ends, even where
    ``limits.trials`` asks for more.
    """

    Options = GridOptions

    @staticmethod
    def check(options: GridOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Refuse parameters with infinitely many values, and a space that only code declares."""
        del options
        if not spec.parameters:
            yield "", "grid needs the parameters in the space file, and it has none."
        for parameter in spec.parameters:
            if num_values(parameter) is None:
                message = (
                    f"grid needs finitely many values, but {parameter.name!r} is continuous. "
                    "Give it a step, list its values, or choose another sampler."
                )
                yield "", message

    @staticmethod
    def create(options: GridOptions, proposal: Proposal) -> BaseSampler:
        """Make a sampler that proposes the first configuration no trial has."""
        del options
        from sweeps.search.samplers._grid_sampler import GridSampler

        return GridSampler(proposal)
