"""What a person reads at the end of a run and from the reading commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import NoLeaderError, OptionError
from sweeps.paths import SweepPaths
from sweeps.preflight import CheckReport
from sweeps.report.leaderboard import (
    describe_counts,
    render_best,
    render_check,
    render_outcome,
    render_status,
    render_trial,
)
from sweeps.report.records import record_trial_in_full
from sweeps.report.screen import print_parts
from sweeps.report.states import find_trial, rank_trials
from sweeps.search.trials import Extension
from tests.report.samples import COMPLETE, FAILED, make_report, make_spec


def _print(parts: list, capsys: pytest.CaptureFixture[str]) -> str:
    print_parts(parts)
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_render_outcome_tells_leader_bundle_and_failures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The end of a run says everything that a person needs next."""
    text = _print(render_outcome(make_report()), capsys)
    assert text == (
        "\n"
        "best val_accuracy 0.9625 in trial 0000 at epoch 2\n"
        "  optimizer       adam\n"
        "  learning_rate   0.001\n"
        "  test            loss 0.2500, accuracy 0.9375\n"
        "  bundle          results/digits/bundle\n"
        "  load            import sweeps; model = sweeps.load('results/digits')\n"
        "  trials          3 of 8 finished: 1 complete, 1 pruned, 1 failed (nan), 1 interrupted, "
        "1 waiting\n"
        "  failed          0002 nan: val_accuracy is NaN at epoch 1; lower learning_rate"
    )


@pytest.mark.parametrize(
    ("stopped", "words"),
    [
        ("interrupted", "stopped by Ctrl-C;"),
        ("terminated", "stopped by SIGTERM;"),
        ("timeout", "stopped by the sweep's time limit;"),
        ("the disk is full", "stopped early: the disk is full;"),
    ],
)
def test_render_outcome_stopped_early_gives_the_resume_command(
    stopped: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sweep that ended early says why, and the exact command that continues it."""
    text = _print(render_outcome(make_report(stopped=stopped)), capsys)
    assert words in text
    assert text.endswith("continue with: python -m sweeps resume results/digits")


def test_render_outcome_resume_command_survives_a_space_in_the_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command can be copied into a shell."""
    report = make_report(Path("my results/digits"), stopped="interrupted")
    text = _print(render_outcome(report), capsys)
    assert text.endswith("python -m sweeps resume 'my results/digits'")


def test_render_outcome_long_lines_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line to be copied is never folded."""
    report = make_report(Path("/" + "x" * 300))
    text = _print(render_outcome(report), capsys)
    assert f"sweeps.load('/{'x' * 300}')" in text


def test_render_outcome_many_failures_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Five failures are told, the rest counted by cause."""
    trials = tuple(replace(FAILED, number=number) for number in range(8))
    text = _print(render_outcome(make_report(trials=trials, best=None)), capsys)
    assert "no trial has completed" in text
    assert text.count("val_accuracy is NaN") == 5
    assert "… and 3 more: 3 nan" in text


def test_render_status_lists_trials_best_first(capsys: pytest.CaptureFixture[str]) -> None:
    """`status` gives counts and a leaderboard."""
    text = _print(render_status(make_report()), capsys)
    assert text.splitlines()[:5] == [
        "digits  maximize val_accuracy",
        "3 of 8 finished: 1 complete, 1 pruned, 1 failed (nan), 1 interrupted, 1 waiting",
        "",
        "trial   state         val_accuracy    epoch   time   parameters, or why it failed",
        "0000    complete            0.9625   2 of 3   1:15   optimizer=adam learning_rate=0.001",
    ]
    assert text.endswith("continue with: python -m sweeps resume results/digits")


def test_render_status_counts_extended_trials_beside_the_target() -> None:
    """The numbers in a line add up."""
    extended = replace(COMPLETE, number=8, extends=Extension(0, 0, 40))
    report = make_report()
    told = describe_counts(replace(report, trials=(*report.trials, extended)))
    assert told.startswith("3 of 8 finished and 1 extended: 2 complete, 1 pruned, 1 failed (nan)")


@pytest.mark.parametrize("columns", ["60", "100", "160"])
def test_render_status_long_reason_is_cut_and_takes_no_other_column(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much there is to say, each trial has its number, its state and one line."""
    monkeypatch.setattr("sweeps.report.screen.PIPE_WIDTH", int(columns))
    failed = replace(FAILED, reason="no word of this is worth less than another one. " * 10)
    text = _print(render_status(make_report(trials=(COMPLETE, failed))), capsys)
    table = text.split("\n\n")[1].splitlines()
    assert [line[:16].split() for line in table] == [
        ["trial", "state"], ["0000", "complete"], ["0002", "failed"],
    ]  # fmt: skip
    assert "0.9625   2 of 3   1:15   optim" in table[1]
    assert table[2].endswith("…")
    assert max(map(len, table)) <= int(columns)


def test_render_status_cuts_rows_and_counts_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    """What is cut off is counted, with the option that shows it."""
    text = _print(render_status(make_report(), max_rows=2), capsys)
    assert "… and 3 more: --all lists them" in text
    assert "0002" not in text


def test_render_status_running_sweep_is_not_told_to_continue(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A sweep that another process runs needs no resume."""
    text = _print(render_status(make_report(is_running=True)), capsys)
    assert "running now" in text
    assert "resume" not in text


def test_render_best_without_leader_raises() -> None:
    """No trial has completed: an error."""
    with pytest.raises(NoLeaderError):
        render_best(make_report(best=None))


def test_render_trial_marks_the_best_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    """`show` lists the epochs and marks the one of the checkpoint."""
    text = _print(render_trial(make_report(), COMPLETE), capsys)
    assert text.startswith("trial 0000  complete  the best of this sweep")
    assert "0.9625 at epoch 2 of 3" in text
    assert "    2         0.9625   best" in text


def test_render_trial_failed_says_why_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Line breaks and escape sequences of a reason do not reach the terminal."""
    text = _print(render_trial(make_report(), FAILED), capsys)
    assert "nan: val_accuracy is NaN at epoch 1; lower learning_rate" in text
    assert "\x1b" not in text


def test_render_trial_failed_gives_its_log_and_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the reason sends a person to is shown, or can be opened; nothing commands a terminal."""
    trial = SweepPaths(tmp_path).trial(FAILED.number)
    trial.root.mkdir(parents=True)
    trial.log.write_text("printed\n")
    told = (
        'Traceback (most recent call last):\n  File "a.py", line 3\n    \x1b[31mx\x07()\nOops: no'
    )
    trial.outcome.write_text(json.dumps({"schema": 1, "traceback": told}))
    report = make_report(tmp_path)
    text = _print(render_trial(report, FAILED), capsys)
    assert f"  log            {trial.log}\n" in text
    assert text.endswith(
        '\nTraceback (most recent call last):\n  File "a.py", line 3\n    x?()\nOops: no'
    )
    record = record_trial_in_full(report, FAILED)
    assert (record["log"], record["traceback"]) == ("trials/0002/log.txt", told)


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        ({"loop": "fit", "loop_reason": "the model runs eagerly"}, "fit: the model runs eagerly"),
        ({"loop": "own fit", "loop_reason": ""}, "own fit"),
        ({"loop": "compiled", "loop_reason": ""}, ""),
        ({"loop": None, "loop_reason": None}, ""),
        ({}, ""),
    ],
)
def test_render_trial_tells_how_it_was_trained_unless_compiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outcome: dict[str, Any], line: str
) -> None:
    """With the reason; what an older version wrote tells nothing."""
    trial = SweepPaths(tmp_path).trial(COMPLETE.number)
    trial.root.mkdir(parents=True)
    trial.outcome.write_text(json.dumps({"schema": 1, **outcome}))
    report = make_report(tmp_path)
    text = _print(render_trial(report, COMPLETE), capsys)
    assert [each.split(maxsplit=1)[1] for each in text.splitlines() if " loop " in each] == (
        [line] if line else []
    )
    record = record_trial_in_full(report, COMPLETE)
    assert record["loop"] == outcome.get("loop")
    assert record["loop_reason"] == outcome.get("loop_reason")


def test_render_check_tells_what_was_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """`check` shows the sweep that would run."""
    report = CheckReport(make_spec(), metrics=("loss", "val_accuracy"), num_weights=12345)
    text = _print(render_check(report), capsys)
    assert text.splitlines()[:4] == [
        "no mistake found",
        "  sweep    digits: maximize val_accuracy",
        "  budget   8 trials of at most 20 epochs",
        "  search   tpe proposes, asha prunes",
    ]
    assert "12,345 weights; logs loss, val_accuracy" in text


def test_find_trial_unknown_number_says_which_there_are() -> None:
    """An unknown number is a user's mistake."""
    with pytest.raises(OptionError, match="got trial 9; expected one of its trials: 0 to 4"):
        find_trial(make_report(), 9)


def test_rank_trials_minimize_puts_the_smallest_first() -> None:
    """The order follows the direction; a trial without a value comes last in its state."""
    trials = tuple(
        replace(COMPLETE, number=number, value=value)
        for number, value in enumerate([0.3, None, 0.1, float("nan"), 0.2])
    )
    report = make_report(trials=trials, best=trials[2], spec=make_spec("minimize"))
    assert [trial.number for trial in rank_trials(report)] == [2, 4, 0, 1, 3]
