"""``gc FOLDER``: free disk that a sweep does not need."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli._base import Folder


def gc(
    folder: Folder = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    keep_best: Annotated[
        int | None,
        typer.Option(
            "--keep-best",
            metavar="N",
            min=1,
            help="Keep the checkpoints of the N best trials, instead of what keep.best says.",
        ),
    ] = None,
    keep_latest: Annotated[
        int | None,
        typer.Option(
            "--keep-latest",
            metavar="N",
            min=0,
            help="Keep the states from which extend continues the N best of them, instead of what "
            "keep.latest says.",
        ),
    ] = None,
    max_disk: Annotated[
        str | None,
        typer.Option(
            "--max-disk",
            metavar="SIZE",
            help="Let all checkpoints together use so much, such as 1GB, instead of what "
            "keep.max_disk says.",
        ),
    ] = None,
) -> int:
    """Delete checkpoints and states that keep does not ask for, and what killed processes left.

    The leader's checkpoint and whatever an unfinished trial needs always stay.
    """
    from rich.text import Text

    from sweeps.cli.folders import choose_folder
    from sweeps.report.screen import print_parts
    from sweeps.report.text import format_bytes
    from sweeps.tidying import tidy

    chosen = choose_folder(folder)
    freed = tidy(
        chosen, dry_run=dry_run, keep_best=keep_best, keep_latest=keep_latest, max_disk=max_disk
    )
    lines = [f"{entry.path}  {format_bytes(entry.num_bytes)}" for entry in freed]
    total = format_bytes(sum(entry.num_bytes for entry in freed))
    lines.append(f"{chosen}: {'would free' if dry_run else 'freed'} {total}")
    print_parts([Text("\n".join(lines))])
    return 0
