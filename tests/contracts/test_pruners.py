"""The contract of pruners, checked on every member of the menu."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from sweeps.paths import SweepPaths
from sweeps.search.options import check_choice
from sweeps.search.pruners import PRUNERS
from sweeps.search.study import Study, open_study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.model import Choice
from tests.search.sample_sweeps import (
    NUM_WEIGHTS,
    SWEEP_ID,
    finish,
    make_spec,
    train,
    without_times,
)

EPOCHS = 20
OPTIONS = {
    "median": {"startup_trials": 2, "min_epochs": 4},
    "percentile": {"startup_trials": 2, "min_epochs": 4, "percentile": 40},
    "asha": {"min_epochs": 4},
    "hyperband": {"min_epochs": 4},
    "patient": {"patience": 1, "min_epochs": 4},
    "threshold": {"low": -3.0, "min_epochs": 4},
    "threshold minimize": {"high": 3.0, "min_epochs": 4},
    "wilcoxon": {"min_epochs": 4},
}
PRUNING = [name for name in PRUNERS if name != "none"]
# Patience and thresholds look at one trial alone, whether it is the best or not.
COMPARING = [name for name in PRUNING if name not in ("patient", "threshold")]

every_member = pytest.mark.parametrize("name", list(PRUNERS))


def open_sample(folder: Path, name: str, direction: str = "maximize", **options: object) -> Study:
    folder.mkdir(exist_ok=True)
    spec = make_spec(
        "random",
        name,
        direction=direction,
        epochs=EPOCHS,
        pruner_options=OPTIONS.get(f"{name} {direction}", OPTIONS.get(name, {})),
        **options,
    )
    return open_study(SweepPaths(folder), spec, sweep_id=SWEEP_ID)


def run_curves(study: Study, curves: list[list[float]]) -> dict[int, int]:
    """Train trials along given curves; the epoch at which each was pruned, by number."""
    pruned = {}
    for curve in curves:
        number = study.ask().number
        for epoch, value in enumerate(curve, start=1):
            if study.report(number, epoch, value):
                pruned[number] = epoch
                break
        finite = [value for value in curve if math.isfinite(value)]
        best = max(finite, default=None)
        state = "pruned" if number in pruned else "complete" if finite else "failed"
        study.tell(number, TrialOutcome(state, best))
    return pruned


def sinking(level: float) -> list[float]:
    # Bent by the level, so that no two differences tie: SciPy's test is slow on ties.
    return [level * (1 + 0.01 * epoch**0.5) - 0.1 * epoch for epoch in range(EPOCHS)]


@pytest.mark.parametrize("name", PRUNING)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_pruner_stops_weak_trials_and_never_before_min_epochs(
    tmp_path: Path, name: str, direction: str
):
    """Hopeless trials end early, but not before the first epoch that the user allows."""
    sign = 1.0 if direction == "maximize" else -1.0
    levels = [1.0, 0.9, 0.8] + [-5.0 - index for index in range(9)]
    curves = [[sign * value for value in sinking(level)] for level in levels]
    with open_sample(tmp_path, name, direction) as study:
        pruned = run_curves(study, curves)
    assert len(pruned.keys() & set(range(3, 12))) >= 5
    assert min(pruned.values()) >= 4


def test_pruner_none_stops_nothing(tmp_path: Path):
    """The pruner none is what it says."""
    with open_sample(tmp_path, "none") as study:
        assert run_curves(study, [sinking(1.0)] * 3 + [sinking(-9.0)] * 3) == {}


@pytest.mark.parametrize("name", COMPARING)
def test_pruner_never_stops_the_best_trial_so_far(tmp_path: Path, name: str):
    """A trial that is ahead of all others at every epoch trains to its end."""
    chance = random.Random(0)
    with open_sample(tmp_path, name) as study:
        others = [sinking(chance.uniform(-2, 0)) for _ in range(8)]
        run_curves(study, others)
        better = [[*sinking(0.1 * step)[:-1], 5.0 + step] for step in range(1, 5)]
        assert run_curves(study, better) == {}


@every_member
def test_pruner_value_that_is_not_finite_is_no_error(tmp_path: Path, name: str):
    """NaN and infinities come in at any epoch, in any trial."""
    bad = [math.nan, math.inf, -math.inf]
    with open_sample(tmp_path, name) as study:
        run_curves(study, [bad * 6, sinking(1.0), [*bad, *sinking(0.5)[3:]], sinking(0.9)])
        run_curves(study, [sinking(1.0)[:3] + [value] * 17 for value in bad] + [[math.nan] * 20])
        assert study.num_trials == 8


@every_member
def test_pruner_reports_of_some_epochs_only_are_no_error(tmp_path: Path, name: str):
    """Not every epoch is validated, and trials end at different epochs."""
    with open_sample(tmp_path, name) as study:
        for stride in (1, 3, 2, 5, 7, 4):
            number = study.ask().number
            for epoch in range(stride, EPOCHS + 1, stride):
                study.report(number, epoch, 1.0 / (stride + epoch))
            study.tell(number, TrialOutcome("complete", 0.5))


@every_member
def test_pruner_opened_again_before_every_trial_decides_the_same(tmp_path: Path, name: str):
    """Nothing that a pruner needs is in memory only."""
    with open_sample(tmp_path / "whole", name) as study:
        finish(study, 12)
        expected = without_times(study.trials())
    for count in range(1, 13):
        with open_sample(tmp_path / "parts", name) as study:
            finish(study, count)
            found = without_times(study.trials())
    assert found == expected


@every_member
def test_pruner_several_objectives_decides_by_the_primary_one(tmp_path: Path, name: str):
    """Pruning asks for the first objective alone, and the others change nothing."""
    results = []
    for folder, others in (("one", ()), ("two", (NUM_WEIGHTS,))):
        with open_sample(tmp_path / folder, name, other_objectives=others) as study:
            finish(study, 12)
            results.append(without_times(study.trials()))
    assert results[0] == results[1]


@every_member
def test_pruner_asked_again_answers_the_same_and_writes_nothing(tmp_path: Path, name: str):
    """The last epoch, reported again by the next attempt, is judged again without a trace."""
    with open_sample(tmp_path, name) as study:
        for _ in range(5):
            train(study, study.ask(), epochs=EPOCHS)
        number = study.ask().number
        for epoch in range(1, 6):
            answer = study.report(number, epoch, -4.0)
            size = (tmp_path / "study.journal").stat().st_size
            assert [study.report(number, epoch, -4.0) for _ in range(3)] == [answer] * 3
            assert (tmp_path / "study.journal").stat().st_size == size


@every_member
def test_pruner_options_of_the_sample_are_right_and_a_wrong_one_is_named(name: str):
    """Options are checked by the member, with the key in the message."""
    spec = make_spec(pruner=name, epochs=EPOCHS)
    assert check_choice(PRUNERS, Choice(name=name, options=OPTIONS.get(name, {})), spec) == []
    wrong = Choice(name=name, options={**OPTIONS.get(name, {}), "min_epoch": 1})
    [(key, message)] = check_choice(PRUNERS, wrong, spec)
    assert key == "pruner.min_epoch"
    assert ("Did you mean 'min_epochs'?" in message) == (name != "none")


def test_patient_is_refused_where_a_trial_is_trained_several_times():
    """Each repeat begins behind the best of the one before, so that patience would end it."""
    spec = make_spec(pruner="patient", epochs=EPOCHS).model_copy(update={"repeats": 2})
    [(key, message)] = check_choice(PRUNERS, spec.pruner, spec)
    assert key == "pruner.name"
    assert "patient cannot judge repeats or folds" in message


@pytest.mark.parametrize(
    ("name", "options", "key", "expected"),
    [
        ("medain", {}, "pruner.name", "Did you mean 'median'?"),
        ("asha", {"min_epochs": 0}, "pruner.min_epochs", "got 0; "),
        ("asha", {"min_epochs": 20}, "pruner.min_epochs", "less than training.epochs"),
        ("hyperband", {"min_epochs": 21}, "pruner.min_epochs", "less than training.epochs"),
        ("asha", {"reduction_factor": 1}, "pruner.reduction_factor", "got 1; "),
        ("percentile", {"percentile": 101}, "pruner.percentile", "got 101; "),
        ("patient", {"patience": -1}, "pruner.patience", "got -1; "),
        ("threshold", {}, "pruner", "threshold needs low, high or both"),
        ("threshold", {"low": 2, "high": 1}, "pruner", "low is above high (2.0 > 1.0)"),
        ("threshold", {"low": math.nan}, "pruner.low", "finite"),
        ("wilcoxon", {"p_threshold": 0}, "pruner.p_threshold", "got 0; "),
    ],
)
def test_pruner_mistake_is_found_at_check_time(name: str, options: dict, key: str, expected: str):
    """Each mistake has its key and says what was expected."""
    spec = make_spec(epochs=EPOCHS)
    [(found, message)] = check_choice(PRUNERS, Choice(name=name, options=options), spec)
    assert found == key
    assert expected in message
