"""``stop FOLDER``: stop a sweep that runs in another terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

RunningFolder = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        help="The sweep's folder, such as results/NAME. Without it: the one sweep in results/ "
        "that runs.",
    ),
]


def stop(folder: RunningFolder = None) -> int:
    """Ask the process that works on a sweep to stop, and return at once.

    It is told by SIGTERM: it saves what is being trained, exits with 75 within seconds, and
    resume continues. Asked a second time it ends at once; what is confirmed is kept then, too.
    """
    from sweeps.cli.folders import choose_running
    from sweeps.lock import stop_holder
    from sweeps.paths import SweepPaths
    from sweeps.reading import read_sweep_record

    chosen = choose_running(folder)
    paths = SweepPaths(chosen.resolve())
    read_sweep_record(paths)
    holder = stop_holder(paths.lock)
    sys.stdout.write(
        f"{chosen}: asked {holder} to stop. It saves its trials first; "
        f"continue with: python -m sweeps resume {os.path.relpath(paths.root)}\n"
    )
    return 0
