"""A process that has imported Keras once and forks a fresh trial process whenever it is asked to.

Importing TensorFlow takes seconds; a fork of a process that has done so is ready in 0.02 s. The
server never runs an operation (a fork after one hangs) and never sees user code. It is our own and
not multiprocessing's, which would import the caller's main module again in every child, pickle, and
leave a resource tracker behind (`docs/decisions/0001-own-fork-server.md`).

It ends when its driver does: the socket between them closes, and every child watches a socket of
its own in the same way. What a child leaves running when it ends goes with it, wherever that has
hidden (`sweeps.worker.process_tree`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from sweeps.errors import SweepsError
from sweeps.worker.ending import LONGEST_END_SECONDS, wait_for_thread
from sweeps.worker.forking import LONGEST_REQUEST
from sweeps.worker.process_tree import kill_group, kill_tree
from sweeps.worker.stacks import ask_for_stacks

_LONGEST_STACK_SECONDS = 0.2
_ENVIRONMENT = {
    # Threads that a library starts at import would not survive the fork.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    # Several processes share a GPU only where none takes all of its memory at its start.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}

_HOME = str(Path(__file__).parents[2])
# The server finds this very package, also where the driver found it by the working directory, and
# nothing else that lies beside it.
_START = """\
import importlib, sys
home, descriptor = sys.argv[1:]
sys.path.insert(0, home)
import sweeps
sys.path.pop(0)
importlib.import_module("sweeps.worker.forking").main(int(descriptor))
"""


class ForkServerError(SweepsError):
    """The server could not start, or died."""


class ServerProcess(Protocol):
    """The process behind a `ForkServer`."""

    @property
    def pid(self) -> int:
        """Its process id; 0 until it has one."""

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until it has ended; False where it still lives after the time."""

    def kill(self) -> None:
        """Kill it."""

    def explain_death(self) -> str:
        """Wait for its end and tell what is known of it."""

    def close(self) -> None:
        """Give back what was needed to hear of its end."""


class ForkServer:
    """The driver's side: asks a server for children and hears how they ended.

    Args:
        connection: Our end of the server's socket; the server may still be importing.
        process: The server. By default one is started that imports Keras.

    Attributes:
        is_broken: It could not get ready, and neither could another one.
    """

    def __init__(
        self,
        connection: socket.socket | None = None,
        process: ServerProcess | None = None,
    ) -> None:
        if connection is None or process is None:
            connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = _Interpreter(theirs.fileno())
        self._socket = connection
        self._process = process
        self._lock = threading.Lock()
        self._next_ticket = 0
        self._waiting: dict[int, Child] = {}
        self._failure = ""
        self.is_broken = False
        self._ready = threading.Event()
        self._listener = threading.Thread(
            target=self._listen, name="fork-server-listener", daemon=True
        )
        self._listener.start()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def has_failed(self) -> bool:
        """Tell whether it has died, or never got ready."""
        return bool(self._failure)

    def wait_until_ready(self) -> None:
        """Wait until the server can fork, or has failed."""
        self._ready.wait()

    def start_child(
        self, request: Mapping[str, Any], kind: socket.SocketKind = socket.SOCK_STREAM
    ) -> tuple[socket.socket, Child]:
        """Fork a child; waits until the server has imported what it needs.

        Args:
            request: What the child is to do; small plain values.
            kind: Of its socket.

        Returns:
            Our end of the child's socket, and the child.

        Raises:
            ForkServerError: The server could not start or has died.
        """
        self._ready.wait()
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        with theirs, self._lock:
            if self._failure:
                ours.close()
                raise ForkServerError(self._failure)
            self._next_ticket += 1
            child = Child(self)
            self._waiting[self._next_ticket] = child
            packet = json.dumps({"ticket": self._next_ticket, **request}).encode()
            try:
                socket.send_fds(self._socket, [packet], [theirs.fileno()])
            except OSError as error:  # it has died, and the listener does not know yet
                del self._waiting[self._next_ticket]
                ours.close()
                raise ForkServerError("the process that forks trials died") from error
        return ours, child

    def close(self) -> None:
        """End the server and every child that is left, and wait until they are gone."""
        if not self._ready.is_set():  # it imports, has no child yet, and would not look up
            self._process.kill()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._process.wait(LONGEST_END_SECONDS):  # somebody has stopped it
            self._process.kill()
        wait_for_thread(self._listener)
        self._process.close()

    def _listen(self) -> None:
        while packet := self._receive():
            message = json.loads(packet)
            if "failed" in message:
                self._failure = message["failed"]
                self.is_broken = True
            elif "ready" in message:
                self._ready.set()
            elif "pid" in message:
                self._waiting[message["ticket"]].pid = message["pid"]
            else:
                child = self._waiting.pop(message["ticket"])
                child.refusal = message.get("refused", "")
                child.end(message.get("status"))
        with self._lock:
            self._failure = self._failure or self._process.explain_death()
            self._socket.close()  # here, so that it is closed whoever was cut short
            left, self._waiting = list(self._waiting.values()), {}
        self._ready.set()
        for child in left:
            child.outlive_server()

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(LONGEST_REQUEST)
        except OSError:
            return b""


_ahead: list[ForkServer] = []


@contextlib.contextmanager
def importing_ahead() -> Iterator[None]:
    """Start a server before anybody has asked for one, so that it imports while we do.

    The first `take_server` within the context gets it; where nobody does, it ends with the context.
    """
    try:
        _ahead.append(ForkServer())
        yield
    finally:
        while _ahead:
            _ahead.pop().close()


def take_server() -> ForkServer:
    """Take the server that was started ahead, or start one."""
    return _ahead.pop() if _ahead else ForkServer()


class _Interpreter:
    """A new Python that becomes a fork server; it imports Keras while we go on."""

    def __init__(self, descriptor: int) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._popen = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-c", _START, _HOME, str(descriptor)],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def wait(self, timeout_seconds: float | None = None) -> bool:
        try:
            self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        self._popen.kill()

    def explain_death(self) -> str:
        status = self._popen.wait()
        self._errors.seek(0)
        tail = self._errors.read()[-2000:].decode(errors="replace").strip()
        return f"the fork server ended with status {status}. Its last words:\n{tail}"

    def close(self) -> None:
        self._errors.close()


class Child:
    """A forked process, seen from the driver.

    Args:
        server: The server that forks it.

    Attributes:
        pid: Its process id; 0 until the server has forked it.
        status: Its exit status, negative for the signal that killed it; None while it lives, and
            where the server died and nobody knows.
        refusal: Why there never was a process; empty where there was one, or will be.
    """

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self.pid = 0
        self.status: int | None = None
        self.refusal = ""
        self._ended = threading.Event()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the process has ended; False where it still lives after the time."""
        return self._ended.wait(timeout_seconds)

    def write_stacks(self) -> None:
        """Let the process write to its log where it is, and give it a moment for that."""
        if self.pid and not self._ended.is_set():
            ask_for_stacks(self.pid)
            self.wait(_LONGEST_STACK_SECONDS)

    def kill(self) -> None:
        """Kill the process and every process it started in its group."""
        if self.pid and not self._ended.is_set():
            kill_group(self.pid)

    def explain_death(self) -> str:
        """Wait for the end of a child that is a server itself, and tell how it came."""
        self.wait()
        return f"the process that holds the data ended with status {self.status}"

    def close(self) -> None:
        """Nothing is held for a child."""

    def end(self, status: int | None) -> None:
        """Take note that the process has ended; called by the server's listener."""
        self.status = status
        self._ended.set()

    def outlive_server(self) -> None:
        """Kill the process, since nobody is left who would tell of its end."""
        if self.pid:
            kill_tree(self.pid)
        self.end(None)
