"""Watches the memory of trial processes from outside, and kills one before the machine runs out.

A limit of address space would be of no use: TensorFlow reserves far more than it fills, and a
forked process has all that its server has imported. So what is held is measured, ten times a
second, over the trial's process and all below it. Linux only: elsewhere nothing is watched.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sweeps.worker.ending import wait_for_thread
from sweeps.worker.fork_server import Child
from sweeps.worker.process_tree import list_children

LOOK_SECONDS = 0.1
"""From one look to the next. What is allocated meanwhile, 0.6 GB at most here, comes on top."""
_LARGEST_RESERVE_BYTES = 512 << 20
_RESERVE_SHARE = 0.05
_MACHINE = Path("/proc/meminfo")
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Room:
    """Memory of the machine, or of the container in which we are.

    Attributes:
        available: Bytes that can still be used without swapping.
        total: All bytes.
    """

    available: int
    total: int

    @property
    def reserve(self) -> int:
        """How many bytes have to stay available: a twentieth, at most 512 MiB."""
        return min(_LARGEST_RESERVE_BYTES, int(self.total * _RESERVE_SHARE))


@dataclass(eq=False)
class Watched:
    """A trial process that is watched.

    Attributes:
        child: The process.
        limit: Bytes that it may hold; None means no limit of its own.
        verdict: Why it was killed, with the figures; empty while it was not.
    """

    child: Child
    limit: int | None
    verdict: str = ""


def find_excess(held: Mapping[Watched, int], room: Room | None) -> Iterator[tuple[Watched, str]]:
    """Choose which processes have to go, and say why.

    Args:
        held: How many bytes each one holds.
        room: What the machine has left; None where nobody knows.
    """
    over = [each for each in held if each.limit is not None and held[each] > each.limit]
    for each in over:
        assert each.limit is not None
        limit = describe_bytes(each.limit)
        yield each, f"it held {describe_bytes(held[each])}, and resources.memory is {limit}."
    if held and not over and room is not None and room.available < room.reserve:
        largest = max(held, key=held.__getitem__)
        yield (
            largest,
            f"it held {describe_bytes(held[largest])}, more than any other trial, when the machine "
            f"had only {describe_bytes(room.available)} left of {describe_bytes(room.total)}.",
        )


def describe_bytes(number: int) -> str:
    """Write a number of bytes for people, in the units of the space file."""
    return f"{number / 1e9:.3g} GB" if number >= 1e9 else f"{number / 1e6:.3g} MB"


class MemoryWatch:
    """Kills processes that hold too much, from a thread that sleeps while there is none."""

    def __init__(self) -> None:
        self._all: list[Watched] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextlib.contextmanager
    def watching(self, child: Child, limit: int | None) -> Iterator[Watched]:
        """Watch a process for as long as the context lasts."""
        watched = Watched(child, limit)
        with self._changed:
            if self._thread is None and _MACHINE.exists():
                self._thread = threading.Thread(
                    target=self._watch, name="memory-watch", daemon=True
                )
                self._thread.start()
            self._all.append(watched)
            self._changed.notify_all()
        try:
            yield watched
        finally:
            with self._changed:
                self._all.remove(watched)

    def close(self) -> None:
        """End the thread. Twice is no mistake."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            wait_for_thread(self._thread)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._all or self._closed)
                self._changed.wait_for(lambda: self._closed, LOOK_SECONDS)
                if self._closed:
                    return
                watched = list(self._all)
            self._look(watched)

    def _look(self, watched: list[Watched]) -> None:
        living = [each for each in watched if each.child.pid and not each.verdict]
        held = {each: measure_tree(each.child.pid, each.limit) for each in living}
        # What was killed gives its memory back in a moment: no other one has to go for that.
        is_freeing = any(each.verdict and not each.child.wait(0) for each in watched)
        for each, reason in find_excess(held, None if is_freeing else read_room()):
            each.verdict = reason
            each.child.kill()


def measure_tree(pid: int, exact_above: int | None = None) -> int:
    """Measure the memory that a process and those below it hold for themselves, in bytes.

    Args:
        pid: The process.
        exact_above: Up to here the quick figure will do, which counts pages that are shared with
            the fork server in full and is never too small. Above it each process has its share.
    """
    pids = [pid, *_list_descendants(pid)]
    quick = sum(map(measure_process, pids))
    if exact_above is None or quick <= exact_above:
        return quick
    fields = ("Pss_Anon", "Pss_Shmem", "SwapPss")
    # A process that is just ending, or that we may not look into, has none of these.
    return sum(_sum_fields(pid, "smaps_rollup", fields) for pid in pids)


def measure_process(pid: int) -> int:
    """Measure the memory of one process that is no file's, shared pages in full, in bytes."""
    return _sum_fields(pid, "status", ("RssAnon", "RssShmem", "VmSwap"))


def _list_descendants(pid: int) -> Iterator[int]:
    for child in list_children(pid):
        yield child
        yield from _list_descendants(child)


def _sum_fields(pid: int, file: str, names: tuple[str, ...]) -> int:
    found = _read_fields(Path(f"/proc/{pid}/{file}"))
    return sum(found.get(name, 0) for name in names) * 1024


def read_room(machine: Path = _MACHINE, cgroups: Path = _CGROUPS) -> Room | None:
    """Read how much memory is left: of the machine, or of the tightest cgroup that we are in.

    Args:
        machine: What the kernel tells of the machine.
        cgroups: Where control groups are mounted, of version 1 or 2.
    """
    fields = _read_fields(machine)
    if "MemAvailable" not in fields:
        return None
    whole = Room(fields["MemAvailable"] * 1024, fields["MemTotal"] * 1024)
    return min([whole, *_read_cgroups(cgroups)], key=lambda room: room.available - room.reserve)


def _read_cgroups(root: Path) -> Iterator[Room]:
    """Read the limits of our cgroups, from the inner one to the outer ones."""
    for line in _read_text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers in ("", "memory"):
            top = root / controllers
            group = top / name.lstrip("/")
            for folder in (group, *group.parents):
                yield from _read_cgroup(folder, is_first_version=bool(controllers))
                if folder == top:
                    break


def _read_cgroup(folder: Path, *, is_first_version: bool) -> Iterator[Room]:
    names = ("memory.max", "memory.current", "inactive_file")
    if is_first_version:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    limit, used = (_read_text(folder / name).strip() for name in names[:2])
    if limit.isdecimal() and used.isdecimal():  # and not "max", or nothing
        # Cached files can be dropped: only what was not used of late, to be on the safe side.
        cached = _read_fields(folder / "memory.stat").get(names[2], 0)
        yield Room(max(0, int(limit) - int(used) + cached), int(limit))


def _read_fields(path: Path) -> dict[str, int]:
    rows = (line.split() for line in _read_text(path).splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
