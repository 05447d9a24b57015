"""A sweep with two objectives from its space file to its bundle, through the real processes."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage

import sweeps
from sweeps.cli.app import run_command_line
from sweeps.errors import CheckError, SpecError
from sweeps.paths import SweepPaths
from sweeps.reading import SweepReport
from sweeps.search.journal import JournalBackend
from tests.conftest import MakeSpace

pytestmark = pytest.mark.usefixtures("shared_engine")

OBJECTIVES = (
    "[{metric: val_accuracy, direction: maximize}, {metric: num_weights, direction: minimize}]"
)
SMALL = "{trials: 3, workers: 2}"


def run(make_space: MakeSpace, folder: Path, **lines: str) -> SweepReport:
    given = {"objective": "", "objectives": OBJECTIVES, "limits": SMALL, "pruner": "none", **lines}
    return sweeps.run(make_space(**given), results=folder)


def test_run_two_objectives_end_in_a_front_and_its_bundle(
    make_space: MakeSpace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accuracy and size of each kept model are known; the most accurate of the front leads."""
    report = run(make_space, tmp_path, limits="{trials: 6, workers: 2}", pruner="asha")
    assert len(report.trials) == 6
    for trial in report.trials:
        best = json.loads(SweepPaths(report.folder).trial(trial.number).best.read_text())
        assert (best["value"], best["epoch"]) == (trial.value, trial.best_epoch)
        assert trial.values == {"val_accuracy": trial.value, **best["others"]}
        assert trial.values["num_weights"] > 20
    assert report.best in report.front
    assert report.best is not None
    assert report.best.value == max(trial.value or 0 for trial in report.front)
    assert report.manifest is not None
    assert report.manifest["trial"] == report.best.number
    assert report.manifest["other_objectives"] == [
        {
            "metric": "num_weights",
            "direction": "minimize",
            "value": report.best.values["num_weights"],
        }
    ]
    assert sweeps.load(report.folder).count_params() == report.best.values["num_weights"]
    _check_front_is_optunas(report)
    _check_commands_tell_it(report, capsys)


def _check_front_is_optunas(report: SweepReport) -> None:
    storage = JournalStorage(JournalBackend(SweepPaths(report.folder).journal, read_only=True))
    plain = optuna.load_study(study_name=None, storage=storage)
    points = {tuple(trial.values) for trial in plain.best_trials}
    assert {tuple(trial.values.values()) for trial in report.front} == points


def _check_commands_tell_it(report: SweepReport, capsys: pytest.CaptureFixture[str]) -> None:
    folder, number = str(report.folder), str(report.front[0].number)
    told = []
    for arguments in (["status", folder], ["best", folder], ["show", folder, number]):
        assert run_command_line(arguments) == 0
        told.append(capsys.readouterr().out)
    assert told[0].startswith("tiny  maximize val_accuracy, minimize num_weights\n")
    assert "chosen" in told[1]
    assert "Pareto front    on it" in told[2]
    run_command_line(["best", folder, "--json"])
    record = json.loads(capsys.readouterr().out)
    assert record["front"] == [trial.number for trial in report.front]
    assert record["values"].keys() == {"val_accuracy", "num_weights"}


def test_resume_two_objectives_goes_on_to_a_larger_target(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A resumed sweep ends in the trials of one that was never stopped."""
    space = {"limits": "{trials: 2, workers: 1}", "export": "{choose: knee}", "seed": "3"}
    first = run(make_space, tmp_path / "parts", **space)
    parts = sweeps.resume(first.folder, overrides=["limits.trials=4"])
    whole = run(make_space, tmp_path / "whole", **{**space, "limits": "{trials: 4, workers: 1}"})
    assert [(t.values, dict(t.params)) for t in parts.trials] == [
        (t.values, dict(t.params)) for t in whole.trials
    ]
    assert parts.best is not None
    assert whole.best is not None
    assert parts.best.number == whole.best.number
    assert [trial.number for trial in parts.front] == [trial.number for trial in whole.front]


def test_run_repeats_tell_the_mean_of_each_objective(make_space: MakeSpace, tmp_path: Path) -> None:
    """Every objective is the mean over the repeats; the size is the same in each."""
    report = run(
        make_space,
        tmp_path,
        objectives="[val_accuracy, val_loss, num_weights]",
        limits="{trials: 1}",
        repeats="2",
    )
    [trial] = report.trials
    best = json.loads(SweepPaths(report.folder).trial(0).best.read_text())
    assert trial.values.keys() == {"val_accuracy", "val_loss", "num_weights"}
    assert trial.values["num_weights"] == best["others"]["num_weights"]
    assert trial.values["val_loss"] != best["others"]["val_loss"]


def test_check_names_every_objective_that_is_not_logged(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A metric that no epoch logs is found before the first trial, in any place of the list."""
    space = make_space(objective="", objectives="[val_accuracy, val_los: minimize]")
    with pytest.raises(SpecError):
        sweeps.check(space)
    objectives = "[val_accuracy, {metric: val_los, direction: minimize}, num_weights]"
    with pytest.raises(CheckError, match=r"objectives: got 'val_los'.* Did you mean 'val_loss'\?"):
        sweeps.check(make_space(objective="", objectives=objectives))


def test_check_sampler_of_one_objective_is_refused(make_space: MakeSpace) -> None:
    """CMA-ES has no notion of a front."""
    space = make_space(objective="", objectives=OBJECTIVES, sampler="cmaes")
    with pytest.raises(SpecError, match="sampler: cmaes takes one objective, but the space has 2"):
        sweeps.check(space, build=False)
