"""``best FOLDER``: the leader of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli._base import AsJson, Engine, Folder
from sweeps.cli.folders import choose_folder
from sweeps.errors import OptionError


def best(
    folder: Folder = None,
    as_json: AsJson = False,
    retrain: Annotated[
        bool,
        typer.Option(
            "--retrain",
            help="Train its parameters again on training and validation data, for as many epochs "
            "as its best checkpoint had, and export the model as bundle-retrained.",
        ),
    ] = False,
    formats: Annotated[
        str | None,
        typer.Option("--formats", metavar="NAME,NAME", help="With --retrain: as for export."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FOLDER", help="With --retrain: as for export.")
    ] = None,
    engine: Engine = "local",
) -> int:
    """Show the best trial, its scores, and how to load its model."""
    chosen = choose_folder(folder)
    if retrain:
        if as_json:
            raise OptionError("--json and --retrain: expected one of them.")
        return _retrain(chosen, formats=formats, to=to, engine=engine)
    for name, value in (("--formats", formats), ("--to", to)):
        if value is not None:
            raise OptionError(f"{name} {value}: belongs to --retrain; 'export' exports the trial.")
    from sweeps.reading import read
    from sweeps.report.leaderboard import render_best
    from sweeps.report.records import record_best, write_json
    from sweeps.report.screen import print_parts

    report = read(chosen)
    if as_json:
        write_json(record_best(report))
    else:
        print_parts(render_best(report))
    return 0


def _retrain(folder: Path, *, formats: str | None, to: str | None, engine: str) -> int:
    from sweeps.cli.outcome import tell_export, tell_notice
    from sweeps.retraining import retrain

    report = retrain(
        folder,
        formats=[name.strip() for name in formats.split(",")] if formats else None,
        to=to,
        engine=engine,
        observer=tell_notice,
    )
    return tell_export(report)
