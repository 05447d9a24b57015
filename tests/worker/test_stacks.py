"""Tests of `sweeps.worker.stacks`, on processes that really hang and crash."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps.worker.stacks import ask_for_stacks, find_place

HEAD = "Current thread 0x00007f0 (most recent call first):\n"
CODE = """
import ctypes, sys, threading
from sweeps.worker.stacks import write_stacks

def deadlock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def loop():
    while True:
        pass

def crash():
    ctypes.string_at(0)

write_stacks(2)
print("ready", flush=True)
globals()[sys.argv[1]]()
"""


@pytest.mark.parametrize(
    ("what", "lines"), [("deadlock", (8,)), ("loop", (11, 12)), ("crash", (15,))]
)
def test_process_tells_where_it_hangs_or_crashes(
    tmp_path: Path, what: str, lines: tuple[int, ...]
) -> None:
    """Neither a lock that is held nor a loop keeps it from writing its stack."""
    code, log = tmp_path / "code.py", tmp_path / "log.txt"
    code.write_text(CODE)
    with log.open("w") as stderr, subprocess.Popen(
        [sys.executable, str(code), what],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=stderr,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 20
        found = None
        while (found is None or found[2] != what) and time.monotonic() < deadline:
            ask_for_stacks(process.pid)
            time.sleep(0.05)
            found = find_place(log.read_text(), lambda file: file == str(code))
        process.kill()
    assert found in [(str(code), number, what) for number in lines]


def test_find_place_is_the_innermost_one_of_the_users_in_the_last_stack() -> None:
    """What libraries did below it, and what other threads did, is not where to look."""
    log = (
        f'{HEAD}  File "/u/old.py", line 1 in build\n\nagain\n'
        'Thread 0x00007f1 (most recent call first):\n  File "/u/thread.py", line 2 in wait\n\n'
        f'{HEAD}  File "/lib/string.py", line 9 in at\n  File "/u/new.py", line 3 in inner\n'
        '  File "/u/new.py", line 4 in build\n\nExtension modules: none\n'
    )

    def is_users(file: str) -> bool:
        return file.startswith("/u/")

    assert find_place(log, is_users) == ("/u/new.py", 3, "inner")
    assert find_place('  File "/u/new.py", line 3 in inner\n', is_users) is None, "no stack"
    assert find_place(f'{HEAD}  File "/lib/a.py", line 9 in at\n', is_users) is None


def test_ask_for_stacks_of_a_process_that_is_gone_is_no_error() -> None:
    """It may have ended meanwhile."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    ask_for_stacks(process.pid)
