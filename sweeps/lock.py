"""One holder per sweep: a lock that dies with its process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweeps.errors import SweepHeldError


@contextlib.contextmanager
def hold_sweep(path: Path) -> Iterator[None]:
    """Hold a sweep for as long as the context lasts.

    The lock is the kernel's (`flock`): it is gone with the process, so that neither a dead holder
    nor a reused process id nor a reboot can block a sweep. What the file says is for people.

    Raises:
        SweepHeldError: Another process holds it; the message names it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SweepHeldError(_describe_holder(path)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_describe_self()).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether a live process holds the sweep."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _describe_self() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": os.uname().nodename, "since": time.strftime("%F %T")}


def _describe_holder(path: Path) -> str:
    holder = {}
    with contextlib.suppress(OSError, ValueError):
        holder = json.loads(path.read_bytes())
    who = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'this machine')}"
    since = f" since {holder['since']}" if "since" in holder else ""
    return (
        f"{path.parent}: the sweep is held by {who}{since}. "
        "Wait until it ends, or stop it with Ctrl-C there."
    )
