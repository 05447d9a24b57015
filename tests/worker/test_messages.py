"""Tests of `sweeps.worker.messages`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sweeps.checkpoints.store import BestCheckpoint
from sweeps.worker.messages import Line, best_from_json, best_to_json

Pair = tuple[Line, Line]


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = (Line(end) for end in socket.socketpair())
    yield near, far
    near.close()
    far.close()


def test_line_keeps_order_and_content(pair: Pair) -> None:
    """Line breaks, other alphabets and every bit of a float come through."""
    near, far = pair
    messages = [{"kind": "values", "text": "a\nb\r\u2028ü"}, {"value": 0.1 + 0.2}, {}]
    for message in messages:
        near.send(message)
    assert [far.receive() for _ in messages] == messages


def test_line_sends_more_than_a_socket_holds(pair: Pair) -> None:
    """A long traceback arrives whole, in pieces that nobody sees."""
    near, far = pair
    message = {"traceback": "x" * 5_000_000}
    sender = threading.Thread(target=near.send, args=(message,))
    sender.start()
    assert far.receive() == message
    sender.join()


def test_line_receive_is_none_where_the_other_end_closed(pair: Pair) -> None:
    """The end of a process is not an exception."""
    near, far = pair
    near.close()
    assert far.receive() is None


def test_line_receive_is_none_where_the_other_end_died_in_mid_line() -> None:
    """Half a message is never taken for a whole one."""
    near, far = socket.socketpair()
    line = Line(far)
    near.sendall(b'{"kind": "report", "value": 1')
    near.close()
    assert line.receive() is None
    line.close()


def test_line_send_to_a_closed_end_raises(pair: Pair) -> None:
    """Who sends learns that nobody listens."""
    near, far = pair
    far.close()
    with pytest.raises(OSError):
        near.send({"kind": "begin"})


def test_line_close_from_another_thread_wakes_the_reader(pair: Pair) -> None:
    """A supervisor that closes its line never waits for itself."""
    near, far = pair
    got: list[object] = ["waiting"]
    reader = threading.Thread(target=lambda: got.append(near.receive()))
    reader.start()
    far.close()
    reader.join(timeout=5)
    assert got == ["waiting", None]


def test_best_to_json_is_read_back_equal() -> None:
    """None stays None; a checkpoint keeps every field."""
    best = BestCheckpoint("a.keras", 0.5, 3, "ab")
    assert best_from_json(best_to_json(best)) == best
    both = replace(best, kept=(BestCheckpoint("b.keras", 0.4, 2, "cd"),))
    assert best_from_json(json.loads(json.dumps(best_to_json(both)))) == both
    assert best_to_json(best) == {
        "file": "a.keras",
        "value": 0.5,
        "epoch": 3,
        "sha256": "ab",
        "repeat": 1,
        "others": {},
        "batch": None,
        "monitor": None,
        "monitored": None,
        "kept": (),
    }
    assert best_from_json(best_to_json(None)) is None
