"""JSON lines between a trial process and its supervisor. No pickle: a line is data, never code."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sweeps.checkpoints import store
from sweeps.checkpoints.store import BestCheckpoint

_LONGEST_LINE = 64 << 20

Message = dict[str, Any]
Ask = Callable[[Message], Message]


class Line:
    """One end of a connection: sends and receives messages in order.

    Args:
        connection: A connected stream socket, owned from here on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader = connection.makefile("rb")

    def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            OSError: The other end has gone.
        """
        self._socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def receive(self) -> Message | None:
        """Wait for a message; None where the other end has closed or died, in mid-line too."""
        try:
            text = self._reader.readline(_LONGEST_LINE)
        except OSError:
            return None
        if not text.endswith(b"\n"):
            return None
        message: Message = json.loads(text)
        return message

    def fileno(self) -> int:
        """Give the descriptor, for waiting."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end; the other one sees it at once, from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.close()
        self._socket.close()


def best_to_json(best: BestCheckpoint | None) -> Message | None:
    """Give a best checkpoint as plain values."""
    return asdict(best) if best else None


def best_from_json(value: Message | None) -> BestCheckpoint | None:
    """Read what `best_to_json` gave."""
    return store.best_from_json(value) if value else None
