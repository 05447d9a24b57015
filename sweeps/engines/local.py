"""The engine for one machine: each task is a forked child, each supervisor a thread."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import joblib

from sweeps.engines._base import Result
from sweeps.worker.fork_server import Child, ForkServer, ForkServerError
from sweeps.worker.messages import Ask, Line, Message
from sweeps.worker.outcomes import Death


class LocalEngine:
    """Forks every task from a server that has imported Keras already."""

    def __init__(self) -> None:
        self._server: ForkServer | None = ForkServer()

    def run_task(
        self, request: Mapping[str, Any], answer: Ask, *, timeout_seconds: float | None = None
    ) -> Message | Death:
        """Run one task in a child of its own."""
        assert self._server is not None
        try:
            connection, child = self._server.start_child(request)
        except ForkServerError as error:
            return Death(None, reason=str(error))
        line = Line(connection)
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        try:
            return _converse(line, child, answer, deadline)
        finally:
            line.close()

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
        server, self._server = self._server, None
        if server:
            server.close()


def _converse(line: Line, child: Child, answer: Ask, deadline: float | None) -> Message | Death:
    while True:
        if not _wait_for_message(line, deadline):
            child.kill()
            child.wait()
            return Death(child.status, timed_out=True)
        message = line.receive()
        if message is None:
            child.wait()
            return Death(child.status)
        if message["kind"] == "end":
            return message
        line.send(answer(message))


def _wait_for_message(line: Line, deadline: float | None) -> bool:
    if deadline is None:
        return True
    poll = select.poll()
    poll.register(line.fileno(), select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
