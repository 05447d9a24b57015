"""The engine for one machine: what a task may take of time and memory."""

from __future__ import annotations

import re
import signal
import socket
import threading
import time
from typing import Any

import pytest

from sweeps.causes import Cause
from sweeps.engines.inline import InlineEngine
from sweeps.engines.local import LocalEngine, _Clock, _converse
from sweeps.spec.model import Objective, SweepSpec, spec_to_json
from sweeps.worker import memory
from sweeps.worker.fork_server import Child
from sweeps.worker.messages import Line
from sweeps.worker.outcomes import Death
from tests.conftest import FAKES

INSPECT = {"task": "inspect_data", "threads": 1}


def test_time_limit_leaves_out_what_the_driver_takes_to_answer() -> None:
    """A trial whose report waits for disk space has not used its own time, nor been silent."""
    ours, theirs = (Line(end) for end in socket.socketpair())
    child = Child(None)  # type: ignore[arg-type]
    child.end(None)

    def perform() -> None:
        theirs.send({"kind": "report"})
        theirs.receive()
        time.sleep(0.1)  # it still has something to do
        theirs.send({"kind": "end"})

    def answer(message: Any) -> dict[str, Any]:
        time.sleep(1.2)
        return {}

    task = threading.Thread(target=perform)
    task.start()
    ended = _converse(ours, child, answer, _Clock(1.0, 0.5))
    ours.close()
    task.join()
    theirs.close()
    assert ended == {"kind": "end"}


def test_clock_takes_the_time_that_is_up_first() -> None:
    """A silence that lasts is no progress, the end of all time is a timeout."""
    assert _Clock().seconds_left == float("inf")
    assert _Clock(None, 0.0).explain(-9).cause == Cause.NO_PROGRESS
    assert _Clock(0.0, None).explain(-9).cause == Cause.TIMEOUT
    assert 8 < _Clock(9.0, 60.0).seconds_left <= 9
    assert 8 < _Clock(60.0, 9.0).seconds_left <= 9
    unwanted = _Clock(9.0, 9.0, lambda: False)
    assert unwanted.seconds_left == 0
    assert unwanted.explain(-9).reason == "it was no longer wanted, and was killed."


def test_message_that_came_in_time_is_read_after_it() -> None:
    """A driver that was suspended does not blame the trial for the time it slept."""
    ours, theirs = (Line(end) for end in socket.socketpair())
    child = Child(None)  # type: ignore[arg-type]
    child.end(None)
    clock = _Clock(None, 0.01)
    theirs.send({"kind": "end"})
    time.sleep(0.1)
    assert _converse(ours, child, lambda _: {}, clock) == {"kind": "end"}
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("data", "limits", "cause", "reason"),
    [
        ("hang", {"stall_seconds": 0.3}, Cause.NO_PROGRESS, "nothing was heard of it for 0.3 s"),
        ("hang", {"timeout_seconds": 0.3, "stall_seconds": 9.0}, Cause.TIMEOUT, ""),
        ("allocate", {"memory_bytes": 10**9}, Cause.OUT_OF_MEMORY, "resources.memory is 1 GB."),
        ("allocate_in_child", {"memory_bytes": 10**9}, Cause.OUT_OF_MEMORY, "memory is 1 GB."),
    ],
)
def test_task_beyond_its_limit_is_killed_with_its_cause(
    local_engine: LocalEngine, data: str, limits: dict[str, Any], cause: Cause, reason: str
) -> None:
    """What hangs or fills 10 GB, in a process of its own too, ends there, long before 10 GB."""
    ended = local_engine.run_task(INSPECT, lambda _: {"spec": make_spec(data)}, **limits)
    assert isinstance(ended, Death)
    assert ended.cause == cause
    assert ended.status in (-signal.SIGKILL, -signal.SIGUSR2), "asked for its stacks very early"
    assert reason in ended.reason
    if held := re.search(r"held ([0-9.]+) GB", ended.reason):
        assert 1 <= float(held[1]) < 8


def test_task_is_killed_before_the_machine_has_no_memory_left(
    local_engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a limit of its own the largest trial goes; what is left is played here."""
    monkeypatch.setattr(memory, "read_room", lambda: memory.Room(400 << 20, 16 << 30))
    ended = local_engine.run_task(INSPECT, lambda _: {"spec": make_spec("hang")})
    assert isinstance(ended, Death)
    assert ended.cause == Cause.OUT_OF_MEMORY
    assert ended.reason.endswith("when the machine had only 419 MB left of 17.2 GB.")


def make_spec(data: str) -> dict[str, Any]:
    """Make the record of a sweep whose data is made by `data` of the greedy model."""
    target = f"{FAKES / 'greedy_model.py'}:"
    objective = Objective(metric="loss", direction="minimize")
    spec = SweepSpec(name="n", model=f"{target}build", data=target + data, objective=objective)
    return spec_to_json(spec)


def test_task_that_nobody_wants_ends_before_its_process_is_there(
    local_engine: LocalEngine,
) -> None:
    """It is given up at once, also where the server has not told yet which process it is."""
    ended = local_engine.run_task(
        {"task": "inspect", "threads": 1}, lambda _: {}, is_wanted=lambda: False
    )
    assert isinstance(ended, Death)
    assert ended.reason == "it was no longer wanted, and was killed."


@pytest.mark.parametrize("kind", [LocalEngine, InlineEngine])
def test_begin_gives_what_a_job_gives_or_raises(kind: type, local_engine: LocalEngine) -> None:
    """Beside the caller or before it, nothing of a job is lost."""
    engine = local_engine if kind is LocalEngine else InlineEngine()
    assert engine.begin(lambda: 3)() == 3

    def fail() -> None:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        engine.begin(fail)()
