"""The terminal, or the pipe, that reports are printed to."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

PIPE_WIDTH = 160


class Screen(Console):
    """A console that leaves it to the caller what a closed pipe means; Rich would exit."""

    def on_broken_pipe(self) -> None:
        """Raise what Rich caught."""
        raise BrokenPipeError


def open_screen() -> Console:
    """Open standard output for reports.

    A pipe has no width of its own: it gets 160 columns, so that tables stay whole. Foreign text is
    printed as it is, never read as markup. Rich honours ``NO_COLOR`` and ``COLUMNS``.
    """
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Screen(markup=False, highlight=False, emoji=False, width=width, soft_wrap=False)


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Print a report. Lines of text keep their length, so that a command can be copied whole."""
    screen = open_screen()
    for part in parts:
        screen.print(part, soft_wrap=isinstance(part, Text))


def is_live_terminal() -> bool:
    """Tell whether standard output is a terminal on which a table can be redrawn."""
    return sys.stdout.isatty() and not open_screen().is_dumb_terminal
