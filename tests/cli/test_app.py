"""The command line as a whole: help, mistakes, errors and their exit statuses."""

from __future__ import annotations

import pytest
import typer

from sweeps.cli import COMMANDS
from sweeps.errors import (
    BundleError,
    CheckError,
    Problem,
    SpecError,
    SweepExistsError,
    SweepHeldError,
)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command_has_help(name: str, sweeps) -> None:
    """Contract: every command of the menu explains itself and knows --debug."""
    said = sweeps(name, "--help")
    assert said.status == 0
    assert said.out.startswith(f"Usage: python -m sweeps {name} [OPTIONS]")
    assert "--debug" in said.out
    assert said.err == ""


def test_help_lists_every_command(sweeps) -> None:
    """The menu is the help."""
    said = sweeps("--help")
    assert said.status == 0
    assert all(f"\n  {name} " in said.out for name in COMMANDS)


def test_no_arguments_show_the_help_as_a_mistake(sweeps) -> None:
    """Without a command nothing was asked for."""
    said = sweeps()
    assert said.status == 2
    assert "Commands:" in said.out + said.err


def test_version(sweeps) -> None:
    """--version is one line that a script can read."""
    assert sweeps("--version").out == "keras-sweeps 0.1.0\n"


def test_unknown_command_says_what_was_meant(sweeps) -> None:
    """A misspelt command is a user's mistake and names the likely one."""
    said = sweeps("statsu", "results/digits")
    assert said.status == 2
    assert said.out == ""
    assert said.err == (
        "command: got 'statsu'; expected one of run, resume, stop, status, best, show, check, "
        "plan, init, convert, enqueue, extend, export, predict, verify, gc, schema. "
        "Did you mean 'status'?\n"
        "See: python -m sweeps --help\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "Missing argument 'SPACE'"),
        (["run", "a.yaml", "b.yaml"], "unexpected extra argument"),
        (["run", "a.yaml", "--fersh"], "--fresh"),
        (["run", "a.yaml", "--set"], "--set"),
        (["check"], "Missing argument 'SPACE'"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_usage_is_a_mistake_told_on_stderr(arguments: list[str], words: str, sweeps) -> None:
    """Bad usage: exit status 2, the command's own help named, nothing on standard output."""
    said = sweeps(*arguments)
    assert said.status == 2
    assert said.out == ""
    assert words in said.err
    assert "See: python -m sweeps" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (
            SpecError(
                [Problem("s.yaml:3", "pruner.name", "got 'x'"), Problem("s.yaml:9", "", "y")]
            ),
            2,
        ),
        (CheckError([Problem("m.py:4", "", "build raises ValueError")], "Traceback of build"), 2),
        (SweepExistsError("results/digits: holds a sweep"), 2),
        (SweepHeldError("results/digits: held by process 12"), 3),
        (BundleError("results/digits/bundle: changed"), 1),
    ],
)
def test_sweeps_error_is_its_message_and_its_status(
    error: Exception, status: int, sweeps, api
) -> None:
    """An error raised on purpose is told as it is, without a traceback."""
    api.answer = error
    said = sweeps("run", "s.yaml")
    assert said.status == status
    assert said.err == f"{error}\n"
    assert said.out == ""


def test_debug_adds_the_traceback(sweeps, api) -> None:
    """--debug keeps message and status, and shows where it happened, the model's code included."""
    api.answer = CheckError([Problem("m.py:4", "", "build raises")], "Traceback of build")
    said = sweeps("run", "s.yaml", "--debug")
    assert said.status == 2
    assert "Traceback (most recent call last)" in said.err
    assert said.err.endswith("Traceback of build\nm.py:4: build raises\n")


def test_unexpected_error_is_one_line(sweeps, api) -> None:
    """A bug of ours does not drown the user in a traceback, and says how to see it."""
    api.answer = ZeroDivisionError("by zero")
    said = sweeps("status", "x")
    assert said.status == 1
    assert said.err == (
        "unexpected error: ZeroDivisionError: by zero; "
        "run again with --debug to see where it happened\n"
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_ctrl_c_outside_training_is_130(error: BaseException, sweeps, api) -> None:
    """Ctrl-C before the first trial ends the command with the usual status."""
    api.answer = error
    said = sweeps("run", "s.yaml")
    assert (said.status, said.err) == (130, "stopped by Ctrl-C\n")
