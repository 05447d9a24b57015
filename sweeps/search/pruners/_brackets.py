"""Hyperband's brackets.

Optuna's HyperbandPruner sits on the halving that `_halving` explains, and makes samplers see the
trials of one bracket only, so that each bracket pays its own random start. Here the sampler
learns from all trials.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner

from sweeps.search.pruners._halving import HalvingPruner
from sweeps.search.seeds import derive_seed

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class BracketPruner(BasePruner):
    """Judges a trial by the halving of its bracket, among the trials of that bracket.

    Args:
        min_epochs: The first rung of bracket 0; each next bracket begins one rung later.
        reduction_factor: Distance between rungs, and share that goes on.
        epochs: Epochs of a full trial.
        seed: Which trial falls into which bracket follows from it.
    """

    def __init__(self, min_epochs: int, reduction_factor: int, *, epochs: int, seed: int) -> None:
        first_rungs = list_rungs(min_epochs, reduction_factor, epochs)
        shares = share_trials(len(first_rungs), reduction_factor)
        self._bracket_of = lru_cache(None)(partial(find_bracket, shares=tuple(shares), seed=seed))
        self._halvings = [
            HalvingPruner(
                rung, reduction_factor, competes=partial(self._is_in_bracket, bracket=bracket)
            )
            for bracket, rung in enumerate(first_rungs)
        ]

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Ask the halving of the trial's bracket."""
        return self._halvings[self._bracket_of(trial.number)].prune(study, trial)

    def _is_in_bracket(self, number: int, *, bracket: int) -> bool:
        return self._bracket_of(number) == bracket


def list_rungs(min_epochs: int, reduction_factor: int, epochs: int) -> list[int]:
    """List the rungs up to the last epoch: as many as Hyperband has brackets."""
    rungs = [min_epochs]
    while rungs[-1] * reduction_factor <= epochs:
        rungs.append(rungs[-1] * reduction_factor)
    return rungs


def share_trials(num_brackets: int, reduction_factor: int) -> list[int]:
    """Count the trials that begin in each bracket of one round: line 2 of Algorithm 1.

    Bracket 0 has the most trials and the least patience.
    """
    lengths = range(num_brackets, 0, -1)  # s + 1 in the paper
    return [-(-num_brackets * reduction_factor ** (length - 1) // length) for length in lengths]


def find_bracket(number: int, *, shares: tuple[int, ...], seed: int) -> int:
    """Choose a trial's bracket by its number and the seed, in proportion to `shares`."""
    ticket = derive_seed(seed, "bracket", number) % sum(shares)
    for bracket, share in enumerate(shares):
        if ticket < share:
            return bracket
        ticket -= share
    raise AssertionError(shares)
