"""How a finished `run`, `resume` or export is told, and the exit status it stands for."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweeps.exporting import ExportReport
    from sweeps.reading import SweepReport
    from sweeps.report._base import View
    from sweeps.worker.events import Event

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


def tell_notice(event: Event) -> None:
    """Print on standard error what an export says of its progress."""
    from sweeps.worker.events import Notice

    if isinstance(event, Notice):
        sys.stderr.write(f"{event.text}\n")


def tell_export(report: ExportReport) -> int:
    """Print where a bundle is, and return the exit status: 1 where a format is missing in it."""
    from sweeps.ensembling import describe_comparison

    for line in describe_comparison(report.manifest):
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{report.place}\n")
    return 1 if report.failures else 0
