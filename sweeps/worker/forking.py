"""The process that forks: it has imported Keras, and never runs an operation itself.

A fork after an operation hangs. It never sees user code either, but for the data function in the
process that holds the data (`sweeps.worker.data_process`). The driver's side is
`sweeps.worker.fork_server`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import select
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from sweeps.worker.preloading import import_modules
from sweeps.worker.process_tree import adopt_orphans, kill_all, kill_group, list_children

# What the server imports before its first fork: all that every child needs.
PRELOADED = (
    "keras",
    "keras_tuner",
    "sweeps.training.train",
    "sweeps.training.evaluate",
    "sweeps.worker.trial_process",
    "sweeps.worker.data_process",
)
LONGEST_REQUEST = 1 << 16
HOLD_DATA = "hold_data"
"""The task of a child that becomes a server itself, one that has loaded the sweep's data."""


class _Server:
    """The server process itself. It has one thread, so that a fork copies a whole process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._tickets: dict[int, int] = {}
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_writer.setblocking(False)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self._connection, selectors.EVENT_READ, self._take_request)
        selector.register(self._wake_reader, selectors.EVENT_READ, self._reap)
        self._send({"ready": True})
        try:
            while all(key.data() for key, _ in selector.select()):
                pass
        finally:
            for pid in self._tickets:
                kill_group(pid)
            self._tickets.clear()
            self._kill_strays()

    def _take_request(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._connection, LONGEST_REQUEST, 1)
        if not packet:
            return False
        request = json.loads(packet)
        ticket = request["ticket"]
        try:
            pid = os.fork()
        except OSError as error:  # no memory or no process left: those that run go on
            self._send({"ticket": ticket, "refused": str(error)})
        else:
            if pid == 0:
                self._become_child(request, descriptors[0])
            self._tickets[pid] = ticket
            self._send({"ticket": ticket, "pid": pid})
        os.close(descriptors[0])
        return True

    def _become_child(self, request: dict[str, Any], descriptor: int) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            for end in (self._connection, self._wake_reader, self._wake_writer):
                end.close()
            name = "data_process" if request["task"] == HOLD_DATA else "trial_process"
            child = importlib.import_module(f"sweeps.worker.{name}")
            status = child.main(request, socket.socket(fileno=descriptor))
        except BaseException:  # noqa: BLE001 - nothing may unwind into the server's frames
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:  # the log's disk may be full
                os._exit(status)

    def _reap(self) -> bool:
        self._wake_reader.recv(4096)
        ended = []
        for pid, status in _iter_ended():
            if (ticket := self._tickets.pop(pid, None)) is not None:
                ended.append({"ticket": ticket, "status": os.waitstatus_to_exitcode(status)})
        if ended:
            self._kill_strays()
        for message in ended:  # last: who hears of it relies on there being nobody left
            self._send(message)
        return True

    def _kill_strays(self) -> None:
        """Kill what trials that have ended left running: a living trial keeps its own orphans."""
        kill_all(lambda: [pid for pid in list_children(os.getpid()) if pid not in self._tickets])

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.send(json.dumps(message).encode())


def main(descriptor: int) -> None:
    """Run the server on an inherited socket; called in the new process."""
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    serve_after(_import_all, connection)


def _import_all() -> None:
    import_modules(PRELOADED)
    from sweeps.training import runtime

    runtime.list_operations()


def serve_after(prepare: Callable[[], None], connection: socket.socket) -> None:
    """Fork children of this process for a driver, once it is prepared; a failure is told.

    Args:
        prepare: Makes ready what the children inherit. It has to leave one thread.
        connection: The driver's socket; where it closes, this process ends.
    """
    adopt_orphans()
    try:
        with _ending_with(connection):
            prepare()
    except BaseException:  # noqa: BLE001 - whatever it was, the driver must hear of it
        connection.send(json.dumps({"failed": traceback.format_exc()[-8000:]}).encode())
        return
    _Server(connection).serve()


@contextlib.contextmanager
def _ending_with(connection: socket.socket) -> Iterator[None]:
    """Let the kernel end this process with its driver, while it imports and does not look.

    Nothing is sent to a server that is not ready, so that the only event there can be is the end.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(connection, fcntl.F_GETFL)
    fcntl.fcntl(connection, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([connection], [], [], 0)[0]:
        sys.exit("the driver has gone already")
    try:
        yield
    finally:
        fcntl.fcntl(connection, fcntl.F_SETFL, flags)


def _iter_ended() -> Iterator[tuple[int, int]]:
    """Reap the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended
