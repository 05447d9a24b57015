"""Where a trial's Python code is: written to its log where it crashes, or hangs and is asked to.

Both are done in C by faulthandler, so that neither a lock nor a loop in C keeps them from it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
from collections.abc import Callable

_SIGNAL = signal.SIGUSR2
_STACK = re.compile(
    r"^Current thread 0x.*\(most recent call first\):\n((?:  File .*\n?)+)", re.MULTILINE
)
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)


def write_stacks(descriptor: int) -> None:
    """Let this process write the stacks of its threads where it crashes, and when it is asked."""
    faulthandler.enable(descriptor)
    faulthandler.register(_SIGNAL, descriptor)


def ask_for_stacks(pid: int) -> None:
    """Ask a process for its stacks; it may not answer, and one that cannot is ended by this."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, _SIGNAL)


def find_place(log: str, is_users: Callable[[str], bool]) -> tuple[str, int, str] | None:
    """Find the innermost place in the user's own code that the last stack of a log shows.

    Args:
        log: What a process printed.
        is_users: Tells whether a file holds the user's code.

    Returns:
        File, line and function; None where no stack shows such a place.
    """
    stacks = _STACK.findall(log)
    frames = _FRAME.findall(stacks[-1]) if stacks else []
    return next(((file, int(line), name) for file, line, name in frames if is_users(file)), None)
