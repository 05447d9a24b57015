"""One holder per sweep, and one maker per folder: locks that die with their process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.errors import OptionError, SweepHeldError


@dataclass(frozen=True)
class Holder:
    """Who holds a sweep, as the lock file says.

    Attributes:
        pid: The process, 0 where the file does not say.
        host: Name of its machine.
        since: Since when, in words.
    """

    pid: int = 0
    host: str = ""
    since: str = ""

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        return f"process {self.pid or 'unknown'} on {self.host or 'this machine'}{since}"


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


@contextlib.contextmanager
def hold_folder(path: Path) -> Iterator[None]:
    """Let one process at a time do something in a folder; the others wait for their turn.

    Where the file system cannot lock folders, as NFS cannot, nobody waits.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
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


def stop_holder(path: Path) -> Holder:
    """Ask the process that holds a sweep to stop, by SIGTERM; returns at once, and who it was.

    Nobody else is ever signalled: the process is pinned before it is looked at, so that its number
    cannot become another one's meanwhile, and it has to have this very lock file open.

    Raises:
        OptionError: Nobody holds the sweep.
        SweepHeldError: The holder is on another machine, or it is another user's process.
    """
    if not is_held(path):
        raise _nobody(path)
    holder = _read_holder(path)
    if not holder.pid or holder.host != os.uname().nodename:
        raise _out_of_reach(path, holder)
    try:
        _signal_if_open(holder.pid, path)
    except (ProcessLookupError, FileNotFoundError):
        raise (_out_of_reach(path, holder) if is_held(path) else _nobody(path)) from None
    except PermissionError as error:
        raise SweepHeldError(
            f"{path.parent}: the sweep is held by {holder}, which is another user's. "
            "Ask them to stop it."
        ) from error
    return holder


def _nobody(path: Path) -> OptionError:
    return OptionError(
        f"{path.parent}: nobody works on this sweep, so there is nothing to stop. "
        "See how it is with: python -m sweeps status"
    )


def _out_of_reach(path: Path, holder: Holder) -> SweepHeldError:
    return SweepHeldError(
        f"{path.parent}: the sweep is held by {holder}, which cannot be reached from "
        f"{os.uname().nodename}. Stop it there."
    )


def _signal_if_open(pid: int, path: Path) -> None:
    pinned = os.pidfd_open(pid)
    try:
        if not _has_open(pid, path):
            raise ProcessLookupError(pid)
        signal.pidfd_send_signal(pinned, signal.SIGTERM)
    finally:
        os.close(pinned)


def _describe_self() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": os.uname().nodename, "since": time.strftime("%F %T")}


def _describe_holder(path: Path) -> str:
    return (
        f"{path.parent}: the sweep is held by {_read_holder(path)}. "
        "Wait until it ends, or stop it with Ctrl-C there or with: python -m sweeps stop "
        f"{path.parent}"
    )


def _read_holder(path: Path) -> Holder:
    with contextlib.suppress(OSError, ValueError, TypeError):
        holder = Holder(**json.loads(path.read_bytes()))
        if isinstance(holder.pid, int) and holder.pid > 0:
            return holder
    return Holder()


def _has_open(pid: int, path: Path) -> bool:
    """Tell whether a process has the lock file open, as far as we may look."""
    wanted = path.stat()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.path.samestat(link.stat(), wanted):
                return True
    return False
