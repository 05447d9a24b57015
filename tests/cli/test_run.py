"""`run` and `resume`: what they ask of the API, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.samples import make_report


def test_run_passes_its_options_on(sweeps, api) -> None:
    """The command is a thin caller: options arrive at the API as they are."""
    said = sweeps(
        "run", "space.yaml", "--results", "out", "--set", "a=1", "--set", "b=2", "--fresh",
        "--engine", "inline",
    )  # fmt: skip
    assert said.status == 0
    assert api.calls == [
        (
            "run",
            (Path("space.yaml"),),
            {"results": Path("out"), "overrides": ["a=1", "b=2"], "enqueue": [], "fresh": True,
             "engine": "inline"},
        )
    ]  # fmt: skip


def test_run_defaults(sweeps, api) -> None:
    """Without options: results/, nothing overridden, trials in processes of their own."""
    sweeps("run", "space.yaml")
    assert api.calls[0][2] == {
        "results": Path("results"), "overrides": (), "enqueue": [], "fresh": False,
        "engine": "local",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stopped", "status"),
    [("", 0), ("timeout", 0), ("interrupted", 130), ("terminated", 75), ("5 trials failed", 1)],
)
def test_run_exit_status_tells_how_it_ended(stopped: str, status: int, sweeps, api) -> None:
    """The report is printed however the sweep ended, and the status tells a script."""
    api.answer = make_report(stopped=stopped)
    said = sweeps("run", "space.yaml")
    assert said.status == status
    assert "best val_accuracy 0.9625 in trial 0000 at epoch 2" in said.out
    assert ("continue with: python -m sweeps resume results/digits" in said.out) is bool(stopped)


def test_run_without_a_complete_trial_is_a_failure(sweeps, api) -> None:
    """No leader means that there is nothing to load."""
    api.answer = make_report(best=None)
    said = sweeps("run", "space.yaml")
    assert said.status == 1
    assert "no trial has completed" in said.out


def test_resume_reads_the_folder_first_and_passes_its_options_on(sweeps, api) -> None:
    """The view begins with what the sweep has already."""
    said = sweeps("resume", "results/digits", "--set", "limits.trials=9", "--accept-change")
    assert said.status == 0
    assert api.calls == [
        ("read", (Path("results/digits"),), {}),
        (
            "resume",
            (Path("results/digits"),),
            {
                "space": None,
                "overrides": ["limits.trials=9"],
                "accept_change": True,
                "engine": "local",
            },
        ),
    ]
