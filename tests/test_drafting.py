"""The leader's bundle is made while the last trials run, and is the one that is made afterwards."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import sweeps
import sweeps.bundles.export
from sweeps.bundles.clean_child import ChildError, CleanChild
from sweeps.bundles.proving import make_formats
from sweeps.durable import TEMPORARY_MARK
from sweeps.engines.local import LocalEngine
from sweeps.worker.run_task import TaskLimits
from tests.conftest import MakeSpace

TWO = "{trials: 2, workers: 2}"
GOOD = {"kind": "wide", "units": 32, "learning_rate": 0.1}
BAD = {"kind": "wide", "units": 8, "learning_rate": 0.001}


class Watched:
    """An engine that tells what goes on in it: each task as it begins and as it has ended.

    The second trial begins once an export has ended.
    """

    def __init__(self, engine: LocalEngine, events: list[str]) -> None:
        self._engine = engine
        self._events = events
        self.go = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def run_task(self, request: Mapping[str, Any], answer: Any, **limits: Any) -> Any:
        task = request["task"]
        if task == "trial" and request["number"] == 1:
            assert self.go.wait(60)
        self._events.append(f"{task} begins")
        ended = self._engine.run_task(request, answer, **limits)
        self._events.append(f"{task} ends")
        if task == "export":
            self.go.set()
        return ended


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def watched(
    local_engine: LocalEngine, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> Watched:
    """Let the second trial begin once the leader of the first has been drafted."""
    from tests.conftest import use_engine

    engine = Watched(local_engine, events)
    use_engine(monkeypatch, engine)
    return engine


def test_leader_is_exported_while_the_last_trial_runs(
    make_space: MakeSpace, tmp_path: Path, watched: Watched, events: list[str]
) -> None:
    """The bundle that is there in the end was made before; its manifest knows all trials."""
    report = sweeps.run(
        make_space(limits=TWO, pruner="none"), results=tmp_path, enqueue=[GOOD, BAD]
    )
    assert report.best is not None
    assert report.best.number == 0
    drafted = events.index("export ends")
    assert events.count("export begins") == 1
    assert "trial begins" in events[drafted:]
    assert report.manifest is not None
    assert report.manifest["search"]["trials"] == {"complete": 2}
    sweeps.verify(report.folder)
    assert not list(report.folder.glob(f"{TEMPORARY_MARK}*"))


def test_last_trial_that_is_better_is_exported_instead(
    make_space: MakeSpace, tmp_path: Path, watched: Watched, events: list[str]
) -> None:
    """What was drafted is thrown away where it is not the leader's any more."""
    report = sweeps.run(
        make_space(limits=TWO, pruner="none"), results=tmp_path, enqueue=[BAD, GOOD]
    )
    assert report.best is not None
    assert report.best.number == 1
    assert events.count("export begins") == 2
    assert report.manifest is not None
    assert report.manifest["trial"] == 1
    sweeps.verify(report.folder)
    assert not list(report.folder.glob(f"{TEMPORARY_MARK}*"))


def test_draft_that_fails_is_made_again_in_the_end(
    make_space: MakeSpace, tmp_path: Path, watched: Watched, events: list[str]
) -> None:
    """A process that dies while it drafts costs its time; its disk is free at once."""
    original = watched._engine.run_task
    left: list[Path] = []

    def run_task(request: Mapping[str, Any], answer: Any, **limits: Any) -> Any:
        if request["task"] == "export" and "limits" in limits:
            limits["limits"] = TaskLimits(is_wanted=lambda: False)  # it is killed at once
        ended = original(request, answer, **limits)
        if request.get("number") == 1:
            left.extend((tmp_path / "tiny").glob(f"{TEMPORARY_MARK}*"))
        return ended

    watched._engine = _With(watched._engine, run_task)  # type: ignore[assignment]
    space = make_space(limits=TWO, pruner="none")
    report = sweeps.run(space, results=tmp_path, enqueue=[GOOD, BAD])
    assert events.count("export begins") == 2
    assert left == []
    assert report.manifest is not None
    assert report.manifest["trial"] == 0


def test_draft_without_one_of_its_formats_is_made_again_in_the_end(
    make_space: MakeSpace,
    tmp_path: Path,
    watched: Watched,
    events: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a format failed for may have passed: a full disk, or memory that other trials had."""
    left = ["No space left on device"]

    def make(*arguments: Any) -> dict[str, Any]:
        made = make_formats(*arguments)
        return {**made, "saved_model": {"error": left.pop()}} if left else made

    monkeypatch.setattr(sweeps.bundles.export, "make_formats", make)
    space = make_space(limits=TWO, pruner="none")
    report = sweeps.run(space, results=tmp_path, enqueue=[GOOD, BAD])
    assert left == []
    assert events.count("export begins") == 2
    assert report.manifest is not None
    assert "error" not in report.manifest["formats"]["saved_model"]
    sweeps.verify(report.folder)


class _With:
    """An engine with another `run_task`."""

    def __init__(self, engine: LocalEngine, run_task: Callable[..., Any]) -> None:
        self._engine = engine
        self.run_task = run_task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def test_signal_while_the_leader_is_drafted_ends_at_once_and_resume_exports(
    make_space: MakeSpace, tmp_path: Path, watched: Watched, events: list[str]
) -> None:
    """Who asks to stop does not wait for a model to be converted; nothing half-made stays."""
    original = watched._engine.run_task

    def run_task(request: Mapping[str, Any], answer: Any, **limits: Any) -> Any:
        if request["task"] == "export" and "limits" in limits:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(request, answer, **limits)

    watched._engine = _With(watched._engine, run_task)  # type: ignore[assignment]
    report = sweeps.run(
        make_space(limits=TWO, pruner="none"), results=tmp_path, enqueue=[GOOD, BAD]
    )
    assert report.stopped == "terminated"
    assert report.manifest is None
    assert not list(report.folder.glob(f"{TEMPORARY_MARK}*"))
    report = sweeps.resume(report.folder)
    assert report.stopped == ""
    assert report.manifest is not None
    assert report.manifest["trial"] == 0


def test_clean_process_is_given_up_when_it_is_no_longer_wanted() -> None:
    """A job that goes on in a clean process does not outlast the wish for it."""
    looks = iter([True, True, False])
    child = CleanChild("none", is_wanted=lambda: next(looks, False))
    os.kill(child._process.pid, signal.SIGSTOP)
    with pytest.raises(ChildError, match="no longer wanted"):
        child.ask({"do": "replay"}, timeout_seconds=60)
    child.close()
