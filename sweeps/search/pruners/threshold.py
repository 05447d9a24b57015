"""Stop a trial whose value leaves a range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from sweeps.search.options import Options
from sweeps.spec.model import SweepSpec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class ThresholdOptions(Options):
    """Options of the threshold."""

    low: float | None = Field(None, description="A value below this stops the trial.")
    high: float | None = Field(None, description="A value above this stops the trial.")
    min_epochs: int = Field(2, ge=1, description="First epoch at which a trial may be pruned.")

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("threshold needs low, high or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low is above high ({self.low!r} > {self.high!r})")
        return self


class Threshold:
    """Stops a trial whose reported value is below `low` or above `high`."""

    Options = ThresholdOptions

    @staticmethod
    def check(options: ThresholdOptions, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Any spec will do."""
        del options, spec
        yield from ()

    @staticmethod
    def create(options: ThresholdOptions, *, epochs: int, seed: int) -> BasePruner:
        """Make Optuna's threshold pruner."""
        del epochs, seed
        from optuna.pruners import ThresholdPruner

        return ThresholdPruner(
            lower=options.low, upper=options.high, n_warmup_steps=options.min_epochs
        )
