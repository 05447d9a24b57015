"""The engine for one machine: each task is a forked child, each supervisor a thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import joblib

from sweeps.causes import Cause
from sweeps.engines._base import Result
from sweeps.engines.clock import Clock
from sweeps.engines.message_loop import Conversation, Ending, MessageLoop
from sweeps.worker.data_server import DataServer
from sweeps.worker.fork_server import Child, ForkServer, ForkServerError, take_server
from sweeps.worker.forking import HOLD_DATA
from sweeps.worker.memory import MemoryWatch
from sweeps.worker.messages import Ask, Message, do_nothing
from sweeps.worker.outcomes import Death
from sweeps.worker.run_task import UNLIMITED, TaskLimits
from sweeps.worker.trial_process import LOST_SUPERVISOR

_LONGEST_END_SECONDS = 2.0
_MAX_DEAD_SERVERS = 5
"""So many servers that die one after the other, and no task comes to its end, are too many."""


class LocalEngine:
    """Forks every task from a server that has imported Keras already, or also loaded the data.

    Where the server dies, its tasks die with it, and the next task gets a new one.
    """

    def __init__(self) -> None:
        self._data: DataServer | None = None
        self._memory = MemoryWatch()
        self._loop = MessageLoop()
        self._replacing = threading.Lock()
        self._num_dead = 0
        self._server: ForkServer | None = take_server()

    def hold_data(self, target: str, seed: int) -> None:
        """Load the data in a process from which tasks are forked from now on."""
        assert self._server is not None
        request = {"task": HOLD_DATA, "data": target, "seed": seed}
        with self._replacing:
            older, self._data = self._data, DataServer(self._server, request, self._memory)
            self._data.begin()
        if older:
            older.close()

    def run_task(
        self,
        request: Mapping[str, Any],
        answer: Ask,
        *,
        commit: Callable[[], None] = do_nothing,
        limits: TaskLimits = UNLIMITED,
    ) -> Message | Death:
        """Run one task in a child of its own. It is gone when this returns, with all it started."""
        try:
            connection, child = self._start_child(request)
        except ForkServerError as error:
            return Death(None, reason=str(error))
        conversation = Conversation(connection, answer, commit, Clock(limits))
        try:
            with self._memory.watching(child, limits.memory_bytes) as watched:
                self._loop.begin(conversation)
                result = _wait_for_message(conversation, child)
        except BaseException:
            child.kill()  # nobody may write any more when what it was for is given up
            raise
        finally:
            self._loop.leave(conversation)
            conversation.close()
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
        failures: list[Exception] = []

        def call() -> list[Result]:
            try:
                return [supervise()]
            except Exception as error:  # noqa: BLE001 - joblib would not wait for the others
                failures.append(error)
                return []

        parallel = joblib.Parallel(
            n_jobs=workers,
            backend="threading",
            return_as="generator_unordered",
            pre_dispatch="n_jobs",
            batch_size=1,
        )
        for results in parallel(joblib.delayed(call)() for _ in range(count)):
            yield from results
        if failures:
            raise failures[0]

    def close(self) -> None:
        """End the server and all its children."""
        with contextlib.ExitStack() as last:  # who is interrupted in one step does the others
            last.callback(self._loop.close)
            with self._replacing:  # a task that goes on in another thread replaces nothing any more
                server, self._server = self._server, None
                data, self._data = self._data, None
            if data:
                last.callback(data.close)
            if server:
                last.callback(server.close)
            self._memory.close()

    def _start_child(self, request: Mapping[str, Any]) -> tuple[socket.socket, Child]:
        while True:
            with self._replacing:
                server, data = self._server, self._data
            if server is None:
                raise ForkServerError("the engine has been closed")
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
                self._load_again(data, server if is_tried else None)
            return self._server is not None

    def _replace_server(self, dead: ForkServer) -> bool:
        if dead.is_broken or self._num_dead >= _MAX_DEAD_SERVERS:
            return False
        self._num_dead += 1
        self._server = ForkServer()
        dead.close()
        if data := self._data:
            self._load_again(data, self._server)
        return True

    def _load_again(self, dead: DataServer, server: ForkServer | None) -> None:
        """Load the data in another process, or not at all where there is no server for it."""
        self._data = dead.copy(server) if server else None
        if self._data:
            self._data.begin()
        dead.close()


def _wait_for_message(conversation: Conversation, child: Child) -> Message | Death:
    """Wait for the last message of a task, or its death."""
    end = conversation.end.result()
    if end is Ending.TIME_UP:
        child.write_stacks()
        child.kill()
        conversation.close()  # it may not have been forked yet: then it ends by itself
        child.wait()
        return conversation.clock.explain(child.status)
    return _explain_silence(child) if isinstance(end, Ending) else end


def _explain_silence(child: Child) -> Death:
    """Tell how a child died whose line is silent, and end one that only spoiled it."""
    if _wait_for_end(child) and child.status != LOST_SUPERVISOR:
        told = child.refusal and f"no process could be started for it: {child.refusal}"
        return Death(child.status, reason=told)
    return Death(
        child.status, Cause.EXIT, "the model's code closed or used the trial's connection."
    )


def _wait_for_end(child: Child) -> bool:
    """Wait until a child has ended; False where it had to be killed."""
    if child.wait(_LONGEST_END_SECONDS):
        return True
    child.kill()
    child.wait()
    return False
