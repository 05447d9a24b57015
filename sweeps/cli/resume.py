"""``resume FOLDER``: continue a sweep."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli._base import Engine, Folder, Overrides, Plain
from sweeps.cli.folders import choose_folder
from sweeps.cli.outcome import open_view, tell_outcome


def resume(
    folder: Folder = None,
    overrides: Overrides = None,
    accept_change: Annotated[
        bool,
        typer.Option(
            "--accept-change",
            help="Continue although the spec, code, data or versions changed; this is recorded.",
        ),
    ] = False,
    engine: Engine = "local",
    plain: Plain = False,
) -> int:
    """Continue the sweep in FOLDER as if nothing had happened."""
    from sweeps import sweep
    from sweeps.reading import read

    chosen = choose_folder(folder)
    with open_view(plain=plain, earlier=read(chosen)) as view:
        report = sweep.resume(
            chosen,
            overrides=overrides or (),
            accept_change=accept_change,
            engine=engine,
            observer=view,
        )
    return tell_outcome(report)
