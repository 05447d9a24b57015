"""Tests of successive halving against Optuna's, and of Hyperband's brackets."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from sweeps.search.primary import WholeStudy
from sweeps.search.pruners._brackets import BracketPruner, find_bracket, list_rungs, share_trials
from sweeps.search.pruners._halving import HalvingPruner, find_new_rungs

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ([], []),
        ([1], []),
        ([1, 2], [2]),
        ([1, 2, 3], []),
        ([1, 2, 3, 4, 5, 6], [6]),
        ([5], [2]),
        ([5, 20], [6, 18]),
        ([20], [2, 6, 18]),
    ],
)
def test_find_new_rungs_lists_those_since_the_report_before(epochs: list[int], expected: list[int]):
    """A rung is judged at the first report on or after it, and only once."""
    assert find_new_rungs(epochs, 2, 3) == expected


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize(("min_epochs", "factor"), [(1, 2), (2, 3), (3, 4)])
def test_halving_decides_as_optunas_in_an_uninterrupted_study(
    direction: str, min_epochs: int, factor: int
):
    """Same rungs, same promotions: trials in parallel, with ties and gaps between reports.

    Rungs 1 and 2 have no gaps: of one report that reaches two rungs, ours counts on both.
    """
    gaps = [1] if min_epochs == 1 else [1, 1, 2]
    theirs = optuna.pruners.SuccessiveHalvingPruner(
        min_resource=min_epochs, reduction_factor=factor
    )
    ours = HalvingPruner(min_epochs, factor)
    study = optuna.create_study(direction=direction, pruner=theirs)
    chance = random.Random(min_epochs)
    decisions = []
    running = {study.ask(): 0 for _ in range(3)}
    while len(study.trials) < 40:
        trial = chance.choice(list(running))
        epoch = running[trial] = running[trial] + chance.choice(gaps)
        trial.report(round(chance.random(), 1), epoch)
        frozen = copy.deepcopy(study.trials[trial.number])
        decisions.append(ours.prune(study, frozen))
        assert trial.should_prune() == decisions[-1]
        if decisions[-1] or epoch >= 20:
            study.tell(trial, state=TrialState.FAIL)
            del running[trial]
            running[study.ask()] = 0
    assert any(decisions)
    assert not all(decisions)


def test_list_rungs_are_as_many_as_hyperbands_brackets():
    """R = 81, eta = 3: the five brackets of the paper's table 1."""
    assert list_rungs(1, 3, 81) == [1, 3, 9, 27, 81]
    assert list_rungs(2, 3, 20) == [2, 6, 18]


def test_share_trials_is_the_papers_table():
    """Table 1 of Li et al. 2018: n_0 of the brackets s = 4 to 0."""
    assert share_trials(5, 3) == [81, 34, 15, 8, 5]


def test_find_bracket_follows_the_shares():
    """Over many trials, each bracket gets its part."""
    found = [find_bracket(number, shares=(81, 34, 15, 8, 5), seed=0) for number in range(1430)]
    counts = [found.count(bracket) for bracket in range(5)]
    assert counts == [836, 329, 129, 79, 57]


def test_brackets_compare_trials_of_one_bracket_only():
    """A trial is not stopped by better ones of another bracket."""
    pruner = BracketPruner(1, 3, epochs=9, seed=0)
    shares = tuple(share_trials(3, 3))
    brackets = [find_bracket(number, shares=shares, seed=0) for number in range(12)]
    study = optuna.create_study(direction="minimize")
    for number, bracket in enumerate(brackets):
        trial = study.ask()
        first_rung = (1, 3, 9)[bracket]
        trial.report(float(number), first_rung)
        is_first = bracket not in brackets[:number]
        assert pruner.prune(study, study.trials[number]) is not is_first
    assert set(brackets) == {0, 1, 2}


def test_halving_looks_only_at_trials_that_are_new_or_had_not_ended() -> None:
    """Where it can ask for some trials, thousands of ended ones cost nothing, and decide alike."""
    asked: list[list[int]] = []
    study = optuna.create_study(direction="maximize")

    def list_some(numbers: Sequence[int], first: int) -> list[FrozenTrial]:
        trials = study.get_trials(deepcopy=False)
        asked.append([*numbers, *range(first, len(trials))])
        return [trials[number] for number in asked[-1]]

    whole = WholeStudy(study.study_name, study._storage, list_some)
    quick, slow = HalvingPruner(1, 3), HalvingPruner(1, 3)
    for number in range(60):
        trial = study.ask()
        for epoch in (1, 2, 3):
            trial.report((number * 37 % 60) * epoch, epoch)
            frozen = study._storage.get_trial(trial._trial_id)
            pruned = quick.prune(whole, frozen)
            assert pruned == slow.prune(study, frozen)
            if pruned:
                break
        study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)
    assert max(map(len, asked)) == 2  # the one before, ended meanwhile, and itself
