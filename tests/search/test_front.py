"""The Pareto front, and which of its trials leads."""

from __future__ import annotations

import dataclasses
import math

import pytest

from sweeps.causes import Cause
from sweeps.search.front import find_front, find_leader, find_leading, find_losses
from sweeps.search.trials import TrialRecord, TrialState
from sweeps.spec.model import Objective

ACCURACY = Objective(metric="val_accuracy", direction="maximize")
WEIGHTS = Objective(metric="num_weights", direction="minimize")
BOTH = (ACCURACY, WEIGHTS)


def make_record(
    number: int,
    accuracy: float | None,
    weights: float | None = None,
    state: TrialState = "complete",
) -> TrialRecord:
    known = {"val_accuracy": accuracy, "num_weights": weights}
    values = {metric: value for metric, value in known.items() if value is not None}
    return TrialRecord(number, state, accuracy, values=values)


def make_records(*pairs: tuple[float | None, float | None]) -> list[TrialRecord]:
    return [make_record(number, *pair) for number, pair in enumerate(pairs)]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], []),
        ([(0.5, 100)], [0]),
        ([(0.5, 100), (0.6, 100)], [1]),
        ([(0.5, 100), (0.5, 90)], [1]),
        ([(0.9, 300), (0.8, 200), (0.7, 100)], [0, 1, 2]),
        ([(0.7, 100), (0.9, 300), (0.69, 101), (0.8, 300)], [0, 1]),
        ([(0.5, 100), (0.5, 100), (0.5, 100)], [0]),
        ([(0.9, 300), (0.5, 100), (0.9, 300), (0.5, 100)], [0, 1]),
        ([(0.9, None), (None, 1), (0.5, 100)], [2]),
        ([(math.inf, 1), (0.5, -math.inf), (math.nan, 1), (0.4, 100)], [3]),
    ],
)
def test_find_front_keeps_what_no_other_trial_beats(
    pairs: list[tuple[float | None, float | None]], expected: list[int]
) -> None:
    """Ties in one objective stay where another one differs; of equal trials the first stays."""
    front = find_front(make_records(*pairs), BOTH)
    assert [record.number for record in front] == expected


def test_trial_that_repeats_another_one_never_leads() -> None:
    """Its number may be the smaller one, but it has no model: it was not trained."""
    repeat = dataclasses.replace(make_record(0, 0.9, 10), cause=Cause.DUPLICATE)
    trained = make_record(1, 0.9, 10)
    assert find_front([repeat, trained], BOTH) == (trained,)
    assert find_leader([repeat, trained], BOTH[:1]) == trained


def test_all_of_the_front_may_lead_by_the_knee() -> None:
    """It moves as the front grows: who led no one before may lead then; by primary never."""
    records = make_records((0.6, 0), (1.0, 1), (0.9, 0.4), (0.85, 0.3))
    assert find_leading(records, BOTH, "knee") == {0, 1, 2, 3}
    assert find_leading(records, BOTH) == {1}
    assert find_leading([], BOTH, "knee") == find_leading([], BOTH) == frozenset()


def test_find_front_holds_complete_trials_only() -> None:
    """A pruned trial was judged at less effort; one without an end has no value yet."""
    states: list[TrialState] = ["pruned", "failed", "running", "waiting", "interrupted"]
    records = [make_record(number, 0.9, 10, state) for number, state in enumerate(states)]
    assert find_front([*records, make_record(5, 0.1, 99)], BOTH) == (make_record(5, 0.1, 99),)


def test_find_front_agrees_with_optuna() -> None:
    """On distinct points the front is that of Optuna, in three dimensions too."""
    import random

    import optuna

    chance = random.Random(3)
    loss = Objective(metric="val_loss", direction="minimize")
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"])
    records = []
    for number in range(60):
        values = [chance.random(), float(chance.randrange(20)), chance.random()]
        study.add_trial(optuna.create_trial(values=values))
        named = dict(zip(["val_accuracy", "num_weights", "val_loss"], values, strict=True))
        records.append(TrialRecord(number, "complete", values[0], values=named))
    front = find_front(records, (*BOTH, loss))
    assert [record.number for record in front] == [trial.number for trial in study.best_trials]
    assert 5 < len(front) < 60


def test_find_front_of_one_objective_is_its_leader() -> None:
    """With one objective there is one best trial, the first of equal ones."""
    records = make_records((0.5, None), (0.9, None), (0.9, None))
    assert [record.number for record in find_front(records, (ACCURACY,))] == [1]


def test_find_leader_primary_takes_the_smaller_of_two_equally_accurate_ones() -> None:
    """The best primary value wins among the front, so a beaten tie never leads."""
    records = make_records((0.9, 300), (0.9, 200), (0.5, 10))
    leader = find_leader(records, BOTH)
    assert leader is not None
    assert leader.number == 1


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0.9, 1000), (0.89, 200), (0.5, 100)], 1),
        # Scaled to the front, both ends are equally far from the ideal point: the primary decides.
        ([(0.5, 100), (0.9, 1000)], 1),
        # A beaten trial does not stretch the scale.
        ([(0.9, 1000), (0.89, 200), (0.5, 100), (0.1, 10**9)], 1),
        ([(0.7, 10)], 0),
    ],
)
def test_find_leader_knee_is_closest_to_the_best_of_all(
    pairs: list[tuple[float, float]], expected: int
) -> None:
    """The knee gives up little of one objective for much of another."""
    leader = find_leader(make_records(*pairs), BOTH, "knee")
    assert leader is not None
    assert leader.number == expected


@pytest.mark.parametrize("choose", ["primary", "knee"])
def test_find_leader_without_complete_trials_is_none(choose: str) -> None:
    """Nothing leads before a trial has completed."""
    assert find_leader([make_record(0, 0.9, 10, "pruned")], BOTH, choose) is None  # type: ignore[arg-type]


def test_find_losses_turns_maximized_values_around() -> None:
    """Smaller is better in every loss."""
    assert find_losses(make_record(0, 0.75, 10), BOTH) == (-0.75, 10)
