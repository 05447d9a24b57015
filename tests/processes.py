"""Finding processes by a mark that all of them inherit, and interrupting this one."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

MARK = "SWEEPS_TEST_MARK"


def find_marked(mark: str) -> list[str]:
    """List the living processes that were started with a mark: number and command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found.append(f"{process.name}: {command.decode(errors='replace')[:80]}")
        except OSError:
            continue
    return found


def find_marked_after(mark: str, seconds: float) -> list[str]:
    """List them once they have had some time to end."""
    deadline = time.monotonic() + seconds
    while (found := find_marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def interrupt_sweep() -> None:
    """Send this process Ctrl-C, and return when the sweep that it conducts has taken it.

    Observers of epochs are called in another thread than the main one, where Python takes signals.
    """
    signals = signal.getsignal(signal.SIGINT).__self__  # type: ignore[union-attr]
    if signals._stop.is_by_signal:
        return  # a second one would end this process
    os.kill(os.getpid(), signal.SIGINT)
    deadline = time.monotonic() + 60
    while not signals._stop.is_by_signal:
        assert time.monotonic() < deadline, "nobody took the signal"
        time.sleep(0.001)
