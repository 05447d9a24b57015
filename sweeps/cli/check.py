"""``check SPACE``: find every mistake before any training."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from sweeps.cli._base import AsJson, Overrides, Space, importing_keras


def check(
    space: Space,
    overrides: Overrides = None,
    build: Annotated[
        bool,
        typer.Option(
            "--build/--no-build",
            help="Load the data and build one model too (a few seconds, loads TensorFlow).",
        ),
    ] = True,
    as_json: AsJson = False,
) -> int:
    """Find every mistake in SPACE before any training."""
    with importing_keras() if build else contextlib.nullcontext():
        from sweeps import preflight

        report = preflight.check(space, overrides=overrides or (), build=build)
    from sweeps.report.leaderboard import render_check
    from sweeps.report.records import record_check, write_json
    from sweeps.report.screen import print_parts

    if as_json:
        write_json(record_check(report))
    else:
        print_parts(render_check(report))
    return 0
