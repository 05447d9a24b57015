"""``extend FOLDER``: train the best trials of a sweep for more epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli._base import AcceptChange, Engine, Plain, importing_keras
from sweeps.cli.outcome import open_view, tell_outcome


def extend(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The sweep's folder, such as results/NAME.")
    ],
    epochs: Annotated[
        int,
        typer.Option(
            "--epochs", metavar="N", min=1, help="Epochs in all, those trained already included."
        ),
    ],
    top: Annotated[
        int,
        typer.Option("--top", metavar="N", min=1, help="How many of the best complete trials."),
    ] = 3,
    accept_change: AcceptChange = False,
    engine: Engine = "local",
    plain: Plain = False,
) -> int:
    """Continue the best trials of the sweep in FOLDER up to more epochs.

    Each becomes a new trial that ends as if it had been trained for so many epochs from the start.
    What else is left of the sweep is done too; resume continues an interrupted extension.
    """
    with importing_keras(engine):
        from sweeps import sweep
        from sweeps.reading import read

        with open_view(plain=plain, earlier=read(folder)) as view:
            report = sweep.extend(
                folder,
                epochs=epochs,
                top=top,
                accept_change=accept_change,
                engine=engine,
                observer=view,
            )
    return tell_outcome(report)
