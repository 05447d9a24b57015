"""Which processes there are below this one, and on what they listen: read from /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_LISTENING = "0A"  # TCP_LISTEN
_ACCEPTS = 0x10000  # __SO_ACCEPTCON


def find_descendants() -> set[int]:
    """Find this process and all below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def find_listening(processes: Iterable[int]) -> set[str]:
    """Find the addresses on which one of the processes listens."""
    inodes = _list_listening()
    found = set()
    for pid in processes:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    return {inodes[inode] for inode in found & inodes.keys()}


def _list_listening() -> dict[str, str]:
    """Give the address by inode of every socket that listens; a bound UDP socket counts too."""
    found = {}
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in _read_table(name):
            if name.startswith("udp") or line[3] == _LISTENING:
                found[line[9]] = f"{name} {line[1]}"
    for line in _read_table("unix"):
        if int(line[3], 16) & _ACCEPTS:
            found[line[6]] = f"unix {line[7] if len(line) > 7 else ''}"
    return found


def _read_table(name: str) -> list[list[str]]:
    path = Path("/proc/net") / name
    return [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
