"""``status FOLDER``: how far a sweep is."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli._base import AsJson, Folder
from sweeps.cli.folders import choose_folder


def status(
    folder: Folder = None,
    every: Annotated[
        bool, typer.Option("--all", help="List every trial, not only the first 20.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show how far a sweep is, and its trials, best first."""
    from sweeps.reading import read
    from sweeps.report.leaderboard import render_status
    from sweeps.report.records import record_status, write_json
    from sweeps.report.screen import print_parts

    report = read(choose_folder(folder))
    if as_json:
        write_json(record_status(report))
    else:
        print_parts(render_status(report, max_rows=None if every else 20))
    return 0
