"""``resume FOLDER``: continue a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli._base import AcceptChange, Engine, Folder, Plain, importing_keras
from sweeps.cli.folders import choose_folder
from sweeps.cli.outcome import open_view, tell_outcome


def resume(
    folder: Folder = None,
    space: Annotated[
        Path | None,
        typer.Option(
            "--space",
            metavar="FILE",
            help="The space file, where it was edited or moved: limits may differ and ranges of "
            "numbers may be wider; other changes need --accept-change or a new sweep.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another limit, such as limits.trials=50, or a wider range, such as "
            "parameters.learning_rate.high=0.2; with --space any key. Repeatable.",
        ),
    ] = None,
    accept_change: AcceptChange = False,
    engine: Engine = "local",
    plain: Plain = False,
) -> int:
    """Continue the sweep in FOLDER as if nothing had happened."""
    with importing_keras(engine):
        from sweeps import sweep
        from sweeps.reading import read

        chosen = choose_folder(folder)
        with open_view(plain=plain, earlier=read(chosen)) as view:
            report = sweep.resume(
                chosen,
                space=space,
                overrides=overrides or (),
                accept_change=accept_change,
                engine=engine,
                observer=view,
            )
    return tell_outcome(report)
