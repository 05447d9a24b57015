"""Processes that know nothing of the sweep, in which formats are written and proven.

Each is a new Python, not a fork: its environment is made anew, so that variables such as
``PYTHONPATH`` and ``TF_...`` do not reach it, and neither the working directory nor the trainer's
code is on its import path. It does one job after the other, and ends when its driver does.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from sweeps.errors import SweepsError
from sweeps.worker.messages import Line, Message

JOB_SECONDS = 1800.0
"""After so long a job is given up, unless the caller says otherwise."""
_LOOK_MS = 100
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
_HOME = str(Path(__file__).parents[2])
# As for the fork server: this very package, and nothing else that lies beside it.
_START = """\
import importlib, sys
home, descriptor, memory, *modules = sys.argv[1:]
sys.path.insert(0, home)
import sweeps
sys.path.pop(0)
importlib.import_module("sweeps.bundles.jobs").main(int(descriptor), int(memory), modules)
"""
_MODULES = {"tensorflow": ("keras", "tensorflow")}


class ChildError(SweepsError):
    """A job failed, or the process died of it. The message says why."""


class CleanChild:
    """A clean process. The constructor returns at once; the process imports its runtime meanwhile.

    Args:
        runtime: What it is for: ``tensorflow``, which it imports at once, or another name.
        memory_bytes: Address space that it may use; None means no limit.
        is_wanted: Looked at ten times a second; what it does is given up once it is False.
    """

    def __init__(
        self,
        runtime: str,
        *,
        memory_bytes: int | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_wanted = is_wanted
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket, self._line = ours, Line(ours)
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._home = tempfile.TemporaryDirectory(prefix="sweeps-")
        arguments = [_HOME, str(theirs.fileno()), str(memory_bytes or 0)]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-E", "-P", "-c", _START, *arguments, *_MODULES.get(runtime, ())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                cwd=self._home.name,
                env=self._make_environment(),
                start_new_session=True,
            )

    def ask(self, job: Mapping[str, Any], *, timeout_seconds: float = JOB_SECONDS) -> Message:
        """Have a job done and give its result.

        Raises:
            ChildError: It failed, took too long, killed the process, or is no longer wanted.
        """
        try:
            self._line.send(dict(job))
            self._wait(timeout_seconds)
            self._socket.settimeout(timeout_seconds)
            answer = self._line.receive()
        except OSError:
            answer = None
        if answer is None:
            raise ChildError(self._explain_silence(timeout_seconds))
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def _wait(self, seconds: float) -> None:
        """Wait for the answer to begin, no longer than it is wanted.

        Raises:
            TimeoutError: It has not begun.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        deadline = time.monotonic() + seconds
        while not poll.poll(_LOOK_MS):
            if time.monotonic() >= deadline or not self._is_wanted():
                raise TimeoutError

    def close(self) -> None:
        """End the process and wait until it is gone. Twice is no mistake."""
        self._line.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        self._home.cleanup()

    def _make_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        # Keras reads settings of the user, such as another floatx, from its home, and TensorFlow
        # writes traced code among temporary files, which a process that is killed leaves there.
        own = {"KERAS_HOME": self._home.name, "TMPDIR": self._home.name}
        return {**kept, **_ENVIRONMENT, **own}

    def _explain_silence(self, seconds: float) -> str:
        if not self._is_wanted():
            return "it was no longer wanted."
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return f"it was not done after {seconds:g} s."
        self._output.seek(0)
        tail = self._output.read()[-1000:].decode(errors="replace").strip()
        died = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"the process died of it ({died}). Its last words: {tail or '(none)'}"


class Runtimes:
    """One clean process for each runtime, started when it is first needed.

    A process that a job kills is replaced, so that the next job has one. Use it as a context.

    Args:
        memory_bytes: As for `CleanChild`.
        is_wanted: Likewise.
        timeout_seconds: When a job is given up.
    """

    def __init__(
        self,
        *,
        memory_bytes: int | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
        timeout_seconds: float = JOB_SECONDS,
    ) -> None:
        self._is_wanted = is_wanted
        self._memory_bytes = memory_bytes
        self._timeout_seconds = timeout_seconds
        self._children: dict[str, CleanChild] = {}

    def __enter__(self) -> Runtimes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, runtime: str) -> None:
        """Start a process ahead, so that it imports while something else goes on."""
        if runtime not in self._children:
            self._children[runtime] = CleanChild(
                runtime, memory_bytes=self._memory_bytes, is_wanted=self._is_wanted
            )

    def ask(self, runtime: str, job: Mapping[str, Any]) -> Message:
        """Have a job done in the process of a runtime.

        Raises:
            ChildError: It failed; the message says why.
        """
        self.start(runtime)
        try:
            return self._children[runtime].ask(job, timeout_seconds=self._timeout_seconds)
        except BaseException:
            # Whatever state it is in, the next job does not inherit it.
            self._children.pop(runtime).close()
            raise

    def close(self) -> None:
        """End all processes."""
        while self._children:
            self._children.popitem()[1].close()


def open_runtimes(*, is_wanted: Callable[[], bool] = lambda: True) -> Runtimes:
    """Give the clean processes of one export; none of them is started yet."""
    return Runtimes(is_wanted=is_wanted)
