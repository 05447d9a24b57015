"""One holder per sweep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.errors import OptionError, SweepHeldError
from sweeps.lock import hold_folder, hold_sweep, is_held, stop_holder

HOLD = """
import sys, time
from pathlib import Path
from sweeps.lock import hold_sweep
with hold_sweep(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_hold_sweep_is_refused_while_another_process_holds_it(tmp_path: Path) -> None:
    """The second one hears who the first is, and exits with its own status."""
    path = tmp_path / "sweep.lock"
    with (
        hold_sweep(path),
        pytest.raises(SweepHeldError, match=f"process {os.getpid()}") as raised,
        hold_sweep(path),
    ):
        pytest.fail("two holders")
    assert raised.value.exit_status == 3


def test_hold_sweep_takes_over_from_a_killed_process_at_once(tmp_path: Path) -> None:
    """The lock dies with its process, whatever the file still says."""
    path = tmp_path / "sweep.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_held(path)
        assert json.loads(path.read_text())["pid"] == holder.pid
        holder.kill()
        holder.wait()
    assert not is_held(path)
    with hold_sweep(path):
        assert is_held(path)


@pytest.mark.parametrize(
    "content",
    [
        lambda: {"pid": os.getppid(), "host": os.uname().nodename},
        lambda: {"pid": 1, "host": "another-host", "since": "2020-01-01 00:00:00"},
        lambda: {"pid": os.getpid(), "host": os.uname().nodename, "boot": "another"},
    ],
    ids=["a process that lives", "another machine", "our own number"],
)
def test_hold_sweep_does_not_believe_what_the_file_says(
    tmp_path: Path, content: Callable[[], dict[str, object]]
) -> None:
    """A number may be another process' by now, or stem from another boot: only the lock counts."""
    path = tmp_path / "sweep.lock"
    path.write_text(json.dumps(content()))
    assert not is_held(path)
    with hold_sweep(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_hold_folder_lets_one_in_at_a_time(tmp_path: Path) -> None:
    """The second one waits for its turn, and gets it."""
    came: list[str] = []

    def come() -> None:
        with hold_folder(tmp_path):
            came.append("second")

    with hold_folder(tmp_path):
        second = threading.Thread(target=come)
        second.start()
        second.join(0.2)
        came.append("first")
    second.join(10)
    assert came == ["first", "second"]
    assert list(tmp_path.iterdir()) == []


def test_is_held_of_a_sweep_that_was_never_run(tmp_path: Path) -> None:
    """No lock file means nobody holds it, and looking creates none."""
    assert not is_held(tmp_path / "sweep.lock")
    assert list(tmp_path.iterdir()) == []


def test_hold_sweep_refuses_a_planted_link(tmp_path: Path) -> None:
    """A link in a stranger's folder leads nowhere."""
    (tmp_path / "precious").write_text("x")
    (tmp_path / "sweep.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"), hold_sweep(tmp_path / "sweep.lock"):
        pytest.fail("followed")
    assert (tmp_path / "precious").read_text() == "x"


def test_stop_holder_asks_the_process_that_holds_the_sweep(tmp_path: Path) -> None:
    """It gets a SIGTERM, and who asked hears which process that was."""
    path = tmp_path / "sweep.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        holder = stop_holder(path)
        assert process.wait() == -signal.SIGTERM
    assert (holder.pid, holder.host) == (process.pid, os.uname().nodename)
    assert str(holder).startswith(f"process {process.pid} on ")


@pytest.mark.parametrize("content", ["", '{"pid": 1, "host": "elsewhere"}', "[]", "no JSON"])
def test_stop_holder_where_nobody_holds_the_sweep(tmp_path: Path, content: str) -> None:
    """Whatever a dead process left in the file, nobody is signalled; no file is created."""
    path = tmp_path / "sweep.lock"
    if content:
        path.write_text(content)
    with pytest.raises(OptionError, match="nothing to stop"):
        stop_holder(path)
    assert path.exists() is bool(content)


@pytest.mark.parametrize(
    "content", ['{"pid": %d, "host": "elsewhere"}', "", "[%d]", '{"pid": "%d", "host": "HOST"}']
)
def test_stop_holder_on_another_machine_is_not_reached(tmp_path: Path, content: str) -> None:
    """A process number means nothing on another host, nor where the file does not name one."""
    path = tmp_path / "sweep.lock"
    with hold_sweep(path):
        text = content.replace("HOST", os.uname().nodename)
        path.write_text(text % os.getpid() if "%d" in text else text)
        with pytest.raises(SweepHeldError, match="cannot be reached from") as raised:
            stop_holder(path)
    assert raised.value.exit_status == 3


def test_stop_holder_never_signals_a_process_that_does_not_have_the_lock(tmp_path: Path) -> None:
    """A number that leads to somebody else, as seen from another container, is left alone."""
    path = tmp_path / "sweep.lock"
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander,
        hold_sweep(path),
    ):
        path.write_text(json.dumps({"pid": bystander.pid, "host": os.uname().nodename}))
        with pytest.raises(SweepHeldError, match="cannot be reached from"):
            stop_holder(path)
        assert bystander.poll() is None
        bystander.kill()
