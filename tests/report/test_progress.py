"""Events in, a picture of the running sweep out."""

from __future__ import annotations

from threading import Thread

import pytest

from sweeps.report.progress import Leader, SweepProgress
from sweeps.worker.events import (
    EpochReported,
    Notice,
    Stopping,
    SweepStarted,
    TrialEnded,
    TrialStarted,
)
from tests.report.samples import make_report


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def start(
    *,
    trials: int = 10,
    finished: int = 0,
    direction: str = "maximize",
    timeout_seconds: float | None = None,
) -> SweepStarted:
    return SweepStarted(
        "digits", "results/digits", "val_accuracy", direction, trials, finished, 2, 1, 20,
        timeout_seconds,
    )  # fmt: skip


def test_progress_follows_a_trial_from_start_to_end() -> None:
    """A trial is running with its last and best value, then among those that ended."""
    clock = Clock()
    progress = SweepProgress(clock=clock)
    progress.take(start())
    progress.take(TrialStarted(0, 1, {"units": 8}))
    clock.now = 104.0
    picture = progress.take(EpochReported(0, 2, 0.5, 0.75))
    (trial,) = picture.running
    assert (trial.epoch, trial.value, trial.best, trial.params) == (2, 0.5, 0.75, {"units": 8})
    assert picture.leader == Leader(0, 0.75, is_running=True)
    picture = progress.take(TrialEnded(0, "complete", 0.75, 1))
    assert picture.running == ()
    assert picture.ended[0].seconds == 4.0
    assert picture.leader == Leader(0, 0.75)
    assert (picture.finished, picture.counts) == (1, {"complete": 1})


def test_progress_start_told_again_adds_parameters_only() -> None:
    """Parameters that the model's code asks for are known later than the start."""
    clock = Clock()
    progress = SweepProgress(clock=clock)
    progress.take(TrialStarted(0, 1))
    progress.take(EpochReported(0, 1, 0.5, 0.5))
    clock.now = 109.0
    (trial,) = progress.take(TrialStarted(0, 1, {"units": 8})).running
    assert (trial.began, trial.epoch, trial.params) == (100.0, 1, {"units": 8})
    (trial,) = progress.take(TrialStarted(0, 2)).running
    assert (trial.began, trial.epoch, trial.attempt) == (109.0, 0, 2)


def test_progress_pruned_and_failed_trials_never_lead() -> None:
    """Only a complete trial can be the leader once it has ended."""
    progress = SweepProgress()
    progress.take(start())
    for number, (state, value) in enumerate([("pruned", 0.99), ("failed", None)]):
        progress.take(TrialStarted(number, 1))
        progress.take(TrialEnded(number, state, value, 1))
    picture = progress.take(TrialEnded(2, "complete", float("nan"), 1))
    assert picture.leader is None
    assert picture.finished == 3


def test_progress_interrupted_trial_is_not_finished() -> None:
    """An interrupted trial is continued later, so it does not count."""
    progress = SweepProgress()
    progress.take(start())
    picture = progress.take(TrialEnded(0, "interrupted", 0.5, 1))
    assert (picture.finished, picture.counts) == (0, {})


def test_progress_minimize_prefers_the_smaller() -> None:
    """The leader follows the direction, and a tie keeps the older one."""
    progress = SweepProgress()
    progress.take(start(direction="minimize"))
    for number, value in enumerate([0.5, 0.25, 0.25, 0.75]):
        picture = progress.take(TrialEnded(number, "complete", value, 1))
    assert picture.leader == Leader(1, 0.25)


def test_progress_of_a_resumed_sweep_begins_with_what_was_finished() -> None:
    """Counts and leader of the earlier run are there from the start."""
    progress = SweepProgress(make_report())
    picture = progress.take(start(trials=8, finished=3))
    assert picture.finished == 3
    assert picture.leader == Leader(0, 0.9625)
    assert (picture.counts["complete"], picture.counts["pruned"]) == (1, 1)


def test_progress_estimates_from_this_run_only() -> None:
    """Trials that an earlier run finished took none of this run's time."""
    clock = Clock()
    progress = SweepProgress(clock=clock)
    assert progress.take(start(trials=10, finished=6)).left is None
    clock.now = 110.0
    assert progress.take(TrialEnded(6, "complete", 0.5, 1)).left == 30.0


def test_progress_estimate_is_bounded_by_the_time_limit() -> None:
    """A sweep with a time limit does not last longer than that."""
    clock = Clock()
    progress = SweepProgress(clock=clock)
    progress.take(start(trials=100, timeout_seconds=60))
    clock.now = 110.0
    assert progress.take(TrialEnded(0, "complete", 0.5, 1)).left == 50.0


def test_progress_stopping_has_no_estimate() -> None:
    """Once asked to stop, the end is near but not known."""
    progress = SweepProgress()
    progress.take(start())
    progress.take(Notice("hello"))
    picture = progress.take(Stopping("Ctrl-C"))
    assert (picture.left, picture.stopping, picture.notice) == (None, "Ctrl-C", "hello")


@pytest.mark.parametrize("threads", [8])
def test_progress_takes_events_from_many_threads(threads: int) -> None:
    """No event is lost where several supervisors speak at once."""
    progress = SweepProgress()
    progress.take(start(trials=threads * 50))

    def work(first: int) -> None:
        for number in range(first, first + 50):
            progress.take(TrialStarted(number, 1))
            progress.take(EpochReported(number, 1, 0.5, 0.5))
            progress.take(TrialEnded(number, "complete", 0.5, 1))

    workers = [Thread(target=work, args=(index * 50,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    picture = progress.picture()
    assert (picture.finished, picture.running) == (threads * 50, ())
