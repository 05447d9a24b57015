"""Tests of `sweeps.training.behind`, alone and in a trial."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.paths import TrialPaths
from sweeps.training.behind import Behind
from tests.training.samples import FakeChannel
from tests.training.test_resume import make_spec, read_state, train


def test_behind_does_jobs_in_order_and_settle_waits_for_them() -> None:
    """The thread that hands in a job goes on at once."""
    done: list[int] = []
    may_go = threading.Event()
    with Behind() as behind:
        behind.submit(lambda: (may_go.wait(10), done.append(1))[1])
        behind.submit(lambda: done.append(2))
        assert not behind.is_busy
        behind.start()
        assert behind.is_busy
        assert done == []
        may_go.set()
        behind.settle()
        assert not behind.is_busy
        assert done == [1, 2]


def test_behind_skips_the_jobs_after_one_that_fails_and_settle_raises_it() -> None:
    """What follows, such as telling the study, must not happen for what is not on disk."""
    done: list[int] = []

    def fail() -> None:
        raise OSError(28, "No space left on device")

    behind = Behind()
    behind.submit(fail)
    behind.submit(lambda: done.append(1))
    with pytest.raises(OSError, match="No space left"):
        behind.settle()
    assert done == []
    behind.settle()


@pytest.mark.parametrize("at_once", [True, False])
def test_behind_raises_at_its_end_what_nobody_waited_for(at_once: bool) -> None:
    """Nothing fails in silence."""

    def fail() -> None:
        raise OSError("job")

    with pytest.raises(OSError, match="job"), Behind(at_once=at_once) as behind:
        behind.submit(fail)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Let a latest state take longer than several epochs; lists who commits which epoch."""
    commit = LatestStore.commit
    committed: list[tuple[int, str]] = []

    def commit_slowly(store: LatestStore, epoch: int, *arguments: Any, **options: Any) -> None:
        time.sleep(0.2)
        commit(store, epoch, *arguments, **options)
        committed.append((epoch, threading.current_thread().name.partition("_")[0]))

    monkeypatch.setattr(LatestStore, "commit", commit_slowly)
    return committed


def test_train_trial_reports_an_epoch_when_it_is_durable_and_not_before(
    tmp_path: Path, slow_disk: list[tuple[int, str]]
) -> None:
    """Promise 1: what the study knows is on disk, though the next epoch has begun already."""
    known: list[tuple[int, list[int]]] = []

    class Channel(FakeChannel):
        def report(self, epoch: int, value: float | None, best: float | None) -> Any:
            known.append((epoch, [each for each, _ in slow_disk]))
            return super().report(epoch, value, best)

    assert train(tmp_path, make_spec(), Channel()).state == "complete"
    assert known == [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3, 4])]
    assert {name for _, name in slow_disk} == {"checkpoints"}


@pytest.mark.parametrize(("answer", "state"), [("prune", "pruned"), ("stop", "interrupted")])
def test_train_trial_ends_with_the_epoch_that_the_answer_is_about(
    tmp_path: Path, slow_disk: list[tuple[int, str]], answer: Any, state: str
) -> None:
    """The epoch that was trained meanwhile counts for nothing: neither saved nor reported."""
    channel = FakeChannel({2: answer})
    end = train(tmp_path / "ended", make_spec(), channel)
    assert (end.state, end.epoch) == (state, 2)
    assert [epoch for epoch, _, _ in channel.reports] == [1, 2]
    assert [epoch for epoch, _ in slow_disk] == [1, 2]
    _, history = read_state(tmp_path / "ended")
    assert [row["epoch"] for row in history] == [1, 2]
    assert (tmp_path / "ended" / "history.csv").read_text().count("\n") == 3
    if answer == "stop":
        assert train(tmp_path / "ended", make_spec(), attempt=2).state == "complete"
        train(tmp_path / "whole", make_spec())
        assert read_state(tmp_path / "ended") == read_state(tmp_path / "whole")


def test_train_trial_writes_at_once_where_a_callback_of_the_user_may_change_the_model(
    tmp_path: Path, slow_disk: list[tuple[int, str]]
) -> None:
    """And where `model.fit` trains: the next epoch begins after the last one is on disk."""
    train(tmp_path / "own", make_spec(callbacks="tests.training.spaces:make_counting"))
    train(tmp_path / "fit", make_spec(loop="fit"))
    assert {name for _, name in slow_disk} == {"MainThread"}


def test_train_trial_whose_disk_is_full_behind_reports_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of the thread that writes comes out of the training; the best stays."""

    def refuse(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LatestStore, "commit", refuse)
    channel = FakeChannel()
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path, make_spec(), channel)
    assert channel.reports == []
    best = BestStore(TrialPaths(tmp_path)).find_best()
    assert best is not None
    assert best.epoch == 1


def test_started_jobs_give_the_training_a_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take the interpreter from a thread that is about to compute without it."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    done: list[str] = []
    with Behind() as jobs:
        jobs.submit(lambda: done.append("after an epoch"))
        jobs.start()
        jobs.settle()
        assert seconds[0] > 0
        jobs.submit(lambda: done.append("waited for"))
        jobs.settle()
    assert seconds[1:] == [0.0]
    assert done == ["after an epoch", "waited for"]
