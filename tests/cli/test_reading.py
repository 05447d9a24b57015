"""status, best, show and check: what is printed, and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sweeps.preflight import CheckReport
from tests.report.samples import make_report, make_spec


def make_folders(*names: str) -> None:
    for age, name in enumerate(reversed(names)):
        folder = Path("results") / name
        folder.mkdir(parents=True)
        (folder / "spec.json").touch()
        os.utime(folder / "spec.json", (1e9 - age, 1e9 - age))


def test_status_json_is_all_that_is_on_stdout(sweeps, api) -> None:
    """A script reads standard output whole."""
    said = sweeps("status", "results/digits", "--json")
    record = json.loads(said.out)
    assert (said.status, said.err) == (0, "")
    assert record["schema"] == 1
    assert record["best"]["number"] == 0
    assert [trial["state"] for trial in record["trials"]] == [
        "complete", "pruned", "failed", "interrupted", "waiting",
    ]  # fmt: skip


def test_status_for_a_person(sweeps, api) -> None:
    """Counts first, then the leaderboard."""
    said = sweeps("status", "results/digits")
    assert said.status == 0
    assert said.out.startswith("digits  maximize val_accuracy\n3 of 8 finished: 1 complete")


@pytest.mark.parametrize("command", ["status", "best"])
def test_folder_left_out_means_the_sweep_in_results(command: str, sweeps, api) -> None:
    """One sweep in results/ needs no name."""
    make_folders("digits")
    said = sweeps(command)
    assert (said.status, said.err) == (0, "")
    assert api.calls == [("read", (Path("results/digits"),), {})]


def test_folder_left_out_of_several_is_the_most_recent_and_told(sweeps, api) -> None:
    """A choice made for the user is told, on standard error."""
    make_folders("old", "new")
    said = sweeps("show", "0")
    assert said.err == "results/new: the most recently changed of 2 sweeps\n"
    assert api.calls == [("read", (Path("results/new"),), {})]


def test_folder_left_out_without_any_sweep(sweeps, api) -> None:
    """Nothing to choose from is a mistake that says what to do."""
    said = sweeps("status")
    assert said.status == 2
    assert said.err == (
        "results: holds no sweep. Give the sweep's folder, or start one with: "
        "python -m sweeps run SPACE\n"
    )


def test_best_json(sweeps, api) -> None:
    """The leader's object with its scores."""
    api.answer = make_report(folder=Path("/data/digits"))
    record = json.loads(sweeps("best", "results/digits", "--json").out)
    assert record["checkpoint"] == "trials/0000/checkpoints/0000-epoch02.keras"
    assert record["bundle"] == "bundle"
    assert record["test_scores"] == {"loss": 0.25, "accuracy": 0.9375}
    assert record["load"] == "import sweeps; model = sweeps.load('/data/digits')"


def test_best_before_the_export(sweeps, api) -> None:
    """A sweep that still runs, or was stopped, has no bundle to load."""
    record = json.loads(sweeps("best", "results/digits", "--json").out)
    assert (record["bundle"], record["load"]) == (None, None)
    assert "bundle          none yet" in sweeps("best", "results/digits").out


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_best_without_leader(options: list[str], sweeps, api) -> None:
    """No trial has completed: status 1, and nothing that could be taken for a result."""
    api.answer = make_report(best=None)
    said = sweeps("best", "results/digits", *options)
    assert (said.status, said.out) == (1, "")
    assert said.err == "results/digits: no trial has completed yet, so there is no best one\n"


def test_show_json(sweeps, api) -> None:
    """One trial, its number written as on disk or not."""
    record = json.loads(sweeps("show", "results/digits", "0002", "--json").out)
    assert (record["number"], record["cause"]) == (2, "nan")


def test_show_unknown_number(sweeps, api) -> None:
    """A number that does not exist is a mistake."""
    said = sweeps("show", "results/digits", "7")
    assert said.status == 2
    assert "got trial 7; expected one of its trials: 0 to 4" in said.err


@pytest.mark.parametrize(
    "arguments", [["results/digits"], ["a", "b", "1"], ["results/digits", "1.5"], ["1" * 5000]]
)
def test_show_without_a_number(arguments: list[str], sweeps, api) -> None:
    """What is no number is a mistake that shows how to write it."""
    said = sweeps("show", *arguments)
    assert said.status == 2
    assert "expected [FOLDER] NUMBER, such as: python -m sweeps show results/digits 7" in said.err


def test_check_no_build(sweeps, api) -> None:
    """`check --no-build` asks for the space file only."""
    api.answer = CheckReport(make_spec())
    said = sweeps("check", "space.yaml", "--no-build", "--set", "limits.trials=3")
    assert said.status == 0
    assert said.out.startswith("no mistake found\n")
    assert api.calls == [
        ("check", (Path("space.yaml"),), {"overrides": ["limits.trials=3"], "build": False})
    ]


def test_check_json(sweeps, api) -> None:
    """`check --json` is the documented object."""
    api.answer = CheckReport(make_spec(), metrics=("loss",), num_weights=7, loop="compiled")
    assert json.loads(sweeps("check", "space.yaml", "--json").out) == {
        "schema": 1,
        "name": "digits",
        "metric": "val_accuracy",
        "direction": "maximize",
        "objectives": [{"metric": "val_accuracy", "direction": "maximize"}],
        "target": 8,
        "parameters": [],
        "declared": [],
        "metrics": ["loss"],
        "num_weights": 7,
        "data": [],
        "loop": "compiled",
        "loop_reason": "",
        "plan": None,
    }
