"""Trials that extend others: in the study, and unseen by samplers and pruners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweeps.paths import SweepPaths
from sweeps.search.replay import read_study
from sweeps.search.study import Study, open_study
from sweeps.search.trials import Extension, TrialOutcome
from tests.search.sample_sweeps import FINITE, SWEEP_ID, make_spec, train


def open_sample(folder: Path, *args: Any, **options: Any) -> Study:
    return open_study(SweepPaths(folder), make_spec(*args, **options), sweep_id=SWEEP_ID)


def test_extend_is_an_interrupted_trial_with_the_same_values(tmp_path: Path) -> None:
    """It is in the study at once, counts for nothing, and every extension knows the first trial."""
    with open_sample(tmp_path) as study:
        train(study, study.ask())
        assert study.extend(0, 12) == 1
        study.tell(1, TrialOutcome("complete", 0.5, 12))
        assert study.extend(1, 20) == 2
    with open_sample(tmp_path) as study:
        assert [trial.number for trial in study.interrupted()] == [2]
        assert study.resume(2).values == study.trials()[0].params
        assert study.num_counted == 1
        assert study.ask().number == 3
        assert study.num_counted == 2
    trials = read_study(SweepPaths(tmp_path))
    assert [trial.extends for trial in trials] == [
        None,
        Extension(0, 0, 12),
        Extension(1, 0, 20),
        None,
    ]
    assert trials[2].params == trials[0].params


def test_extend_is_never_pruned(tmp_path: Path) -> None:
    """However bad it looks beside others, it was asked for by the user."""
    options = {"pruner_options": {"startup_trials": 1, "min_epochs": 1}}
    with open_sample(tmp_path, "random", "median", **options) as study:
        for _ in range(3):
            train(study, study.ask())
        study.extend(0, 20)
        weak = study.ask()
        assert study.report(weak.number, 1, -9.0)
        assert not any(study.report(3, epoch, -9.0) for epoch in range(1, 20))


def propose_after(folder: Path, value: float, *, extend: bool, **options: Any) -> Any:
    """Let a ninth trial end with a value; give what the tenth tries, and whether it is pruned."""
    folder.mkdir()
    options |= {"pruner": "asha", "pruner_options": {"reduction_factor": 8}}
    with open_sample(folder, **options) as study:
        for _ in range(8):
            train(study, study.ask())
        number = study.extend(0, 40) if extend else study.ask().number
        study.report(number, 2, value)
        study.tell(number, TrialOutcome("complete", value, 40))
        asked = study.ask()
        return asked, study.report(asked.number, 2, 0.9)


@pytest.mark.parametrize(
    ("sampler", "deterministic"),
    [("tpe", False), ("tpe", True), ("grid", False), ("cmaes", True)],
)
def test_what_an_extended_trial_reaches_changes_no_proposal_and_no_pruning(
    tmp_path: Path, sampler: str, deterministic: bool
) -> None:
    """Samplers and pruners do not see it."""
    options: dict[str, Any] = {"deterministic": deterministic, "limits": {"workers": 1}}
    if sampler == "tpe":
        options["sampler_options"] = {"startup_trials": 2}
    if sampler == "grid":
        options["parameters"] = FINITE
    low, high = (
        propose_after(tmp_path / name, value, extend=True, sampler=sampler, **options)
        for name, value in (("low", -9.0), ("high", 9.0))
    )
    assert low == high


def test_red_control_another_trial_changes_the_next_proposal_and_pruning(tmp_path: Path) -> None:
    """With an ordinary trial in the same place both depend on what it reaches."""
    options = {"sampler": "tpe", "sampler_options": {"startup_trials": 2}}
    low, high = (
        propose_after(tmp_path / name, value, extend=False, **options)
        for name, value in (("low", -9.0), ("high", 9.0))
    )
    assert low[0] != high[0]
    assert (low[1], high[1]) == (False, True)
