"""``init``: write a space file and a model to begin with."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sweeps.starters.write import Starter

_FOREIGN_LETTERS = re.compile(r"[^A-Za-z0-9._-]+")


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Where the files go; this folder by default."),
    ] = Path(),
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the sweep; the folder's by default."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="KIND", help="Kind of model: mlp (default), cnn or own."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", metavar="METRIC", help="val_accuracy (default) or val_loss: what is best."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take the defaults for what is not given.")
    ] = False,
) -> int:
    """Write a commented space file and a model that run as they are, to begin with.

    They run offline in seconds, on made-up data; places for your own are marked. Nothing is
    overwritten. On a terminal it asks for what is not given.
    """
    from sweeps.cli.schema import EDITOR_LINE, SCHEMA_FILE, write_schema
    from sweeps.starters.write import Starter, check_starter, write_starter

    starter = Starter(
        name or _derive_name(folder), model or Starter.model, metric or Starter.metric
    )
    check_starter(starter)
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        starter = _ask(starter, name=name, model=model, metric=metric)
    written = write_starter(
        folder, starter, editor_line=EDITOR_LINE, schema=(SCHEMA_FILE, write_schema())
    )
    space = shlex.quote(os.path.relpath(written[0]))
    sys.stdout.write("".join(f"wrote {os.path.relpath(path)}\n" for path in written))
    sys.stdout.write(f"Run it with: python -m sweeps run {space}\n")
    return 0


def _ask(starter: Starter, *, name: str | None, model: str | None, metric: str | None) -> Starter:
    """Ask for what was not given; an empty answer takes the default."""
    from dataclasses import replace

    from sweeps.starters.write import METRICS, STARTERS, check_starter

    kinds = "; ".join(f"{kind}: {told}" for kind, told in STARTERS.items())
    questions = {
        "name": (name, "Name of the sweep"),
        "model": (model, f"Kind of model ({kinds})"),
        "metric": (metric, f"What is best ({' or '.join(METRICS)})"),
    }
    for field, (given, question) in questions.items():
        if given is None:
            default = getattr(starter, field)
            answer = typer.prompt(question, default=default, err=True).strip()
            starter = replace(starter, **{field: answer})
            check_starter(starter)
    return starter


def _derive_name(folder: Path) -> str:
    name = _FOREIGN_LETTERS.sub("-", folder.resolve().name).strip("-.")[:100]
    return name or "first"
