"""Tests of `sweeps.worker.ending`, and of who relies on it when a signal came at a bad moment."""

from __future__ import annotations

import threading
import time

import pytest

from sweeps.worker import ending
from sweeps.worker.ending import wait_for_thread
from sweeps.worker.memory import MemoryWatch


def test_thread_that_never_began_is_not_waited_for() -> None:
    """A signal came as it was started. Python itself raises RuntimeError for it."""
    thread = threading.Thread(target=time.sleep, args=(0,))
    wait_for_thread(thread)
    with pytest.raises(RuntimeError):
        thread.join()


def test_thread_that_ends_is_waited_for() -> None:
    """As by `join`, for as long as it takes up to the limit."""
    thread = threading.Thread(target=time.sleep, args=(0.1,))
    thread.start()
    wait_for_thread(thread)
    assert not thread.is_alive()


def test_watch_whose_lock_a_signal_left_taken_is_closed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its thread waits for ever, and who ends the sweep's processes next must not."""
    monkeypatch.setattr(ending, "LONGEST_END_SECONDS", 0.1)
    watch = MemoryWatch()
    watch._thread = threading.Thread(target=watch._watch, daemon=True)
    watch._thread.start()
    watch._changed.acquire()
    watch.close()
    assert watch._thread.is_alive()
    watch._changed.release()
    watch._thread.join(10)
    assert not watch._thread.is_alive()
