"""``predict FOLDER INPUT``: what the model of a bundle says of new data."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from sweeps.errors import OptionError


def predict(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A bundle, or the folder of a sweep.")
    ],
    given: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A .npy, .npz or .csv file, or a folder of images. Several inputs: arrays of an "
            ".npz file by name, or columns of a table called NAME, or NAME.0, NAME.1 and so on.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where to write predictions: .npy, .npz or .csv. Without it: a table, printed.",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, help="Samples at a time.")
    ] = 256,
    custom_module: Annotated[
        str | None,
        typer.Option(
            "--custom-module",
            metavar="MODULE",
            help="Python file, or dotted name of a module, that registers the model's own classes.",
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            metavar="NUMBER",
            help="Multiply the values of images, 0 to 255, by this, such as 1/255.",
        ),
    ] = "1",
) -> int:
    """Predict on the data in INPUT with the model of the bundle in FOLDER.

    The bundle's files are held against its manifest first, then the data against what the model
    takes: a wrong shape, type or value is told before the model is loaded.
    """
    from sweeps.bundles.predict import predict_bundle
    from sweeps.bundles.predictions import write_predictions, write_table

    found = predict_bundle(
        folder,
        given,
        batch_size=batch_size,
        scale=_parse_scale(scale),
        output=output,
        custom_module=custom_module,
        progress=_show_progress,
    )
    if output is None:
        write_table(sys.stdout, found)
        return 0
    write_predictions(output, found)
    sys.stdout.write(f"wrote {output}: predictions for {found.num_samples} samples\n")
    return 0


def _parse_scale(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise OptionError(f"--scale {text}: expected a number, such as 1/255.") from error


def _show_progress(done: int, total: int) -> None:
    """Show how far it is on a terminal, in one line that is written over."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{done} of {total} samples{end}")
        sys.stderr.flush()
