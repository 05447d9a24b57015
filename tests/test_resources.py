"""What a trial may take of the machine, in a real sweep."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

import sweeps
from sweeps.engines.local import LocalEngine
from sweeps.errors import OptionError
from sweeps.worker import limits
from sweeps.worker.events import Event, Notice, SweepStarted
from sweeps.worker.limits import count_cores
from sweeps.worker.memory import Room
from sweeps.worker.run_task import TaskLimits
from tests.conftest import FAKES, MakeSpace

PARAMETERS = "{fault: [none, memory], kind: wide, units: 8, learning_rate: 0.01}"


def test_trial_that_takes_too_much_ends_alone(
    make_space: MakeSpace, shared_engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 GB cost their own trial; threads, GPUs and limits are as asked for."""
    space = make_space(
        model=f"{FAKES / 'greedy_model.py'}:build",
        parameters=PARAMETERS,
        sampler="grid",
        limits="{trials: 2, workers: 2, stall_timeout: 5m, trial_timeout: 10m, "
        "retries: {out of memory: 0}}",
        resources="{memory: 1GB, threads: 2, gpus: 0}",
    )
    asked: list[dict[str, Any]] = []
    run_task = shared_engine.run_task

    def record(request: Any, answer: Any, **limits: Any) -> Any:
        if request["task"] == "trial":
            asked.append({**request, **limits})
        return run_task(request, answer, **limits)

    monkeypatch.setattr(shared_engine, "run_task", record)
    events: list[Event] = []
    report = sweeps.run(space, results=space.parent / "results", observer=events.append)
    ends = {trial.params["fault"]: trial for trial in report.trials}
    assert ends["none"].state == "complete"
    assert (ends["memory"].state, ends["memory"].cause) == ("failed", "out of memory")
    assert "and resources.memory is 1 GB." in ends["memory"].reason
    log = (report.folder / "trials" / f"{ends['none'].number:04d}" / "log.txt").read_text()
    assert "sees GPUs: ''" in log
    assert "score: 1000" in log
    for request in asked:
        assert (request["threads"], request["device"]) == (2, "")
        assert request["limits"] == TaskLimits(600, 300, 10**9)
    texts = [event.text for event in events if isinstance(event, Notice)]
    is_told = any(text.startswith("2 workers with 2 threads each") for text in texts)
    assert is_told == (count_cores() < 4)
    assert json.loads((report.folder / "spec.json").read_text())["threads"] == 2


def test_trial_is_stalled_by_its_batches_and_not_by_its_epochs(
    make_space: MakeSpace, shared_engine: LocalEngine
) -> None:
    """An epoch may take longer than stall_timeout, of training and of validation; a batch not."""
    space = make_space(
        model=f"{FAKES / 'stalling_model.py'}:build",
        data=f"{FAKES / 'stalling_model.py'}:load",
        parameters="{stalls: [false, true], kind: wide, units: 8, learning_rate: 0.01}",
        sampler="grid",
        limits="{trials: 2, workers: 2, stall_timeout: 8s}",
        training="{epochs: 1, batch_size: 8}",
    )
    report = sweeps.run(space, results=space.parent / "results")
    ends = {trial.params["stalls"]: trial for trial in report.trials}
    going_on = ends[False]
    assert (going_on.state, going_on.epoch) == ("complete", 1)
    assert going_on.started is not None
    assert going_on.finished is not None
    assert going_on.finished - going_on.started > timedelta(seconds=8), "else it shows nothing"
    assert (ends[True].state, ends[True].cause) == ("failed", "no progress")
    assert ends[True].reason.startswith("nothing was heard of it for 8 s, and it was killed")
    assert ends[True].epoch == 0


def test_gpus_that_are_not_there_are_a_mistake(
    make_space: MakeSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found before anything is trained; no folder is left."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    space = make_space(resources="{gpus: 2}")
    results = space.parent / "results"
    with pytest.raises(OptionError, match=r"resources\.gpus: got 2, but 1 GPU is visible"):
        sweeps.run(space, results=results, engine="inline")
    assert not results.exists()


def test_auto_workers_follow_from_memory_and_say_so(
    make_space: MakeSpace, shared_engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two trials might not fit, an epoch is measured; the decision is told and recorded."""
    for module in ("preflight", "sweep", "conductor"):
        monkeypatch.setattr(f"sweeps.{module}.read_room", lambda: Room(300_000, 1_000_000))
    monkeypatch.setattr(limits, "count_cores", lambda: 2)
    tasks: list[str] = []
    run_task = shared_engine.run_task

    def record(request: Any, answer: Any, **limits: Any) -> Any:
        tasks.append(request["task"])
        return run_task(request, answer, **limits)

    monkeypatch.setattr(shared_engine, "run_task", record)
    events: list[Event] = []
    space = make_space(limits="{trials: 2, workers: auto}", training="{epochs: 1}")
    report = sweeps.run(space, results=space.parent / "results", observer=events.append)
    assert "measure" in tasks
    assert [event.workers for event in events if isinstance(event, SweepStarted)] == [1]
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert any(text.startswith("1 at a time and not 2 trials: a trial needs") for text in texts)
    kept = json.loads((report.folder / "spec.json").read_text())
    assert (kept["workers"], kept["threads"]) == (1, 2)
    assert kept["trial_memory"] > 1e6
