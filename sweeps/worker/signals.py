"""Ctrl-C and SIGTERM: drain where trials run, give up at once elsewhere, and end on the second."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from sweeps.errors import TerminatedError
from sweeps.worker.events import Observer, Stopping
from sweeps.worker.limits import INTERRUPTED, TERMINATED, Stop

_REASONS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_STATUS = {signal.SIGINT: 130, signal.SIGTERM: 75}


class Signals:
    """What a signal does to a sweep that this process conducts.

    Args:
        stop: Asked to stop by a signal.
        observe: Told so.
    """

    def __init__(self, stop: Stop, observe: Observer) -> None:
        self._stop = stop
        self._observe = observe
        self._is_draining = False
        self._num_taken = 0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take signals while this lasts. Only a main thread can; others leave them as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        older = {number: signal.signal(number, self._take) for number in _REASONS}
        try:
            yield
        finally:
            for number, handler in older.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def draining(self) -> Iterator[None]:
        """Raise nothing while this lasts: who runs trials looks at `stop`."""
        self._is_draining = True
        try:
            yield
        finally:
            self._is_draining = False

    def _take(self, number: int, frame: Any) -> None:  # noqa: ARG002
        self._num_taken += 1
        if self._num_taken > 1:
            # All that is confirmed is on disk; the children end with this process.
            os._exit(_STATUS[signal.Signals(number)])
        self._stop.ask(_REASONS[signal.Signals(number)], urgent=True)
        if not self._is_draining:
            raise KeyboardInterrupt if number == signal.SIGINT else TerminatedError
        # Not from here: the interrupted code may hold the observer's own lock.
        threading.Thread(target=self._observe, args=(Stopping(self._stop.reason),)).start()


@contextlib.contextmanager
def raising_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the main thread as Ctrl-C does, so that nothing half-made is left.

    Raises:
        TerminatedError: SIGTERM came, and nobody within took it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def take(number: int, frame: Any) -> None:  # noqa: ARG001
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what unwinds is not to be cut short
        raise TerminatedError

    older = signal.signal(signal.SIGTERM, take)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, older)
