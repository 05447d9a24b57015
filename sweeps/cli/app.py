"""Read the command line, run the chosen command, and turn its outcome into an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from sweeps import __version__
from sweeps.cli import COMMANDS
from sweeps.errors import (
    CheckError,
    SweepsError,
    TerminatedError,
    describe_traceback,
    mask_secrets,
)
from sweeps.report.text import clean_lines
from sweeps.worker.signals import raising_on_sigterm

PROGRAM = "python -m sweeps"
INTERRUPTED_STATUS = 130
TERMINATED_STATUS = 75

# Typer has its own copy of click since 0.26 and does not name this class.
_UsageError: Any = typer.BadParameter.__base__


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status.

    0: done. 1: a failure. 2: a mistake in what was given. 3: another process holds the sweep.
    75: stopped by SIGTERM. 130: stopped by Ctrl-C. Errors are told on standard error, without a
    traceback unless ``--debug`` is given.
    """
    debug = "--debug" in arguments
    try:
        with raising_on_sigterm():
            status = _invoke(list(arguments))
    except BrokenPipeError:  # `status | head`: the reader has what it wanted
        status = 0
    except (Exception, KeyboardInterrupt, TerminatedError) as error:  # noqa: BLE001 - the outermost edge
        if debug:
            _tell(describe_traceback(error).rstrip())
        status = _tell_error(error, debug=debug)
    _flush_stdout()
    return status


def _invoke(arguments: list[str]) -> int:
    """Run the command without Typer's own way of telling errors."""
    app = _app()
    if not arguments:
        _tell(app.get_help(app.make_context(PROGRAM, [], resilient_parsing=True)))
        return 2
    try:
        with app.make_context(PROGRAM, arguments) as context:
            return int(app.invoke(context) or 0)
    except typer.Exit as done:
        return done.exit_code


class LazyCommands(typer.core.TyperGroup):
    """A group whose commands come from the menu and are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Name the commands in the order of the menu."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the command called `cmd_name`, or fail as a usage error."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"command: {COMMANDS.describe_unknown(cmd_name)}")
        return _build_command(cmd_name)


class PlainUsage(typer.core.TyperCommand):
    """A command whose usage line shows arguments as its help names them."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Write ``[OPTIONS] SPACE``, and what may be left out in brackets."""
        pieces = ["[OPTIONS]"]
        for param in self.params:
            if param.param_type_name == "argument":
                name = str(param.metavar)
                pieces.append(name if param.required else f"[{name}]")
        return pieces


def _app() -> Any:
    app = typer.Typer(
        cls=LazyCommands,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    return typer.main.get_command(app)


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda on: _tell_version(on=on),
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Hyperparameter sweeps for Keras that survive interruption and end in a verified bundle."""


def _tell_version(*, on: bool) -> None:
    if on:
        sys.stdout.write(f"keras-sweeps {__version__}\n")
        raise typer.Exit


def _build_command(name: str) -> Any:
    command = _to_click(name, COMMANDS.load(name))
    command.params += _to_click(name, _common).params
    return command


def _to_click(name: str, function: Callable[..., Any]) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=PlainUsage)(function)
    return typer.main.get_command(app)


def _common(
    debug: Annotated[
        bool, typer.Option("--debug", expose_value=False, help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Declare the options that every command has; `run_command_line` reads them itself."""


def _tell_error(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong and return the exit status it stands for."""
    if isinstance(error, SweepsError):
        if debug and isinstance(error, CheckError) and error.traceback:
            _tell(error.traceback.rstrip())
        _tell(str(error))
        return error.exit_status
    if isinstance(error, _UsageError):
        return _tell_usage(error)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        _tell("stopped by Ctrl-C")
        return INTERRUPTED_STATUS
    if isinstance(error, TerminatedError):
        _tell("stopped by SIGTERM")
        return TERMINATED_STATUS
    hint = "" if debug else "; run again with --debug to see where it happened"
    _tell(f"unexpected error: {type(error).__name__}: {error}{hint}")
    return 1


def _tell_usage(error: Any) -> int:
    context = error.ctx
    path = context.command_path if context else PROGRAM
    _tell(f"{error.format_message()}\nSee: {path} --help")
    return 2


def _tell(text: str) -> None:
    # A name in a stranger's folder may be in it: nothing of it is to command the terminal.
    sys.stderr.write(f"{clean_lines(mask_secrets(text))}\n")


def _flush_stdout() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
