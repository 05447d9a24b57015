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

LONGEST_LINE = 64 << 20
"""Bytes of a message, at most."""

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
        self._socket.sendall(encode_line(message))

    def receive(self) -> Message | None:
        """Wait for a message; None where the other end has closed or died, in mid-line too."""
        try:
            text = self._reader.readline(LONGEST_LINE)
        except OSError:
            return None
        if not text.endswith(b"\n"):
            return None
        message: Message = json.loads(text)
        return message

    def close(self) -> None:
        """Close this end; the other one sees it at once, from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.close()
        self._socket.close()


def encode_line(message: Message) -> bytes:
    """Write a message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def do_nothing() -> None:
    """What there is to commit where answers leave nothing behind."""


def best_to_json(best: BestCheckpoint | None) -> Message | None:
    """Give a best checkpoint as plain values."""
    return asdict(best) if best else None


def best_from_json(value: Message | None) -> BestCheckpoint | None:
    """Read what `best_to_json` gave."""
    return store.best_from_json(value) if value else None
