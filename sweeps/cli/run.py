"""``run SPACE``: start a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli._base import Engine, Overrides, Plain, Space, importing_keras
from sweeps.cli.enqueue import FromKerasTuner, FromSweep, Top, ValuesFile, gather_for_run
from sweeps.cli.outcome import open_view, tell_outcome


def run(  # noqa: PLR0913 - the options of a command
    space: Space,
    *,
    results: Annotated[
        Path,
        typer.Option("--results", metavar="DIR", help="Where sweeps lie; this one in DIR/NAME."),
    ] = Path("results"),
    overrides: Overrides = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Discard the sweep that the folder holds and start again."),
    ] = False,
    values_file: ValuesFile = None,
    from_sweep: FromSweep = None,
    from_keras_tuner: FromKerasTuner = None,
    top: Top = 3,
    engine: Engine = "local",
    plain: Plain = False,
) -> int:
    """Run the sweep that SPACE describes, and export its best model."""
    with importing_keras(engine):
        from sweeps import sweep

        queued = gather_for_run(
            space, overrides or (), values_file, from_sweep, from_keras_tuner, top
        )
        with open_view(plain=plain) as view:
            report = sweep.run(
                space,
                results=results,
                overrides=overrides or (),
                enqueue=queued,
                fresh=fresh,
                engine=engine,
                observer=view,
            )
    return tell_outcome(report)
