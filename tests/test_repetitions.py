"""Repeats, folds, duplicates and HyperModels with a fit of their own, through real sweeps."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

import sweeps
from sweeps.durable import read_json
from sweeps.errors import CheckError
from sweeps.paths import SweepPaths
from sweeps.worker.events import EpochReported
from tests.conftest import FAKES, MakeSpace
from tests.processes import interrupt_sweep

pytestmark = pytest.mark.usefixtures("shared_engine")


def test_repeats_report_the_mean_with_its_spread(make_space: MakeSpace, tmp_path: Path) -> None:
    """A trial's value is the mean over its repeats, its checkpoint the best one of the best."""
    space = make_space(repeats="3", limits="{trials: 1}", pruner="none")
    report = sweeps.run(space, results=tmp_path)
    trial = report.trials[0]
    best = json.loads((report.folder / "trials/0000/checkpoints/best.json").read_text())
    assert trial.epoch == 9
    assert trial.spread is not None
    assert trial.spread > 0
    assert best["value"] >= trial.value
    ends = [trial.reports[epoch] for epoch in (3, 6, 9)]
    assert len(set(ends)) > 1
    assert report.manifest is not None
    assert report.manifest["scores"]["validation"]["accuracy"] == best["value"]


def test_folds_validate_every_sample_once(make_space: MakeSpace, tmp_path: Path) -> None:
    """Each fold is held out once, and the export is proven on the fold of its checkpoint."""
    space = make_space(folds="3", limits="{trials: 1}", pruner="none")
    report = sweeps.run(space, results=tmp_path)
    best = json.loads((report.folder / "trials/0000/checkpoints/best.json").read_text())
    assert report.trials[0].spread is not None
    assert best["repeat"] in (1, 2, 3)
    assert report.manifest is not None
    assert report.manifest["scores"]["validation"]["accuracy"] == best["value"]


def test_repeats_resume_in_the_middle_of_the_second(make_space: MakeSpace, tmp_path: Path) -> None:
    """An interrupted repeat continues, and the earlier one is not trained again."""
    space = make_space(repeats="2", limits="{trials: 1}", pruner="none")
    whole = sweeps.run(space, results=tmp_path / "whole")

    def interrupt(event: object) -> None:
        if isinstance(event, EpochReported) and event.epoch == 4:
            interrupt_sweep()

    cut = sweeps.run(space, results=tmp_path / "cut", observer=interrupt)
    assert cut.trials[0].state == "interrupted"
    resumed = sweeps.resume(cut.folder)
    assert resumed.to_rows() == whole.to_rows()
    assert resumed.trials[0].reports == whole.trials[0].reports
    assert resumed.trials[0].spread == whole.trials[0].spread


def test_repeats_and_folds_at_once_are_refused(make_space: MakeSpace) -> None:
    """One of the two says how often a trial is trained."""
    with pytest.raises(sweeps.SpecError, match=r"folds: got 2 beside repeats: 3"):
        sweeps.check(make_space(repeats="3", folds="2"), build=False)


def test_same_parameters_are_not_trained_twice(make_space: MakeSpace, tmp_path: Path) -> None:
    """The result of the first is told for the second, without an epoch of training."""
    space = make_space(
        "parameters: {kind: wide, units: 8, learning_rate: 0.01}\n",
        limits="{trials: 3, workers: 1}",
    )
    report = sweeps.run(space, results=tmp_path)
    assert [trial.cause for trial in report.trials] == [None, "duplicate", "duplicate"]
    assert [trial.epoch for trial in report.trials] == [3, 0, 0]
    assert len({trial.value for trial in report.trials}) == 1
    assert report.trials[2].reason == (
        "same parameters as trial 0000, whose result was told again."
    )
    assert report.best == report.trials[0]


@pytest.mark.parametrize(
    ("hypermodel", "value", "epoch", "names"),
    [
        ("Plain", None, 3, set()),
        ("OwnFit", None, 3, {"batch"}),
        ("instance", None, 3, {"batch"}),
        ("OwnEpochs", None, 2, {"my_epochs"}),
        ("ReturnsNumber", 0.75, 3, set()),
        ("ReturnsDict", 0.5, 3, set()),
        ("ReturnsList", 0.5, 3, set()),
        ("CustomLoop", 0.6, 2, set()),
    ],
)
def test_hypermodel_runs_unchanged(
    make_space: MakeSpace,
    tmp_path: Path,
    hypermodel: str,
    value: float | None,
    epoch: int,
    names: set[str],
) -> None:
    """A KerasTuner HyperModel trains as it does there, whatever its fit returns."""
    space = make_space(
        model=f"{FAKES / 'hypermodels.py'}:{hypermodel}",
        limits="{trials: 1}",
        pruner="none",
        export="{formats: [keras]}",
    )
    report = sweeps.run(space, results=tmp_path, observer=print)
    trial = report.trials[0]
    assert (trial.state, trial.epoch) == ("complete", epoch)
    assert names <= set(trial.params)
    if value is not None:
        assert trial.value == value
    assert trial.checkpoint is not None


def test_hypermodel_fit_may_return_all_objectives(make_space: MakeSpace, tmp_path: Path) -> None:
    """Each number of its dict is one of the epoch that nobody saw."""
    space = make_space(
        model=f"{FAKES / 'hypermodels.py'}:ReturnsDict",
        limits="{trials: 1}",
        objective="",
        objectives="[val_accuracy, val_loss]",
        export="{formats: [keras]}",
        pruner="none",
    )
    report = sweeps.run(space, results=tmp_path)
    assert report.trials[0].values == {"val_accuracy": 0.5, "val_loss": 1.0}


@pytest.mark.parametrize("hypermodel", ["Diverges", "DivergesInTheEnd"])
def test_hypermodel_fit_that_returns_no_finite_number_fails_its_trial_alone(
    make_space: MakeSpace, tmp_path: Path, hypermodel: str
) -> None:
    """It has diverged; the sweep goes on, and says so in the trial's outcome."""
    model = f"{FAKES / 'hypermodels.py'}:{hypermodel}"
    space = make_space(model=model, limits="{trials: 2}", pruner="none")
    report = sweeps.run(space, results=tmp_path)
    assert [(trial.state, trial.cause) for trial in report.trials] == [("failed", "diverged")] * 2
    outcome = read_json(SweepPaths(report.folder).trial(1).outcome)
    assert outcome["cause"] == "diverged"


def test_hypermodel_fit_without_a_return_is_told(make_space: MakeSpace, tmp_path: Path) -> None:
    """A forgotten return is the trial's failure, with what to do."""
    space = make_space(model=f"{FAKES / 'hypermodels.py'}:ReturnsNothing", limits="{trials: 1}")
    report = sweeps.run(space, results=tmp_path)
    assert report.trials[0].state == "failed"
    assert "Is a 'return' missing?" in (report.trials[0].reason or "")


def test_folds_of_a_dataset_are_refused_before_training(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """What cannot be split is found by the check."""
    space = make_space(folds="2", data=f"{FAKES / 'tiny_model.py'}:load_dataset")
    with pytest.raises(CheckError, match="folds need arrays"):
        sweeps.run(space, results=tmp_path)


def test_mean_is_the_mean() -> None:
    """The mean over repeats is the plain one, and its spread the sample deviation."""
    from sweeps.training.repetitions import summarize

    assert summarize([1.0, 2.0, 6.0]) == (3.0, statistics.stdev([1, 2, 6]))
    assert summarize([1.0]) == (1.0, None)
