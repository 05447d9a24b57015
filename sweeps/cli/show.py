"""``show FOLDER NUMBER``: one trial of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli._base import AsJson
from sweeps.cli.folders import choose_folder
from sweeps.errors import OptionError


def show(
    trial: Annotated[
        list[str],
        typer.Argument(
            metavar="[FOLDER] NUMBER",
            hidden=True,  # told in the docstring: Typer would call it a list
        ),
    ],
    as_json: AsJson = False,
) -> int:
    """Show one trial: its parameters, its epochs, why it ended.

    NUMBER is the trial's number, FOLDER the sweep's folder, such as results/NAME. Without FOLDER:
    the sweep in results/, the most recently changed one where there are several.
    """
    from sweeps.reading import read
    from sweeps.report.leaderboard import render_trial
    from sweeps.report.records import record_trial_in_full, write_json
    from sweeps.report.screen import print_parts
    from sweeps.report.states import find_trial

    folder, number = split_arguments(trial)
    report = read(choose_folder(folder))
    chosen = find_trial(report, number)
    if as_json:
        write_json(record_trial_in_full(report, chosen))
    else:
        print_parts(render_trial(report, chosen))
    return 0


def split_arguments(given: list[str]) -> tuple[Path | None, int]:
    """Tell the folder, where there is one, from the trial's number, which comes last."""
    *folders, number = given
    if len(folders) > 1 or not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise OptionError(
            f"show: got {' '.join(given)!r}; expected [FOLDER] NUMBER, such as: "
            "python -m sweeps show results/digits 7"
        )
    return (Path(folders[0]) if folders else None), int(number)
