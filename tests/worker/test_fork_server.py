"""Children of the fork server: how they start, end, and never outlive anybody."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps.causes import Cause
from sweeps.engines.local import LocalEngine
from sweeps.worker import fork_server
from sweeps.worker.fork_server import ForkServer, ForkServerError, importing_ahead, take_server
from sweeps.worker.messages import Line
from sweeps.worker.outcomes import Death, explain_death

INSPECT = {"task": "inspect", "threads": 1}


def test_child_waits_for_its_supervisor_and_ends_with_it(local_engine: LocalEngine) -> None:
    """A child whose supervisor closes the line is gone within 2 s, whatever it does."""
    connection, child = _server_of(local_engine).start_child(INSPECT)
    line = Line(connection)
    assert line.receive() == {"kind": "begin"}
    assert not child.wait(0.1)
    line.close()
    assert child.wait(2)
    assert child.status == 71


def test_child_status_tells_the_signal(local_engine: LocalEngine) -> None:
    """A killed child is reported with its signal, and the server goes on."""
    connection, child = _server_of(local_engine).start_child(INSPECT)
    line = Line(connection)
    line.receive()
    child.kill()
    assert child.wait(5)
    assert child.status == -signal.SIGKILL
    line.close()


def test_children_beside_each_other_hold_no_line_but_their_own(
    local_engine: LocalEngine,
) -> None:
    """A second child does not keep the first one's line open."""
    first_connection, first = _server_of(local_engine).start_child(INSPECT)
    second_connection, second = _server_of(local_engine).start_child(INSPECT)
    lines = [Line(first_connection), Line(second_connection)]
    for line in lines:
        line.receive()
    lines[0].close()
    assert first.wait(2)
    assert not second.wait(0.2)
    lines[1].close()
    assert second.wait(2)


def test_child_has_the_threads_it_was_given_and_no_socket_of_others(
    local_engine: LocalEngine,
) -> None:
    """A child inherits its own line and nothing else that is open."""
    connection, child = _server_of(local_engine).start_child(INSPECT)
    line = Line(connection)
    line.receive()
    descriptors = Path(f"/proc/{child.pid}/fd")
    sockets = [path for path in descriptors.iterdir() if "socket" in str(path.readlink())]
    assert len(sockets) == 1
    line.close()
    child.wait(2)


def test_server_that_is_killed_ends_its_children_and_says_so() -> None:
    """Children of a dead server are reported as lost, and asking for another one fails plainly."""
    server = ForkServer()
    connection, child = server.start_child(INSPECT)
    line = Line(connection)
    line.receive()
    os.kill(server.pid, signal.SIGKILL)
    assert child.wait(5)
    assert child.status is None
    with pytest.raises(ForkServerError, match="ended with status -9"):
        server.start_child(INSPECT)
    line.close()
    server.close()
    deadline = time.monotonic() + 2
    while Path(f"/proc/{child.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{child.pid}").exists()


THIRD_FORK_FAILS = """
import errno, os

def fork(fork=os.fork, count=iter(range(9))):
    if next(count) == 2:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()

os.fork = fork
"""


def test_fork_that_fails_loses_that_child_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more processes are allowed, or no memory is left, those that run go on."""
    monkeypatch.setattr(fork_server, "_START", THIRD_FORK_FAILS + fork_server._START)
    with contextlib.closing(LocalEngine()) as engine:
        others = [_server_of(engine).start_child(INSPECT) for _ in range(2)]
        lines = [Line(connection) for connection, _ in others]
        death = engine.run_task(INSPECT, lambda _: {})
        assert isinstance(death, Death)
        told = explain_death(death)
        assert (told.state, told.cause) == ("interrupted", Cause.LOST)
        assert "could be started for it: [Errno 11]" in told.reason
        for line in lines:
            assert line.receive() == {"kind": "begin"}
        connection, _ = _server_of(engine).start_child(INSPECT)
        lines.append(Line(connection))
        assert lines[-1].receive() == {"kind": "begin"}
        for line in lines:
            line.close()


def test_server_that_cannot_import_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken installation is told with its traceback, not with a hang."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text("raise RuntimeError('broken on purpose')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = ForkServer()
    with pytest.raises(ForkServerError, match="broken on purpose"):
        server.start_child(INSPECT)
    server.close()


def test_server_that_still_imports_ends_at_once() -> None:
    """Who presses Ctrl-C before anything has begun does not wait for TensorFlow."""
    server = ForkServer()
    server.close()
    assert server._process._popen.returncode == -signal.SIGKILL


def test_server_that_was_started_ahead_is_taken_once() -> None:
    """The first who needs a server gets it; the next one gets another."""
    with importing_ahead():
        (ahead,) = fork_server._ahead
        assert take_server() is ahead
        other = take_server()
    assert other is not ahead
    assert _is_alive(ahead.pid)  # it is the taker's now
    for server in (ahead, other):
        server.close()


def test_server_that_was_started_ahead_and_not_needed_ends() -> None:
    """A mistake in the space file leaves no process behind."""
    with importing_ahead():
        (ahead,) = fork_server._ahead
    assert not _is_alive(ahead.pid)
    assert not fork_server._ahead


def test_server_goes_with_a_killed_driver() -> None:
    """SIGKILL of the driver leaves neither server nor child."""
    script = (
        "import time; from sweeps.worker.fork_server import ForkServer\n"
        "server = ForkServer()\n"
        "connection, child = server.start_child({'task': 'inspect', 'threads': 1})\n"
        "connection.recv(1)\n"
        "print(server.pid, child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        pids = [int(word) for word in driver.stdout.readline().split()]
        driver.kill()
        driver.wait()
    deadline = time.monotonic() + 2
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [_is_alive(pid) for pid in pids] == [False, False]


def _server_of(engine: LocalEngine) -> ForkServer:
    assert engine._server is not None
    return engine._server


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
