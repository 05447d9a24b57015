"""What a stranger's folder says is printed and never obeyed by the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.cli.app import run_command_line
from sweeps.reading import SweepReport
from sweeps.report.leaderboard import render_best, render_outcome, render_status, render_trial
from sweeps.report.screen import print_parts
from sweeps.search.trials import TrialRecord
from tests.report.samples import COMPLETE, FAILED, INTERRUPTED, PRUNED, WAITING, make_report

# Sets the window's title, rings, colours, moves the cursor, and turns the line's direction.
BAD = "a\x1b]0;title\x07\x1b[31m\x9b2Jb\rc\u202ed\x00"


def spoil(trial: TrialRecord) -> TrialRecord:
    told = {"cause": BAD, "reason": BAD} if trial.state in ("failed", "pruned") else {}
    return replace(trial, params={f"p{BAD}": BAD}, **told)


def make_hostile(folder: Path) -> SweepReport:
    trials = tuple(map(spoil, (COMPLETE, PRUNED, FAILED, INTERRUPTED, WAITING)))
    return make_report(
        folder,
        trials=trials,
        best=trials[0],
        front=trials[:1],
        test_scores={BAD: 1.0},
        accepted_changes=(BAD,),
        stopped=BAD,
    )


def test_report_of_a_strangers_sweep_prints_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names, values, causes and reasons come from files: only printable ones reach the screen."""
    report = make_hostile(tmp_path)
    for render in (render_outcome, render_status, render_best):
        print_parts(render(report))
    for trial in report.trials:
        print_parts(render_trial(report, trial))
    said = capsys.readouterr().out
    assert said.count("]0;title") > 10, "it is told, only not obeyed"
    assert [line for line in said.splitlines() if not line.isprintable()] == []


def test_error_that_names_a_strangers_file_prints_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file's name may hold anything but a slash."""
    (tmp_path / "spec.json").touch()
    (tmp_path / BAD.replace("\0", "")).symlink_to("/")
    assert run_command_line(["status", str(tmp_path)]) != 0
    said = capsys.readouterr().err
    assert "c?d: a symbolic link does not belong" in said
    assert [line for line in said.splitlines() if not line.isprintable()] == []
