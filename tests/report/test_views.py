"""The contract of every view, and what each of them prints."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, Group

from sweeps.report import VIEWS
from sweeps.report.live import LiveView
from sweeps.report.live_picture import draw_picture, share_lines
from sweeps.report.plain import PlainView
from sweeps.report.progress import SweepProgress
from sweeps.worker.events import (
    EpochReported,
    Event,
    Notice,
    Stopping,
    SweepStarted,
    TrialEnded,
    TrialStarted,
)

SCRIPT: list[Event] = [
    Notice("building one model"),
    SweepStarted("digits", "results/digits", "val_accuracy", "maximize", 12, 0, 2, 1, 20),
    TrialStarted(0, 1, {"units": 64}),
    TrialStarted(1, 2),
    TrialStarted(1, 2, {"units": 32}),
    EpochReported(0, 1, 0.5, 0.5),
    EpochReported(1, 7, None, None),
    TrialEnded(0, "complete", 0.9721, 18),
    TrialEnded(1, "failed", None, None, "timeout", "took longer than 10m\n[bold]raise it[/bold]"),
    TrialStarted(2, 1),
    TrialEnded(2, "pruned", 0.25, 3, "asha", "below the best third"),
    Stopping("interrupted"),
    TrialEnded(3, "interrupted", 0.3, 2),
]


def draw(events: list[Event], *, width: int = 80, height: int = 24) -> list[str]:
    progress = SweepProgress(clock=lambda: 0.0)
    for event in events:
        progress.take(event)
    console = Console(file=io.StringIO(), width=width, height=height, markup=False)
    console.print(Group(*draw_picture(progress.picture(), width=width, height=height)))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def running(count: int) -> list[Event]:
    return [SCRIPT[1], *(TrialStarted(number, 1) for number in range(count))]


@pytest.mark.parametrize("name", list(VIEWS))
def test_view_takes_every_event_and_never_raises(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Contract: a view is a context manager that takes any event, in any order."""
    with VIEWS.load(name)() as view:
        for event in [*reversed(SCRIPT), *SCRIPT]:
            view(event)
    assert "digits" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(VIEWS))
def test_view_survives_a_stream_that_is_gone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract: a closed terminal or pipe costs the view, not the sweep."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    with VIEWS.load(name)() as view:
        for event in SCRIPT:
            view(event)


def test_plain_view_prints_one_line_per_ended_trial() -> None:
    """Plain lines carry a counter, the value, and why a trial failed."""
    stream = io.StringIO()
    with PlainView(SweepProgress(clock=lambda: 0.0), stream) as view:
        for event in SCRIPT:
            view(event)
    assert stream.getvalue().splitlines() == [
        "building one model",
        "digits: maximize val_accuracy; 12 trials; 2 workers; at most 20 epochs each",
        "trial 0001 continues, attempt 2",
        "[ 1/12] trial 0000 complete 0.9721 at epoch 18 (0:00)  best so far",
        "[ 2/12] trial 0001 failed   timeout: took longer than 10m [bold]raise it[/bold] (0:00)",
        "[ 3/12] trial 0002 pruned   0.2500 at epoch 3 (0:00)",
        "stopped by Ctrl-C; running trials end after their epoch, Ctrl-C again ends them now",
        "[ 3/12] trial 0003 interrupted 0.3000 at epoch 2",
    ]


def test_live_picture_at_80_columns() -> None:
    """The live table at the size of a small terminal."""
    assert draw(SCRIPT[:9]) == [
        "digits  maximize val_accuracy                              0:00, about 0:00 left",
        "━━━───────────────── 2/12 trials   1 complete   0 pruned   1 failed",
        "best so far: 0.9721 in trial 0000",
        "",
        "ended                best   epoch   time",
        "0001    failed          -       -   0:00   timeout: took longer than 10m [bold]…",
        "0000    complete   0.9721      18   0:00",
    ]


def test_live_picture_before_the_sweep_began_shows_that_it_is_alive() -> None:
    """Checking data and model takes seconds: they are counted."""
    assert draw(SCRIPT[:1]) == ["building one model ... 0:00"]


def test_live_picture_running_trials_show_bar_and_values() -> None:
    """A running trial has its epoch as a bar and a fraction, last and best value."""
    lines = draw(SCRIPT[:7])
    assert "running   epoch                last     best   time" in lines
    assert "0000      ──────────  1/20   0.5000   0.5000   0:00" in lines
    assert "0001 #2   ━━━───────  7/20        -        -   0:00" in lines


def test_live_picture_wide_terminal_shows_parameters() -> None:
    """From 100 columns on there is room for parameters."""
    assert any(line.endswith("units=64") for line in draw(SCRIPT[:7], width=120))
    assert not any("units" in line for line in draw(SCRIPT[:7], width=80))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 12), (120, 40), (80, 10)])
def test_live_picture_never_outgrows_the_terminal(width: int, height: int) -> None:
    """32 workers fit on any terminal; what is hidden is counted."""
    events = [*running(32), *(TrialEnded(90 + n, "complete", 0.5, 1) for n in range(20))]
    events += [Stopping("Ctrl-C " * 30), Notice("exporting " * 30)]
    lines = draw(events, width=width, height=height)
    assert len(lines) <= max(height - 1, 10)  # below that, the terminal cuts the notices off
    assert all(len(line) <= width for line in lines)
    hidden = 32 - sum(line[:4].isdigit() and "/20" in line for line in lines)
    assert any(f"… and {hidden} more" in line for line in lines)


@pytest.mark.parametrize(
    ("lines", "trials", "ended", "shared"),
    [
        (20, 2, 8, (2, 8)),
        (20, 32, 8, (13, 3)),
        (20, 0, 8, (0, 8)),
        (6, 5, 8, (4, 0)),
        (1, 5, 8, (1, 0)),
        (20, 5, 0, (5, 0)),
    ],
)
def test_share_lines(lines: int, trials: int, ended: int, shared: tuple[int, int]) -> None:
    """Running trials come first; three ended ones are kept where there is room."""
    assert share_lines(lines, trials, ended) == shared


def test_live_view_before_the_sweep_began_leaves_nothing_behind() -> None:
    """A space file with a mistake is answered by its message alone."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24)
    with LiveView(SweepProgress(), console) as view:
        view(Notice("reading the space file"))
    screen = stream.getvalue()
    assert screen.rindex("\x1b[2K") > screen.rindex("starting")


def test_live_view_without_colour_has_no_colour_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is honoured."""
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24)
    with LiveView(SweepProgress(), console) as view:
        for event in SCRIPT:
            view(event)
    assert "\x1b[3" not in stream.getvalue()
    assert "digits" in stream.getvalue()
