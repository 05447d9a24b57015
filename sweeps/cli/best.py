"""``best FOLDER``: the leader of a sweep."""

from __future__ import annotations

from sweeps.cli._base import AsJson, Folder
from sweeps.cli.folders import choose_folder


def best(folder: Folder = None, as_json: AsJson = False) -> int:
    """Show the best trial, its scores, and how to load its model."""
    from sweeps.reading import read
    from sweeps.report.leaderboard import render_best
    from sweeps.report.records import record_best, write_json
    from sweeps.report.screen import print_parts

    report = read(choose_folder(folder))
    if as_json:
        write_json(record_best(report))
    else:
        print_parts(render_best(report))
    return 0
