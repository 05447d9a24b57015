"""Tests of `sweeps.worker.memory`: who has to go, and what is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sweeps.worker.fork_server import Child
from sweeps.worker.memory import Room, Watched, find_excess, measure_tree, read_room

GB = 10**9


def watch(limit: int | None = None) -> Watched:
    """Make a watched process that is not there."""
    return Watched(Child(None), limit)  # type: ignore[arg-type]


def test_find_excess_is_over_its_own_limit_only() -> None:
    """Each has its own limit; what is at its limit stays; both figures are told."""
    small, full, large = watch(GB), watch(2 * GB), watch(2 * GB)
    held = {small: GB // 2, full: 2 * GB, large: 3 * GB}
    assert list(find_excess(held, Room(9 * GB, 16 * GB))) == [
        (large, "it held 3 GB, and resources.memory is 2 GB.")
    ]


def test_find_excess_takes_one_at_a_time_where_the_machine_is_full() -> None:
    """The largest goes; where one is over its own limit that may be enough; else all stay."""
    small, large, over = watch(), watch(), watch(GB)
    short, enough = Room(GB // 4, 16 * GB), Room(GB, 16 * GB)
    held = {small: GB, large: 5 * GB}
    assert [each for each, _ in find_excess(held, short)] == [large]
    assert [each for each, _ in find_excess({**held, over: 2 * GB}, short)] == [over]
    assert list(find_excess(held, enough)) == list(find_excess(held, None)) == []
    assert list(find_excess({}, short)) == []


def test_reserve_is_small_in_a_small_container() -> None:
    """A twentieth of all, at most 512 MiB."""
    assert Room(0, 2 * GB).reserve == GB // 10
    assert Room(0, 64 * GB).reserve == 512 << 20


def test_read_room_is_that_of_the_tightest_group(tmp_path: Path) -> None:
    """A container's limit counts where it is reached before the machine's; a file cache is free."""
    machine, groups = tmp_path / "meminfo", tmp_path / "groups"
    machine.write_text("MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n")
    assert read_room(machine, groups) == Room(8_192_000_000, 16_384_000_000)
    assert read_room(tmp_path / "none") is None
    for top, names in (
        (groups, ("memory.max", "memory.current", "inactive_file")),
        (
            groups / "memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ):
        top.mkdir()
        (top / names[0]).write_text("4000000000\n")
        (top / names[1]).write_text("3500000000\n")
        (top / "memory.stat").write_text(f"anon 1\n{names[2]} 1000000000\n")
        found = read_room(machine, groups)
        assert found == Room(1_500_000_000, 4_000_000_000)
        (top / names[0]).write_text("max\n")
        assert read_room(machine, groups) == Room(8_192_000_000, 16_384_000_000)


def test_measure_tree_counts_what_children_hold() -> None:
    """Pages of a process and of its child; both ways of counting agree about what is their own."""
    inner = "held = bytearray(b'1') * (100 << 20); print(flush=True); input()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", outer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        quick, exact = measure_tree(process.pid), measure_tree(process.pid, 1)
        process.communicate(b"\n")
    assert 100 << 20 < exact <= quick < 150 << 20
    assert measure_tree(process.pid) == 0
