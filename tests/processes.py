"""Finding processes by a mark in the environment that all of them inherit."""

from __future__ import annotations

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
