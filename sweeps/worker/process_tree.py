"""Processes below another one: found and killed, also those that left its process group.

A process whose parent dies is handed to its nearest ancestor that adopts orphans. The fork server
and every trial process do, so nothing that a model's code starts can leave their tree: not by a
session of its own, and not by letting its parent die.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_KILL_SECONDS = 2.0
_NUM_THREADS = 17  # from the state on; 20 in proc(5)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose parent dies. Linux only.

    Elsewhere, and where the kernel refuses, such a process becomes a child of init as usual.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def list_children(pid: int) -> list[int]:
    """List the children of a process that still live."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # the process itself has ended
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # a thread that has just ended holds none
                found += map(int, path.read_text().split())
    return [child for child in found if is_alive(child)]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs: a zombie does not, once its last thread has ended.

    Its first thread may have ended before: then another one still holds its children.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    fields = stat.rpartition(")")[2].split()
    return fields[0] not in ("Z", "X") or int(fields[_NUM_THREADS]) > 1


def kill_group(pid: int) -> None:
    """Kill a process and its process group; nothing happens where they are gone."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def kill_descendants(pid: int) -> None:
    """Kill every process below one, and wait until they are gone.

    One that the kernel does not let go, because it waits for a disk, is given up after 2 s.

    Args:
        pid: A process that adopts orphans, so that the next look finds the children of those that
            have been killed. It lives on.
    """
    kill_all(lambda: list_children(pid))


def kill_all(find: Callable[[], Sequence[int]]) -> None:
    """Kill the processes that are found, until two looks in a row find none; 2 s at most.

    One look is not enough: who dies between the list of children and the look at each of them has
    handed over its own children to somebody whose list was read before.
    """
    deadline = time.monotonic() + _LONGEST_KILL_SECONDS
    num_empty = 0
    while num_empty < 2 and time.monotonic() < deadline:
        found = find()
        num_empty = 0 if found else num_empty + 1
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if found:
            time.sleep(0.001)


def kill_tree(pid: int) -> None:
    """Kill a process and every one below it, and wait until they are gone.

    It is stopped first: nothing may go on in it, and tell of it, when those below it have died.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)
    kill_descendants(pid)
    kill_group(pid)
    deadline = time.monotonic() + _LONGEST_KILL_SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.001)
