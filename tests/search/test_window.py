"""Several workers and one result: what a trial of a deterministic sweep may know of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from sweeps.paths import SweepPaths
from sweeps.search.study import Study, open_study
from sweeps.search.trials import AskedTrial, SpaceExhaustedError, TrialOutcome
from sweeps.search.window import Window, find_window
from sweeps.spec.model import Limits
from tests.search.sample_sweeps import (
    EPOCHS,
    FINITE,
    MIXED,
    SWEEP_ID,
    make_spec,
    score,
    without_times,
)

WORKERS = 3
Pace = Callable[[int], float]


def is_even(number: int) -> float:
    return 5.0 if number % 2 else 1.0


def is_odd(number: int) -> float:
    return 1.0 if number % 2 else 5.0


def hesitate(number: int) -> float:
    return 1.0 + number * 7 % 4


@dataclass
class Training:
    """A trial in one of the workers, and when its next epoch ends."""

    asked: AskedTrial
    clock: float
    epoch: int = 0
    best: float = -1e9


def open_sample(folder: Path, sampler: str, pruner: str, **options: object) -> Study:
    startup = {"startup_trials": 2} if sampler == "tpe" else {}
    chosen = {
        "deterministic": True,
        "limits": Limits(workers=WORKERS),
        "sampler_options": startup,
        **options,
    }
    spec = make_spec(sampler, pruner, **chosen)
    return open_study(SweepPaths(folder), spec, sweep_id=SWEEP_ID)


def train_beside(
    study: Study, pace: Pace, *, num_trials: int = 16, max_epochs: int = 10**6
) -> None:
    """Train with several workers, of which each trial takes its own time an epoch.

    Args:
        study: Interrupted trials are continued first.
        pace: Time of an epoch by number of trial.
        num_trials: Trials in all.
        max_epochs: The driver is killed after so many epochs.
    """
    now = 0.0
    left = list(study.interrupted())
    active: dict[int, Training] = {}
    for _ in range(max_epochs):
        while len(active) < WORKERS and (left or can_ask(study, num_trials)):
            asked = study.resume(left.pop(0).number) if left else ask(study)
            if asked is None:
                num_trials = 0
                break
            active[asked.number] = Training(asked, now + pace(asked.number))
        if not active:
            return
        each = min(active.values(), key=lambda item: (item.clock, item.asked.number))
        now = each.clock
        each.clock += pace(each.asked.number)
        if train_epoch(study, each):
            del active[each.asked.number]


def can_ask(study: Study, num_trials: int) -> bool:
    return study.num_trials < num_trials and study.is_ready()


def ask(study: Study) -> AskedTrial | None:
    try:
        return study.ask()
    except SpaceExhaustedError:
        return None


def train_epoch(study: Study, each: Training) -> bool:
    """Train one epoch; tells whether it was the last one."""
    number = each.asked.number
    each.epoch += 1
    value = score(each.asked.values, each.epoch)
    each.best = max(each.best, value)
    others = {"num_weights": 1.0}
    if study.report(number, each.epoch, value):
        study.tell(number, TrialOutcome("pruned", each.best, each.epoch, others=others))
        return True
    if each.epoch == EPOCHS:
        study.tell(number, TrialOutcome("complete", each.best, each.epoch, others=others))
    return each.epoch == EPOCHS


def run_whole(
    folder: Path, pace: Pace, sampler: str, pruner: str, **options: object
) -> list[tuple[object, ...]]:
    folder.mkdir()
    with open_sample(folder, sampler, pruner, **options) as study:
        train_beside(study, pace)
        return without_times(study.trials())


MEMBERS = [
    ("tpe", "asha", MIXED),
    ("random", "median", MIXED),
    ("tpe", "hyperband", MIXED),
    ("tpe", "wilcoxon", MIXED),
    ("cmaes", "percentile", MIXED),
    ("nsga2", "none", MIXED),
    ("qmc", "patient", MIXED),
    ("grid", "asha", FINITE),
]


@pytest.mark.parametrize(("sampler", "pruner", "parameters"), MEMBERS)
def test_deterministic_sweep_is_a_function_of_its_seed_whatever_the_timing(
    tmp_path: Path, sampler: str, pruner: str, parameters: tuple[object, ...]
) -> None:
    """Which trial is slow and which is fast changes neither proposals nor prunings."""
    first, second, third = (
        run_whole(tmp_path / str(index), pace, sampler, pruner, parameters=parameters)
        for index, pace in enumerate((is_even, is_odd, hesitate))
    )
    assert len(first) == 16
    assert first == second == third


@pytest.mark.parametrize("pruner", ["none", "asha"])
def test_red_control_without_it_timing_decides(tmp_path: Path, pruner: str) -> None:
    """The same workers and the same seed, but other trials are slow: other proposals."""
    options = {"deterministic": False, "parameters": MIXED}
    first = run_whole(tmp_path / "first", is_even, "tpe", pruner, **options)
    second = run_whole(tmp_path / "second", is_odd, "tpe", pruner, **options)
    assert len(first) == len(second) == 16
    assert first != second


def test_red_control_random_proposals_are_pruned_by_timing(tmp_path: Path) -> None:
    """Where proposals do not depend on results, the comparison on a rung still does."""
    options = {"deterministic": False}
    first = run_whole(tmp_path / "first", is_even, "random", "asha", **options)
    second = run_whole(tmp_path / "second", is_odd, "random", "asha", **options)
    assert [row[4] for row in first] == [row[4] for row in second]
    assert [row[1] for row in first] != [row[1] for row in second]


@pytest.mark.parametrize("num_epochs", [1, 2, 7, 20, 41, 60])
def test_deterministic_sweep_interrupted_and_resumed_equals_the_uninterrupted_one(
    tmp_path: Path, num_epochs: int
) -> None:
    """Killed anywhere and continued with another timing, the trials are the same."""
    whole = run_whole(tmp_path / "whole", is_even, "tpe", "asha")
    (tmp_path / "cut").mkdir()
    with open_sample(tmp_path / "cut", "tpe", "asha") as study:
        train_beside(study, is_odd, max_epochs=num_epochs)
        assert study.interrupted()
    with open_sample(tmp_path / "cut", "tpe", "asha") as study:
        train_beside(study, hesitate)
        assert without_times(study.trials()) == whole


def test_deterministic_with_one_worker_is_the_plain_sweep(tmp_path: Path) -> None:
    """One worker is deterministic anyhow; the key changes nothing."""
    spec = {"limits": Limits(workers=1), "deterministic": False}
    rows = []
    for name, options in (("plain", spec), ("strict", {**spec, "deterministic": True})):
        (tmp_path / name).mkdir()
        with open_sample(tmp_path / name, "tpe", "asha", **options) as study:
            while study.num_trials < 16:
                training = Training(study.ask(), 0.0)
                while not train_epoch(study, training):
                    pass
            rows.append(without_times(study.trials()))
    assert rows[0] == rows[1]


def test_is_ready_waits_for_the_trial_that_is_workers_before(tmp_path: Path) -> None:
    """Trial k is asked for when the trials 0 to k - workers have ended, and not before."""
    with open_sample(tmp_path, "random", "none") as study:
        asked = []
        for _ in range(WORKERS):
            assert study.is_ready()
            asked.append(study.ask())
        assert not study.is_ready()
        study.tell(1, TrialOutcome("complete", 0.5))
        assert not study.is_ready()  # trial 3 knows trial 0, which is still running
        study.tell(0, TrialOutcome("failed"))
        assert study.is_ready()
        study.ask()
        assert study.is_ready()  # trial 4 knows trials 0 and 1
        study.ask()
        assert not study.is_ready()


def test_is_ready_counts_queued_trials_by_their_numbers(tmp_path: Path) -> None:
    """A trial that was queued waits for the same trials as any other of its number."""
    with open_sample(tmp_path, "random", "none") as study:
        for _ in range(WORKERS + 1):
            study.enqueue({"units": 64})
        for _ in range(WORKERS):
            study.ask()
        assert not study.is_ready()
        study.tell(0, TrialOutcome("complete", 0.5))
        assert study.is_ready()
        assert study.ask().number == WORKERS


def test_find_duplicate_knows_only_trials_that_have_surely_ended(tmp_path: Path) -> None:
    """A result that is there by chance is not told again: the trial is trained."""
    with open_sample(tmp_path, "random", "none", parameters=FINITE[:1]) as study:
        values = {"optimizer": "adam"}
        for _ in range(WORKERS):
            study.enqueue(values)
            study.ask()
        study.tell(1, TrialOutcome("complete", 0.5))
        assert study.find_duplicate(2, values) is None
        study.tell(0, TrialOutcome("complete", 0.5))
        assert study.find_duplicate(2, values) is None
        assert study.find_duplicate(3, values) == 0  # the first number, not the first to end


def test_window_shows_later_trials_as_running_and_as_they_were_proposed() -> None:
    """What happened to them since is hidden: reports, values, late parameters, constraints."""
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage)
    distributions = {
        "rate": optuna.distributions.FloatDistribution(0, 1),
        "late": optuna.distributions.FloatDistribution(0, 1),
    }
    for number in range(5):
        params = {"rate": number / 10, "late": 0.5}
        study.add_trial(
            optuna.create_trial(
                value=1.0 + number,
                params=params,
                distributions=distributions,
                intermediate_values={1: 0.5},
                system_attrs={"constraints:model": 1.0},
            )
        )
    window = Window(2, frozenset({"rate"}))
    shown = window.narrow(storage, 3).get_all_trials(study._study_id)
    assert [trial.number for trial in shown] == [0, 1, 2, 3]
    assert shown[:2] == study.trials[:2]
    assert shown[3] == study.trials[3]
    assert shown[2].state == TrialState.RUNNING
    assert shown[2].params == {"rate": 0.2}
    assert (shown[2].values, shown[2].intermediate_values) == (None, {})
    assert shown[2].system_attrs == {}
    complete = window.narrow(storage, 3).get_all_trials(
        study._study_id, states=(TrialState.RUNNING,)
    )
    assert [trial.number for trial in complete] == [2]


def test_find_window_needs_a_number_of_workers() -> None:
    """`auto` would mean something else on another machine."""
    with pytest.raises(ValueError, match="not auto"):
        find_window(make_spec(deterministic=True))
    assert find_window(make_spec()) is None
