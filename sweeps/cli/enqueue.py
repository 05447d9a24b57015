"""``enqueue FOLDER``: parameters that are known to be good, to be tried next."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweeps.warm_start.candidates import Candidate
    from sweeps.warm_start.queue import Queued

ValuesFile = Annotated[
    Path | None,
    typer.Option(
        "--enqueue",
        metavar="FILE",
        help="Try the parameters in FILE first: a YAML list of mappings, one a trial.",
    ),
]
FromSweep = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="DIR",
        help="Try the best parameters of another sweep first, such as results/OTHER.",
    ),
]
FromKerasTuner = Annotated[
    Path | None,
    typer.Option(
        "--from-keras-tuner",
        metavar="DIR",
        help="Try the best parameters of a KerasTuner project first: the folder "
        "directory/project_name.",
    ),
]
Top = Annotated[
    int, typer.Option("--top", metavar="N", help="How many of the best trials to take.", min=1)
]


def enqueue(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The sweep's folder, such as results/NAME.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="The value of a parameter; together they are one trial. Repeatable.",
        ),
    ] = None,
    values_file: ValuesFile = None,
    from_sweep: FromSweep = None,
    from_keras_tuner: FromKerasTuner = None,
    top: Top = 3,
) -> int:
    """Queue parameters that are known to be good, in a sweep that does not run.

    The next trials of the sweep try them; what is not named is proposed as always. They count
    towards limits.trials, and resume trains them.
    """
    from sweeps.paths import SweepPaths
    from sweeps.warm_start.queue import list_ranks, queue_trials

    given = read_given(settings or (), values_file)
    ranks = list_ranks(from_sweep, from_keras_tuner)
    if not given and not ranks:
        raise OptionError(
            "enqueue: nothing to enqueue; give --set NAME=VALUE, --enqueue FILE, --from DIR or "
            "--from-keras-tuner DIR."
        )
    queued = queue_trials(SweepPaths(folder.resolve()), given, ranks, top=top)
    tell_remarks(queued.remarks)
    sys.stdout.write(_describe(folder, queued))
    return 0


def read_given(settings: Sequence[str], values_file: Path | None) -> list[Candidate]:
    """Read what the user has written down, on the command line and in a file."""
    from sweeps.warm_start.given import parse_settings, read_values_file

    given = [parse_settings(settings)] if settings else []
    return given + (read_values_file(values_file) if values_file else [])


def gather_for_run(
    space: Path,
    overrides: Sequence[str],
    values_file: Path | None,
    from_sweep: Path | None,
    from_keras_tuner: Path | None,
    top: int,
) -> list[Mapping[str, str | int | float | bool | None]]:
    """Find what a new sweep is to try first; what cannot be tried is told on standard error."""
    if values_file is None and from_sweep is None and from_keras_tuner is None:
        return []
    from sweeps.preflight import load_space
    from sweeps.warm_start.queue import gather, list_ranks

    ranks = list_ranks(from_sweep, from_keras_tuner)
    given = read_given((), values_file)
    selection = gather(load_space(space, overrides), given, ranks, top=top)
    tell_remarks(selection.remarks)
    return [candidate.values for candidate in selection.candidates]


def tell_remarks(remarks: Sequence[str]) -> None:
    """Print remarks on standard error."""
    sys.stderr.write("".join(f"{remark}\n" for remark in remarks))


def _describe(folder: Path, queued: Queued) -> str:
    from sweeps.report.text import format_trial

    numbers = ", ".join(format_trial(number) for number in queued.numbers)
    more = ""
    if queued.num_trials > queued.target:
        more = f" --set limits.trials={queued.num_trials}"
    command = f"python -m sweeps resume {shlex.quote(str(folder))}{more}"
    return f"queued {numbers}\nTrain it with: {command}\n"
