"""`stop`: which sweep is meant, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sweeps.durable import write_json

HOLD = """
import signal, sys, time
from pathlib import Path
from sweeps.lock import hold_sweep
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
with hold_sweep(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def make_sweep(name: str) -> Path:
    folder = Path("results") / name
    folder.mkdir(parents=True)
    write_json(folder / "spec.json", {"schema": 1, "spec": {}})
    return folder


@contextmanager
def holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / "sweep.lock")],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_stop_says_whom_it_asked_and_how_to_go_on(sweeps) -> None:
    """The holder gets its SIGTERM, and the next step is named."""
    folder = make_sweep("digits")
    with holding(folder) as process:
        said = sweeps("stop", str(folder))
        assert process.wait() == 75
    assert said.status == 0
    assert f"{folder}: asked process {process.pid} on {os.uname().nodename}" in said.out
    assert "continue with: python -m sweeps resume results/digits" in said.out


def test_stop_without_a_folder_takes_the_one_that_runs(sweeps) -> None:
    """Others may have changed later; only one of them can be meant."""
    running = make_sweep("running")
    make_sweep("finished")
    with holding(running) as process:
        said = sweeps("stop")
        assert process.wait() == 75
    assert said.status == 0
    assert said.out.startswith("results/running: asked")


def test_stop_without_a_folder_never_guesses(sweeps) -> None:
    """Where several sweeps run, they are named and none is stopped."""
    with ExitStack() as stack:
        processes = [stack.enter_context(holding(make_sweep(name))) for name in ("a", "b")]
        said = sweeps("stop")
        assert [process.poll() for process in processes] == [None, None]
    assert said.status == 2
    assert "2 sweeps run: results/a, results/b. Give the one to stop." in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "results: no sweep runs here"),
        (["results/digits"], "nobody works on this sweep"),
        (["elsewhere"], "there is no sweep here"),
    ],
)
def test_stop_where_nothing_runs(sweeps, arguments: list[str], words: str) -> None:
    """The message says so; the status is that of a mistake in what was given."""
    make_sweep("digits")
    said = sweeps("stop", *arguments)
    assert (said.status, said.out) == (2, "")
    assert words in said.err
