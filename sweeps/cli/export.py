"""``export FOLDER``: a trial of a sweep as a bundle."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli._base import Engine, Folder


def export(  # noqa: PLR0913, PLR0917 - options of a command
    folder: Folder = None,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", min=0, help="Export this trial, not the best one."),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(
            "--ensemble",
            metavar="N",
            help="Export the N best trials as one model, which gives the mean of their outputs.",
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--formats",
            metavar="NAME,NAME",
            help="Formats, such as keras,onnx, instead of those in the space file.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="Where to: a folder, or a URL that fsspec knows, such as s3://bucket/model. By "
            "default the sweep's folder, as bundle, bundle-0012 or bundle-ensemble.",
        ),
    ] = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="Write one .tar file, always with the same bytes.")
    ] = False,
    engine: Engine = "local",
) -> int:
    """Export the best model, that of another trial, or a mean, as a bundle that proves itself.

    The model is scored again, and loaded in the runtime of each format, where it has to give the
    expected outputs for the samples in the bundle. A format that does not is left out; then the
    exit status is 1.
    """
    from sweeps.cli.folders import choose_folder
    from sweeps.cli.outcome import tell_export, tell_notice
    from sweeps.exporting import export as export_trial

    report = export_trial(
        choose_folder(folder),
        trial=trial,
        ensemble=ensemble,
        formats=[name.strip() for name in formats.split(",")] if formats else None,
        to=to,
        archive=archive,
        engine=engine,
        observer=tell_notice,
    )
    return tell_export(report)
