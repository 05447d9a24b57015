"""Processes below another one, and how they end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.worker.process_tree import is_alive, kill_tree, list_children

FAMILY = """
import os, subprocess, sys, threading, time
from sweeps.worker.process_tree import adopt_orphans

adopt_orphans()
subprocess.Popen(["sleep", "1000"], start_new_session=True)
subprocess.run(["sh", "-c", "setsid sleep 1000 & :"], check=True)
time.sleep(0.2)
print(1, flush=True)
time.sleep(1000)
"""
LEADERLESS = """
import ctypes, threading, time

threading.Thread(target=time.sleep, args=(1000,)).start()
print(1, flush=True)
ctypes.CDLL(None).syscall(60, 0)  # exit of this thread, not of the process
"""


def test_kill_tree_finds_who_left_the_group_and_whose_parent_died() -> None:
    """A process that adopts orphans has all that it started below it."""
    with start(FAMILY) as process:
        children = list_children(process.pid)
        assert len(children) == 2
        kill_tree(process.pid)
        assert not any(map(is_alive, [process.pid, *children]))


def test_children_are_found_where_another_thread_has_just_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each thread has a list of its own, which goes with it."""
    list_files = Path.glob
    monkeypatch.setattr(
        Path, "glob", lambda path, pattern: [path / "0" / "children", *list_files(path, pattern)]
    )
    with start(FAMILY) as process:
        children = list_children(process.pid)
        kill_tree(process.pid)
    assert len(children) == 2


def test_process_without_its_first_thread_is_alive() -> None:
    """It looks like a zombie, but its other threads still hold its children."""
    with start(LEADERLESS) as process:
        assert is_alive(process.pid)
        process.kill()
        process.wait()
        assert not is_alive(process.pid)


def start(script: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process
