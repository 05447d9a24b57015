"""The engine for one machine: each task is a forked child, each supervisor a thread."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import joblib

from sweeps.causes import Cause
from sweeps.engines._base import Result
from sweeps.worker.data_server import DataServer
from sweeps.worker.fork_server import Child, ForkServer, ForkServerError, take_server
from sweeps.worker.forking import HOLD_DATA
from sweeps.worker.memory import MemoryWatch
from sweeps.worker.messages import Ask, Line, Message
from sweeps.worker.outcomes import Death
from sweeps.worker.trial_process import LOST_SUPERVISOR

_LONGEST_END_SECONDS = 2.0
_LONGEST_POLL_SECONDS = 20 * 24 * 3600.0
_LOOK_SECONDS = 0.1
_MAX_DEAD_SERVERS = 5
"""So many servers that die one after the other, and no task comes to its end, are too many."""


class LocalEngine:
    """Forks every task from a server that has imported Keras already, or also loaded the data.

    Where the server dies, its tasks die with it, and the next task gets a new one.
    """

    def __init__(self) -> None:
        self._server: ForkServer | None = take_server()
        self._data: DataServer | None = None
        self._memory = MemoryWatch()
        self._replacing = threading.Lock()
        self._num_dead = 0

    def hold_data(self, target: str, seed: int) -> None:
        """Load the data in a process from which tasks are forked from now on."""
        assert self._server is not None
        request = {"task": HOLD_DATA, "data": target, "seed": seed}
        with self._replacing:
            older, self._data = self._data, DataServer(self._server, request, self._memory)
        if older:
            older.close()

    def run_task(
        self,
        request: Mapping[str, Any],
        answer: Ask,
        *,
        timeout_seconds: float | None = None,
        stall_seconds: float | None = None,
        memory_bytes: int | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> Message | Death:
        """Run one task in a child of its own. It is gone when this returns, with all it started."""
        try:
            connection, child = self._start_child(request)
        except ForkServerError as error:
            return Death(None, reason=str(error))
        line = Line(connection)
        clock = _Clock(timeout_seconds, stall_seconds, is_wanted)
        try:
            with self._memory.watching(child, memory_bytes) as watched:
                result = _converse(line, child, answer, clock)
        except BaseException:
            child.kill()  # nobody may write any more when what it was for is given up
            raise
        finally:
            line.close()
            _wait_for_end(child)
            if child.status is not None:  # the server told it
                self._num_dead = 0
        if watched.verdict and isinstance(result, Death):
            return Death(result.status, Cause.OUT_OF_MEMORY, watched.verdict)
        return result

    def begin(self, job: Callable[[], Result]) -> Callable[[], Result]:
        """Do a job in a thread, which mostly waits. It ends with the engine's processes."""
        future: Future[Result] = Future()

        def do() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - raised where the result is waited for
                future.set_exception(error)

        threading.Thread(target=do, name="job", daemon=True).start()
        return future.result

    def dispatch(
        self, supervise: Callable[[], Result], count: int, workers: int
    ) -> Iterator[Result]:
        """Call `supervise` in threads. It mostly waits, so that threads cost nothing."""
        parallel = joblib.Parallel(
            n_jobs=workers,
            backend="threading",
            return_as="generator_unordered",
            pre_dispatch="n_jobs",
            batch_size=1,
        )
        yield from parallel(joblib.delayed(supervise)() for _ in range(count))

    def close(self) -> None:
        """End the server and all its children."""
        self._memory.close()
        server, self._server = self._server, None
        data, self._data = self._data, None
        if server:
            server.close()
        if data:
            data.close()

    def _start_child(self, request: Mapping[str, Any]) -> tuple[socket.socket, Child]:
        while True:
            server, data = self._server, self._data
            assert server is not None
            try:
                if data and not data.is_broken:
                    return data.start_child(request)
                return server.start_child(request)
            except ForkServerError:
                if not self._replace(server, data):
                    raise

    def _replace(self, server: ForkServer, data: DataServer | None) -> bool:
        """Start others for those that have died, unless somebody has; False where it is no use."""
        with self._replacing:
            if self._server is server and server.has_failed:
                return self._replace_server(server)
            if data and self._data is data and not data.is_broken:
                self._num_dead += 1
                is_tried = self._num_dead <= _MAX_DEAD_SERVERS
                self._data = data.start_again(server) if is_tried else None
                data.close()
            return self._server is not None

    def _replace_server(self, dead: ForkServer) -> bool:
        if dead.is_broken or self._num_dead >= _MAX_DEAD_SERVERS:
            return False
        self._num_dead += 1
        self._server = ForkServer()
        dead.close()
        if data := self._data:
            self._data = data.start_again(self._server)
            data.close()
        return True


class _Clock:
    """How much time a task has left.

    Attributes:
        look_seconds: How long to wait at most before another look at it.
    """

    def __init__(
        self,
        timeout_seconds: float | None = None,
        stall_seconds: float | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> None:
        self._is_wanted = is_wanted
        self.look_seconds = math.inf if is_wanted is None else _LOOK_SECONDS
        self._stall_seconds = math.inf if stall_seconds is None else stall_seconds
        self._heard = time.monotonic()
        self._deadline = self._heard + (math.inf if timeout_seconds is None else timeout_seconds)

    @property
    def seconds_left(self) -> float:
        if not self._is_still_wanted():
            return 0.0
        return min(self._deadline, self._heard + self._stall_seconds) - time.monotonic()

    def note_answer(self, seconds: float) -> None:
        """The task was answered after so long: while the driver waits for disk, it cannot go on."""
        self._heard = time.monotonic()
        self._deadline += seconds

    def explain(self, status: int | None) -> Death:
        """Tell why the time is up."""
        if not self._is_still_wanted():
            return Death(status, reason="it was no longer wanted, and was killed.")
        if time.monotonic() >= self._deadline:
            return Death(status, Cause.TIMEOUT)
        reason = f"nothing was heard of it for {self._stall_seconds:g} s, and it was killed."
        return Death(status, Cause.NO_PROGRESS, reason)

    def _is_still_wanted(self) -> bool:
        return self._is_wanted is None or self._is_wanted()


def _converse(line: Line, child: Child, answer: Ask, clock: _Clock) -> Message | Death:
    poll = select.poll()
    poll.register(line.fileno(), select.POLLIN)
    while True:
        if not _wait_for_message(poll, clock):
            child.write_stacks()
            child.kill()
            line.close()  # it may not have been forked yet: then it ends by itself
            child.wait()
            return clock.explain(child.status)
        message = line.receive()
        if message is None:
            return _explain_silence(child)
        if message["kind"] == "end":
            return message
        asked = time.monotonic()
        answered = answer(message)
        with contextlib.suppress(OSError):  # it has died meanwhile: the next look tells how
            line.send(answered)
        clock.note_answer(time.monotonic() - asked)


def _wait_for_message(poll: select.poll, clock: _Clock) -> bool:
    """Wait until there is something to read; False where there is nothing when the time is up."""
    while (seconds := min(clock.seconds_left, clock.look_seconds)) < _LONGEST_POLL_SECONDS:
        # What has come already is read even where the time is up.
        if poll.poll(1000 * max(0.0, seconds)):
            return True
        if clock.seconds_left <= 0:
            return False
    return True  # there is no limit, and who reads waits


def _explain_silence(child: Child) -> Death:
    """Tell how a child died whose line has closed, and end one that only closed it."""
    if _wait_for_end(child) and child.status != LOST_SUPERVISOR:
        return Death(child.status)
    return Death(child.status, Cause.EXIT, "the model's code closed the trial's connection.")


def _wait_for_end(child: Child) -> bool:
    """Wait until a child has ended; False where it had to be killed."""
    if child.wait(_LONGEST_END_SECONDS):
        return True
    child.kill()
    child.wait()
    return False
