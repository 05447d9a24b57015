"""Tests of `sweeps.worker.limits`."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from sweeps.worker.limits import Share, Stop, divide_cores


def test_stop_without_a_reason_goes_on() -> None:
    """Nothing asked, nothing stops."""
    assert Stop().reason == ""
    assert Stop(time.monotonic() + 3600).reason == ""


def test_stop_keeps_the_first_reason() -> None:
    """Ctrl-C during a stop for another reason does not rename it."""
    stop = Stop()
    stop.ask("interrupted")
    stop.ask("failures")
    assert stop.reason == "interrupted"


def test_stop_is_urgent_after_sigterm_and_after_ctrl_c_where_an_epoch_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person waits for a few seconds, a machine that is taken away for none."""
    stop = Stop()
    assert not stop.is_urgent
    stop.ask("interrupted")
    assert not stop.is_urgent
    monkeypatch.setattr("sweeps.worker.limits.DRAIN_SECONDS", 0.0)
    assert stop.is_urgent
    for reason, is_urgent in (("timeout", False), ("terminated", True)):
        other = Stop()
        other.ask(reason)
        assert other.is_urgent == is_urgent


MANY_SIGNALS = """
import signal, time
from sweeps.worker.limits import Stop

stop = Stop()
signal.signal(signal.SIGALRM, lambda *_: stop.ask("terminated", urgent=True))
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
end = time.monotonic() + 1
while time.monotonic() < end:
    stop.wait(0.0)
signal.setitimer(signal.ITIMER_REAL, 0)
print(stop.reason)
"""


def test_signal_may_come_at_any_moment_of_a_wait() -> None:
    """Its handler runs in the thread that waits, and must not wait for what that one holds."""
    command = [sys.executable, "-c", MANY_SIGNALS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "terminated\n"


def test_stop_wait_ends_with_a_reason_or_the_time() -> None:
    """Another thread may ask, and the sweep's own time limit counts."""
    stop = Stop()
    assert not stop.wait(0.01)
    threading.Timer(0.1, stop.ask, ["failures"]).start()
    assert stop.wait(60)
    assert Stop(time.monotonic() + 0.1).wait(60)


def test_stop_past_its_deadline_is_a_timeout() -> None:
    """Time up is a reason of its own, unless there was one before."""
    assert Stop(time.monotonic()).reason == "timeout"
    stop = Stop(time.monotonic())
    stop.ask("interrupted")
    assert stop.reason == "interrupted"


@pytest.mark.parametrize(
    ("workers", "trials", "cores", "share"),
    [
        ("auto", 40, 8, Share(8, 1)),
        ("auto", 3, 8, Share(3, 2)),
        ("auto", 40, 1, Share(1, 1)),
        (2, 40, 8, Share(2, 4)),
        (3, 40, 8, Share(3, 2)),
        (16, 40, 8, Share(16, 1)),
        ("auto", 0, 8, Share(1, 8)),
    ],
)
def test_divide_cores(workers: int | str, trials: int, cores: int, share: Share) -> None:
    """As many workers as cores and trials allow; what is left of the cores becomes threads."""
    assert divide_cores(workers, trials, cores) == share


@pytest.mark.parametrize(
    ("workers", "threads", "gpu_slots", "share"),
    [
        ("auto", 2, None, Share(4, 2)),
        ("auto", 3, None, Share(2, 3)),
        ("auto", 16, None, Share(1, 16)),
        (6, 2, None, Share(6, 2)),
        ("auto", None, 2, Share(2, 4)),
        (6, None, 4, Share(4, 2)),
        (2, None, 4, Share(2, 4)),
    ],
)
def test_divide_cores_with_threads_and_gpus(
    workers: int | str, threads: int | None, gpu_slots: int | None, share: Share
) -> None:
    """More threads than cores only where both are given; never more trials than GPUs take."""
    found = divide_cores(workers, 40, 8, threads=threads, gpu_slots=gpu_slots)
    assert found == share


def test_divide_cores_asks_the_machine() -> None:
    """Without a number it never uses more threads than there are cores."""
    share = divide_cores("auto", 1000)
    assert share.workers >= 1
    assert share.threads == 1
