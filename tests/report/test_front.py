"""Several objectives on the screen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.reading import SweepReport
from sweeps.report.front import describe_objectives, format_objective
from sweeps.report.leaderboard import render_best, render_status, render_trial
from sweeps.report.plain import describe_event
from sweeps.report.progress import SweepProgress
from sweeps.report.records import record_best, record_status, record_trial_in_full
from sweeps.report.screen import print_parts
from sweeps.spec.model import Objective
from sweeps.worker.events import SweepStarted, TrialEnded
from tests.report.samples import COMPLETE, PRUNED, make_report, make_spec

WEIGHTS = Objective(metric="num_weights", direction="minimize")
LARGE = replace(COMPLETE, values={"val_accuracy": 0.9625, "num_weights": 12345.0})
SMALL = replace(
    COMPLETE,
    number=1,
    value=0.9,
    values={"val_accuracy": 0.9, "num_weights": 678.0},
    params={"optimizer": "sgd"},
)
BEATEN = replace(SMALL, number=2, value=0.8, values={"val_accuracy": 0.8, "num_weights": 999.0})
STOPPED = replace(PRUNED, number=3)


def make_two(**changes: object) -> SweepReport:
    spec = make_spec().model_copy(update={"other_objectives": (WEIGHTS,)})
    trials = (LARGE, SMALL, BEATEN, STOPPED)
    fields = {"spec": spec, "trials": trials, "best": LARGE, "front": (LARGE, SMALL), **changes}
    return make_report(**fields)


def _print(parts: list, capsys: pytest.CaptureFixture[str]) -> str:
    print_parts(parts)
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_describe_objectives_names_all_with_their_directions() -> None:
    """The header says what is weighed against what."""
    objectives = make_two().spec.objectives
    assert describe_objectives(objectives) == "maximize val_accuracy, minimize num_weights"


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("num_weights", 12345.0, "12,345"),
        ("num_weights", None, "-"),
        ("val_loss", 0.25, "0.2500"),
    ],
)
def test_format_objective_counts_are_whole_numbers(
    metric: str, value: float | None, expected: str
) -> None:
    """Nobody has half a weight."""
    assert format_objective(metric, value) == expected


def test_render_best_shows_the_front_with_the_chosen_one_marked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The front is a table, best by the primary objective first."""
    text = _print(render_best(make_two()), capsys)
    assert text == (
        "best val_accuracy 0.9625 in trial 0000 at epoch 2\n"
        "  num_weights     12,345\n"
        "  optimizer       adam\n"
        "  learning_rate   0.001\n"
        "  test            loss 0.2500, accuracy 0.9375\n"
        "  bundle          results/digits/bundle\n"
        "  load            import sweeps; model = sweeps.load('results/digits')\n"
        "\n"
        "front   val_accuracy   num_weights            parameters\n"
        "0000          0.9625        12,345   chosen   optimizer=adam learning_rate=0.001\n"
        "0001          0.9000           678            optimizer=sgd"
    )


def test_render_best_of_one_objective_has_no_front(capsys: pytest.CaptureFixture[str]) -> None:
    """A front of one trial would say nothing new."""
    assert "front" not in _print(render_best(make_report()), capsys)


def test_render_status_shows_every_objective(capsys: pytest.CaptureFixture[str]) -> None:
    """Each objective has its column, and the header names them all."""
    lines = _print(render_status(make_two()), capsys).splitlines()
    assert lines[0] == "digits  maximize val_accuracy, minimize num_weights"
    assert lines[3].split()[:4] == ["trial", "state", "val_accuracy", "num_weights"]
    assert lines[4].split()[:4] == ["0000", "complete", "0.9625", "12,345"]
    assert lines[7].split()[:4] == ["0003", "pruned", "0.5000", "-"]


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "on it"), (1, "on it"), (2, "beaten by another trial")]
)
def test_render_trial_tells_whether_it_is_on_the_front(
    number: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show` tells all values and whether the trial is on the front."""
    report = make_two()
    text = _print(render_trial(report, report.trials[number]), capsys)
    assert "  num_weights" in text
    assert re.search(rf"^  Pareto front +{expected}$", text, re.MULTILINE)


def test_render_trial_that_was_pruned_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """The front holds complete trials only, so it says nothing of others."""
    assert "Pareto front" not in _print(render_trial(make_two(), STOPPED), capsys)


def test_records_hold_the_front_and_all_values() -> None:
    """`--json` lists the numbers of the front, and every value of a trial."""
    report = make_two(folder=Path("/data/results/digits"))
    status, best = record_status(report), record_best(report)
    assert status["front"] == best["front"] == [0, 1]
    assert best["values"] == {"val_accuracy": 0.9625, "num_weights": 12345.0}
    assert status["objectives"] == [
        {"metric": "val_accuracy", "direction": "maximize"},
        {"metric": "num_weights", "direction": "minimize"},
    ]
    on_front = [record_trial_in_full(report, trial)["is_on_front"] for trial in report.trials]
    assert on_front == [True, True, False, False]


def test_to_rows_has_a_column_per_objective() -> None:
    """The table of trials can be plotted objective against objective."""
    rows = make_two().to_rows()
    assert rows[1]["values.val_accuracy"] == 0.9
    assert rows[1]["values.num_weights"] == 678.0
    assert rows[3]["values.num_weights"] is None
    assert not [key for key in make_report().to_rows()[0] if key.startswith("values.")]


def test_plain_lines_tell_every_objective() -> None:
    """A log of a sweep without a terminal has all values too."""
    started = SweepStarted(
        "digits", "results/digits", "val_accuracy", "maximize", 4, 0, 2, 1, 20,
        others={"num_weights": "minimize"},
    )  # fmt: skip
    progress = SweepProgress()
    line = describe_event(started, progress.take(started))
    assert line.startswith("digits: maximize val_accuracy, minimize num_weights; 4 trials;")
    ended = TrialEnded(0, "complete", 0.75, 3, others={"num_weights": 1234.0})
    line = describe_event(ended, progress.take(ended))
    assert "complete 0.7500, num_weights 1,234 at epoch 3" in line


def test_progress_infeasible_trial_does_not_count() -> None:
    """A model that was refused untrained is not one of the trials asked for."""
    progress = SweepProgress()
    progress.take(SweepStarted("digits", "f", "val_accuracy", "maximize", 4, 0, 2, 1, 20))
    picture = progress.take(TrialEnded(0, "pruned", None, None, cause="infeasible"))
    assert picture.finished == 0
    assert picture.counts.get("pruned", 0) == 0
