"""A fork server that forks nothing: it plays every trial itself, for `benchmarks/driver.py`.

It speaks to the driver as the real one and its children do, over the same sockets in the same
messages, so that the driver is the real one down to its engine. A trial tells its values, reports
ten epochs and ends; its process costs the driver's machine next to nothing.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from sweeps.worker.messages import Line

EPOCHS = 10
LATENCIES = "SWEEPS_BENCHMARK_LATENCIES"
"""Environment variable that names the file of report latencies, in seconds, one a line."""
METRIC = "val_score"

Conversation = Generator[dict[str, Any], dict[str, Any], None]


def compute_value(x: float, epoch: int) -> float:
    """Give the value of a trial after an epoch: curves that cross, so that pruning has work."""
    return x * (1 - 0.7**epoch) + (1 - x) * 0.3**epoch


class StubServer:
    """Plays the server and all its children in one thread.

    Args:
        connection: The driver's socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._selector = selectors.DefaultSelector()
        self._latencies: list[float] = []

    def serve(self) -> None:
        """Play until the driver closes its socket, then write down the latencies."""
        self._selector.register(self._connection, selectors.EVENT_READ)
        self._send({"ready": True})
        is_open = True
        while is_open:
            for key, _ in self._selector.select():
                if key.data is None:
                    is_open = self._take_request()
                else:
                    key.data.go_on()
        lines = [f"{seconds:.6f}" for seconds in self._latencies]
        Path(os.environ[LATENCIES]).write_text("\n".join(lines))

    def _take_request(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._connection, 1 << 16, 1)
        if not packet:
            return False
        request = json.loads(packet)
        self._send({"ticket": request["ticket"], "pid": os.getpid()})
        connection = socket.socket(fileno=descriptors[0])
        child = _Child(self, connection, self._play_trial(), request["ticket"])
        self._selector.register(connection, selectors.EVENT_READ, child)
        child.begin()
        return True

    def end(self, connection: socket.socket, ticket: int) -> None:
        """Tell the driver that a child has ended."""
        self._selector.unregister(connection)
        self._send({"ticket": ticket, "status": 0})

    def _play_trial(self) -> Conversation:
        begin = yield {"kind": "begin"}
        values, stamp = begin["values"], {"attempt": begin["attempt"]}
        yield {"kind": "values", "values": values, **stamp}
        yield {"kind": "batch", "batch_size": 32, "gradient_accumulation_steps": 1, "fixed": ""}
        best = -1.0
        for epoch in range(1, EPOCHS + 1):
            value = compute_value(values["x"], epoch)
            best = max(best, value)
            began = time.perf_counter()
            # Also where it is to be pruned it goes on: each trial shall have ten reports.
            yield {"kind": "report", "epoch": epoch, "value": value, "best": best, **stamp}
            self._latencies.append(time.perf_counter() - began)
        kept = {"file": "stub.keras", "value": best, "epoch": EPOCHS, "sha256": "0" * 64}
        end = {"state": "complete", "epoch": EPOCHS, "value": best, "best": kept}
        yield {"kind": "end", **end, **stamp}

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.send(json.dumps(message).encode())


class _Child:
    """One trial that is played."""

    def __init__(
        self, server: StubServer, connection: socket.socket, played: Conversation, ticket: int
    ) -> None:
        self._server = server
        self._connection = connection
        self._line = Line(connection)
        self._played = played
        self._ticket = ticket

    def begin(self) -> None:
        self._line.send(next(self._played))

    def go_on(self) -> None:
        """Take the driver's answer; it closes the line after the end."""
        answer = self._line.receive()
        if answer is None:
            self._server.end(self._connection, self._ticket)
            self._line.close()
        else:
            self._line.send(self._played.send(answer))


def main(descriptor: int) -> None:
    """Play on an inherited socket."""
    StubServer(socket.socket(fileno=descriptor)).serve()


if __name__ == "__main__":
    main(int(sys.argv[2]))
