"""``convert FILE``: turn a file of another tool into a space file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sweeps.converters.convert import Converted


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of the other tool.")],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TOOL",
            help="wandb, katib, determined or hydra; found out where it is not given.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="SPACE",
            help="Write the space file here, with its schema beside it; printed by default.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="TARGET", help="The model, such as model.py:build."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="TARGET", help="The data, such as model.py:load."),
    ] = None,
) -> int:
    """Turn a sweep of W&B, Katib, Determined or Hydra-Optuna into a space file.

    What has no counterpart is named in comments at the end of it. The code itself is not converted:
    model and data are placeholders that say TODO unless they are given.
    """
    from sweeps.cli.schema import EDITOR_LINE, open_rooms
    from sweeps.converters.convert import convert_file

    targets = {key: value for key, value in (("model", model), ("data", data)) if value}
    header = (EDITOR_LINE,) if output else ()
    _check_free(output)
    converted = convert_file(
        file, rooms=open_rooms(), format_name=format_name, targets=targets, header=header
    )
    if output is None:
        sys.stdout.write(converted.text)
    else:
        _write(output, converted)
    sys.stderr.write(_describe(converted))
    return 0


def _check_free(output: Path | None) -> None:
    from sweeps.errors import OptionError

    if output is not None and output.exists():
        raise OptionError(f"{output}: there is such a file already; nothing is overwritten.")


def _write(output: Path, converted: Converted) -> None:
    from sweeps.cli.schema import SCHEMA_FILE, write_schema
    from sweeps.durable import make_dir, write_bytes

    make_dir(output.absolute().parent)
    beside = output.with_name(SCHEMA_FILE)
    if not beside.exists():
        write_bytes(beside, write_schema().encode())
    write_bytes(output, converted.text.encode())
    sys.stderr.write(f"wrote {output}\n")


def _describe(converted: Converted) -> str:
    from sweeps.report.text import count_of

    left_out = count_of(len(converted.left_out), "key")
    todo = converted.text.count("TODO:")
    return (
        f"{converted.title}: {left_out} left out, named at the end of the space file; "
        f"{count_of(todo, 'line')} to fill in, marked TODO\n"
    )
