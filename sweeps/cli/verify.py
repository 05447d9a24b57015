"""``verify FOLDER``: whether a bundle is what it was, and does what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli._base import AsJson, Folder


def verify(
    folder: Folder = None,
    custom_module: Annotated[
        Path | None,
        typer.Option(
            "--custom-module",
            metavar="FILE",
            help="Python file, or dotted name of a module, that registers the model's own classes.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=1, help="When the replay of a format is given up."
        ),
    ] = 600.0,
    as_json: AsJson = False,
) -> int:
    """Verify a bundle, or that of a sweep: its files by digest, its formats by a replay.

    It needs neither the data nor the sweep. Each format is loaded in a process of its own, with a
    limit of memory and time; one whose runtime is not installed here is skipped.
    """
    from rich.text import Text

    from sweeps.bundles.verify import verify as verify_bundle
    from sweeps.cli.folders import choose_folder
    from sweeps.report.records import record_proofs, write_json
    from sweeps.report.screen import print_parts

    report = verify_bundle(
        choose_folder(folder), custom_module=custom_module, timeout_seconds=timeout
    )
    if as_json:
        write_json(record_proofs(report))
        return 0
    origin = f"{report.manifest.get('sweep')}, trial {report.manifest.get('trial')}"
    lines = [f"{report.folder}: {len(report.manifest['files'])} files as exported ({origin})"]
    lines += [f"  {proof.format:<12} {proof.state:<8} {proof.detail}" for proof in report.proofs]
    print_parts([Text("\n".join(lines))])
    return 0
