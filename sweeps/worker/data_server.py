"""The driver's side of a process that has loaded the data, and forks trials which inherit it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any

from sweeps.worker.ending import LONGEST_END_SECONDS, wait_for_thread
from sweeps.worker.fork_server import Child, ForkServer, ForkServerError
from sweeps.worker.memory import MemoryWatch


class DataServer:
    """A child of the fork server that becomes one itself, once it has loaded the data.

    Nothing happens before `begin`, so that who is interrupted in between has what is to be closed.

    Args:
        server: Has imported Keras, or still does.
        request: What `sweeps.worker.data_process` takes.
        memory: Watches it while it loads.
    """

    def __init__(self, server: ForkServer, request: Mapping[str, Any], memory: MemoryWatch) -> None:
        self._request = request
        self._memory = memory
        self._own: ForkServer | None = None
        self._has_begun = threading.Event()
        self._starting = threading.Thread(
            target=self._start, args=(server,), name="data-server-start", daemon=True
        )

    def begin(self) -> None:
        """Begin to load the data; returns at once."""
        self._starting.start()

    @property
    def is_broken(self) -> bool:
        """Tell whether the data could not be loaded so that others can inherit it."""
        if self._starting.is_alive():
            return False
        return self._own is None or self._own.is_broken

    def start_child(self, request: Mapping[str, Any]) -> tuple[socket.socket, Child]:
        """Fork a child, as `ForkServer.start_child` does; waits for the data.

        Raises:
            ForkServerError: It has died, or the data could not be loaded.
        """
        self._starting.join()
        if self._own is None:
            raise ForkServerError("the process that holds the data could not be started")
        return self._own.start_child(request)

    def copy(self, server: ForkServer) -> DataServer:
        """Make another one for the same data."""
        return DataServer(server, self._request, self._memory)

    def close(self) -> None:
        """End it and its children, and wait until they are gone."""
        if self._starting.ident is None:
            return
        self._has_begun.wait(LONGEST_END_SECONDS)
        if self._own:
            self._own.close()  # kills it where it still loads
        wait_for_thread(self._starting)

    def _start(self, server: ForkServer) -> None:
        try:
            connection, child = server.start_child(self._request, socket.SOCK_SEQPACKET)
            self._own = ForkServer(connection, child)
        except ForkServerError:
            return
        finally:
            self._has_begun.set()
        with self._memory.watching(child, None):
            self._own.wait_until_ready()
