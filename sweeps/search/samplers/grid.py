"""Grid search: every configuration of a finite space once, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sweeps.search.options import Options
from sweeps.search.samplers._base import Proposal
from sweeps.spec.known_space import KnownSpace
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter, num_values

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
        """Refuse parameters of the file with infinitely many values."""
        del options
        for message in _find_continuous(spec.parameters):
            yield "", message

    @staticmethod
    def check_space(options: GridOptions, space: KnownSpace) -> Iterator[str]:
        """Refuse parameters of the code with infinitely many values, and those of some builds."""
        del options
        if not space.parameters:
            yield "grid needs parameters, and neither the file nor the model's code has any."
        yield from _find_continuous(space.parameters)
        for item in space.known:
            if not item.is_joint and not item.is_never_active:
                yield (
                    f"grid needs to know all parameters before training, but the code asks for "
                    f"{item.parameter.name!r} in some builds only. Name it in the space file, put "
                    "it into hp.conditional_scope, or choose another sampler."
                )

    @staticmethod
    def create(options: GridOptions, proposal: Proposal) -> BaseSampler:
        """Make a sampler that proposes the first configuration no trial has."""
        del options
        from sweeps.search.samplers._grid_sampler import GridSampler

        return GridSampler(proposal)


def _find_continuous(parameters: Sequence[Parameter]) -> Iterator[str]:
    for parameter in parameters:
        if num_values(parameter) is None:
            yield (
                f"grid needs finitely many values, but {parameter.name!r} is continuous. "
                "Give it a step, list its values, or choose another sampler."
            )
