"""The engine for one machine: what a task may take of time and memory."""

from __future__ import annotations

import itertools
import re
import signal
import time
from typing import Any

import pytest

from sweeps.causes import Cause
from sweeps.engines.inline import InlineEngine
from sweeps.engines.local import LocalEngine
from sweeps.spec.model import Objective, SweepSpec, spec_to_json
from sweeps.worker import memory
from sweeps.worker.outcomes import Death
from sweeps.worker.run_task import TaskLimits
from tests.conftest import FAKES

GIGABYTE = TaskLimits(memory_bytes=10**9)
INSPECT = {"task": "inspect_data", "threads": 1}


@pytest.mark.parametrize(
    ("data", "limits", "cause", "reason"),
    [
        (
            "hang",
            TaskLimits(None, 0.3),
            Cause.NO_PROGRESS,
            "nothing was heard of it for 0.3 s",
        ),
        ("hang", TaskLimits(0.3, 9.0), Cause.TIMEOUT, ""),
        (
            "allocate",
            GIGABYTE,
            Cause.OUT_OF_MEMORY,
            "resources.memory is 1 GB.",
        ),
        (
            "allocate_in_child",
            GIGABYTE,
            Cause.OUT_OF_MEMORY,
            "memory is 1 GB.",
        ),
    ],
)
def test_task_beyond_its_limit_is_killed_with_its_cause(
    local_engine: LocalEngine, data: str, limits: TaskLimits, cause: Cause, reason: str
) -> None:
    """What hangs or fills 10 GB, in a process of its own too, ends there, long before 10 GB."""
    ended = local_engine.run_task(INSPECT, lambda _: {"spec": make_spec(data)}, limits=limits)
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
    limits = TaskLimits(is_wanted=lambda: False)
    ended = local_engine.run_task({"task": "inspect", "threads": 1}, lambda _: {}, limits=limits)
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


def test_task_after_the_end_of_its_engine_is_lost_and_starts_nothing() -> None:
    """A job in another thread may come to its task when all has been closed."""
    engine = LocalEngine()
    engine.close()
    ended = engine.run_task(INSPECT, lambda _: {})
    assert ended == Death(None, reason="the engine has been closed")


@pytest.mark.parametrize("workers", [1, 2])
def test_call_that_raises_lets_the_others_return_first(
    local_engine: LocalEngine, workers: int
) -> None:
    """Who waits for the results closes what the others still use when the error comes."""
    results: list[int] = []
    calls = itertools.count()

    def call() -> int:
        number = next(calls)
        if number == 0:
            raise ValueError("a mistake")
        time.sleep(0.1)
        results.append(number)
        return number

    with pytest.raises(ValueError, match="a mistake"):
        for _ in local_engine.dispatch(call, 4, workers):
            pass
    assert sorted(results) == [1, 2, 3]
