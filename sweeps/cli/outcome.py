"""How a finished `run` or `resume` is told, and the exit status it stands for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweeps.reading import SweepReport
    from sweeps.report._base import View

STOPPED_STATUS = {"interrupted": 130, "terminated": 75}


def open_view(*, plain: bool, earlier: SweepReport | None = None) -> View:
    """Open the live table on a terminal that can show it, plain lines elsewhere."""
    from sweeps.report import VIEWS
    from sweeps.report.screen import is_live_terminal

    name = "live" if is_live_terminal() and not plain else "plain"
    view: View = VIEWS.load(name)(earlier)
    return view


def tell_outcome(report: SweepReport) -> int:
    """Print how the sweep ended and return the exit status.

    A sweep that its own time limit ended counts as done where it has a leader.
    """
    from sweeps.report.leaderboard import render_outcome
    from sweeps.report.screen import print_parts

    with suppress(BrokenPipeError):  # the status still tells how the sweep ended
        print_parts(render_outcome(report))
    if report.stopped in STOPPED_STATUS:
        return STOPPED_STATUS[report.stopped]
    return 0 if report.best and report.stopped in {"", "timeout"} else 1
