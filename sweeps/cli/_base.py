"""What a command is, and the arguments that several commands share."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer


class Command(Protocol):
    """A command: a thin caller of the Python API.

    Its parameters, annotated for Typer, are its arguments and options; every argument names its
    metavar. Its docstring is its help. It prints what a person or a script reads to standard
    output and remarks to standard error, returns the exit status, and lets a `SweepsError` through:
    the caller prints it. It imports that API inside the function, so that ``--help`` stays quick,
    and only the module it needs, so that reading a sweep stays quick too.
    """

    def __call__(self, *args: Any, **options: Any) -> int:
        """Do the work and return the exit status."""
        ...


Space = Annotated[Path, typer.Argument(metavar="SPACE", help="The space file, a YAML file.")]
Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        help="The sweep's folder, such as results/NAME. Without it: the sweep in results/, "
        "the most recently changed one where there are several.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Use another value for a key of the space file, such as limits.trials=50. Repeatable.",
    ),
]
AcceptChange = Annotated[
    bool,
    typer.Option(
        "--accept-change",
        help="Continue although the spec, code, data or versions changed; this is recorded.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="Where trials run: 'local' (a process each) or 'inline' (this process, for a "
        "debugger).",
    ),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Print plain lines even where a live table could be shown.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON; docs/reference/json.md describes it.")
]


def importing_keras(engine: str = "local") -> AbstractContextManager[None]:
    """Have Keras imported for trials from here on, beside what this process imports itself."""
    if engine != "local":
        return contextlib.nullcontext()
    from sweeps.worker.fork_server import importing_ahead

    return importing_ahead()
