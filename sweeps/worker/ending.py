"""Waiting for threads that end."""

from __future__ import annotations

import threading

LONGEST_END_SECONDS = 5.0


def wait_for_thread(thread: threading.Thread) -> None:
    """Wait for a thread that is about to end; not for ever, and not for one that never began.

    A signal that raises in the main thread inside `threading` itself can leave a lock taken, of an
    event or of the start of a thread, and who waits for it never ends. Such threads are daemons.
    """
    if thread.is_alive():
        thread.join(LONGEST_END_SECONDS)
