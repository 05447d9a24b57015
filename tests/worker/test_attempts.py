"""Tests of `sweeps.worker.attempts`, and of the supervisor that goes by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sweeps.causes import Cause
from sweeps.paths import SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.search.study import open_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import Limits, Objective, SweepSpec
from sweeps.spec.parameters import Parameter
from sweeps.worker.disk_space import DiskSpace
from sweeps.worker.events import EpochReported, Event, TrialEnded, ignore_events
from sweeps.worker.limits import Stop
from sweeps.worker.messages import Ask, Message, do_nothing
from sweeps.worker.outcomes import Death
from sweeps.worker.supervisor import Supervisor

BATCH = {"kind": "batch", "batch_size": 32, "gradient_accumulation_steps": 1, "fixed": ""}
DONE = {
    "kind": "end", "state": "complete", "epoch": 1, "best": None, "value": 0.5, "spread": None,
    "same_as": None, "violation": None, "cause": "", "reason": "", "traceback": "", "others": {},
}  # fmt: skip
NO_MEMORY = {**DONE, "state": "failed", "value": None, "cause": "out of memory", "reason": "OOM."}
RAISED = {**DONE, "state": "failed", "value": None, "cause": "error", "reason": "no."}

Attempt = Callable[[Ask], Message | Death]


def begin(result: Message | Death, *asked: Message) -> Attempt:
    """Make an attempt that begins, asks, and ends so."""

    def run(ask: Ask) -> Message | Death:
        ask({"kind": "begin"})
        for message in asked:
            ask(message)
        return result

    return run


class Sweep:
    """A sweep of one trial whose attempts do what a script says.

    Attributes:
        begun: What each attempt was told at its beginning.
        commit: What the supervisor wants to be called before answers are sent.
        events: What was observed.
    """

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.paths = SweepPaths(folder)
        self.spec = SweepSpec(
            name="stub",
            model="m.py:build",
            data="m.py:load",
            objective=Objective(metric="val_accuracy", direction="maximize"),
            parameters=(Parameter("units", "int", low=1, high=9),),
            limits=Limits(**limits),
        )
        self.stop = Stop()
        self.begun: list[Message] = []
        self.events: list[Event] = []
        self.commit = do_nothing
        self.trial: TrialRecord | None = None

    def run(self, *attempts: Attempt) -> TrialEnded | None:
        """Train the trial, or continue it, as often as the supervisor asks for."""
        script = iter(attempts)

        def run_task(request: Mapping[str, Any], answer: Ask, **options: Any) -> Message | Death:
            self.commit = options["commit"]
            return next(script)(lambda message: self._note(message, answer))

        with open_study(self.paths, self.spec, sweep_id="a") as study:
            ended = Supervisor(
                study=study,
                paths=self.paths,
                spec=self.spec,
                run_task=run_task,
                stop=self.stop,
                space=DiskSpace(self.paths.root, self.stop, ignore_events),
                threads=1,
                observe=self.events.append,
                interrupted=study.interrupted(),
            ).supervise_next()
            self.trial = study.trials()[0]
        assert not list(script), "the supervisor gave up earlier"
        return ended

    def _note(self, message: Message, answer: Ask) -> Message:
        told = answer(message)
        if message["kind"] == "begin":
            self.begun.append(told)
        return told

    @property
    def outcome(self) -> dict[str, Any]:
        outcome: dict[str, Any] = json.loads(self.paths.trial(0).outcome.read_text())
        return outcome


@pytest.fixture
def make_sweep(tmp_path: Path) -> Callable[..., Sweep]:
    """Make a sweep with these limits."""
    return lambda **limits: Sweep(tmp_path, **limits)


MakeSweep = Callable[..., Sweep]


def test_supervisor_reports_are_on_disk_before_anybody_hears_of_them(
    make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wait for the disk serves all that came together, and there is none for nothing."""
    sweep, sync, told = make_sweep(), JournalBackend.sync, list[Any]()
    monkeypatch.setattr(
        JournalBackend, "sync", lambda backend: (told.append("synced"), sync(backend))
    )
    monkeypatch.setattr(sweep, "events", told)

    def run(ask: Ask) -> Message | Death:
        ask({"kind": "begin"})
        told.clear()
        for epoch in (1, 2):
            ask({"kind": "report", "epoch": epoch, "value": 0.5, "best": 0.5})
        assert told == []
        sweep.commit()
        sweep.commit()
        assert told == ["synced", *(EpochReported(0, epoch, 0.5, 0.5) for epoch in (1, 2))]
        return DONE

    sweep.run(run)


def test_supervisor_lost_process_is_continued_and_no_failure(make_sweep: MakeSweep) -> None:
    """Three losses are borne, each of them recorded."""
    sweep = make_sweep()
    ended = sweep.run(*[begin(Death(None))] * 3, begin(DONE))
    assert ended is not None
    assert (ended.state, sweep.stop.reason) == ("complete", "")
    assert [each["attempt"] for each in sweep.begun] == [1, 2, 3, 4]
    assert [each["cause"] for each in sweep.outcome["earlier_attempts"]] == ["lost"] * 3


def test_supervisor_trial_that_is_lost_again_and_again_ends(make_sweep: MakeSweep) -> None:
    """A trial that takes its server with it each time does not do so for ever."""
    sweep = make_sweep()
    ended = sweep.run(*[begin(Death(None))] * 4)
    assert ended is not None
    assert (ended.state, ended.cause, sweep.stop.reason) == ("failed", "lost", "")
    assert ended.reason == "the process that forks trials died, in 4 attempts of this trial."


def test_supervisor_process_that_never_begins_ends_the_sweep(make_sweep: MakeSweep) -> None:
    """Where nothing can be forked it is not the trial's fault: it waits for a resume."""
    sweep = make_sweep()
    ended = sweep.run(*[lambda ask: Death(None, reason="cannot fork")] * 4)
    assert ended is not None
    assert (ended.state, ended.cause, sweep.stop.reason) == ("interrupted", "lost", "cannot fork")
    assert sweep.trial is not None
    assert sweep.trial.state == "running"


def test_supervisor_retries_are_those_of_the_whole_trial(make_sweep: MakeSweep) -> None:
    """A retry that was used before the driver died is used up after it."""

    def die(ask: Ask) -> Message | Death:
        raise KeyboardInterrupt

    sweep = make_sweep()
    with pytest.raises(KeyboardInterrupt):
        sweep.run(begin(Death(-9)), die)
    sweep.stop = Stop()
    ended = sweep.run(begin(Death(-9)))
    assert ended is not None
    assert (ended.state, ended.cause) == ("failed", "killed")
    assert sweep.outcome["attempt"] == 3
    assert [each["attempt"] for each in sweep.outcome["earlier_attempts"]] == [1]


def test_supervisor_retry_of_a_stopping_sweep_is_left_to_resume(make_sweep: MakeSweep) -> None:
    """No attempt begins once the sweep stops, and the trial has not failed by that."""
    sweep = make_sweep()

    def crash(ask: Ask) -> Message | Death:
        sweep.stop.ask("interrupted")
        return Death(-11)

    ended = sweep.run(crash)
    assert ended is not None
    assert (ended.state, ended.cause) == ("interrupted", "crashed")
    sweep.stop = Stop()
    assert sweep.run(begin(DONE)) is not None
    assert [each["cause"] for each in sweep.outcome["earlier_attempts"]] == ["crashed"]


@pytest.mark.parametrize(
    ("retries", "result", "num_attempts"),
    [({}, RAISED, 1), ({"error": 2}, RAISED, 3), ({"crashed": 0}, Death(-11), 1)],
)
def test_supervisor_goes_by_limits_retries(
    make_sweep: MakeSweep, retries: dict[str, int], result: Message | Death, num_attempts: int
) -> None:
    """What the user says per cause holds; the others keep their default."""
    sweep = make_sweep(retries=retries)
    ended = sweep.run(*[begin(result)] * num_attempts)
    assert ended is not None
    assert (ended.state, len(sweep.begun)) == ("failed", num_attempts)


def test_supervisor_out_of_memory_halves_the_batch_of_what_follows(make_sweep: MakeSweep) -> None:
    """Also where the halved attempt was interrupted, and only where the size is ours."""
    sweep = make_sweep()
    stopped = {**DONE, "state": "interrupted", "value": None}

    def stop(ask: Ask) -> Message | Death:
        sweep.stop.ask("interrupted")
        return begin(stopped, BATCH)(ask)

    ended = sweep.run(begin(NO_MEMORY, BATCH), stop)
    assert ended is not None
    assert (ended.state, ended.cause) == ("interrupted", "stopped")
    sweep.stop = Stop()
    sweep.run(begin(DONE, {**BATCH, "batch_size": 16}))
    assert [each["batch_divisor"] for each in sweep.begun] == [1, 2, 2]
    assert sweep.outcome["batch_size"] == 16


@pytest.mark.parametrize("fixed", ["the HyperModel has its own fit", None])
def test_supervisor_out_of_memory_with_another_batch_size_fails(
    make_sweep: MakeSweep, fixed: str | None
) -> None:
    """What we cannot make smaller is not tried again, and says so."""
    sweep = make_sweep()
    ended = sweep.run(begin(NO_MEMORY, *([{**BATCH, "fixed": fixed}] if fixed else [])))
    assert ended is not None
    assert (ended.state, ended.cause) == ("failed", "out of memory")
    assert f"was not halved: {fixed or 'memory ran out before it was known'}." in ended.reason


def test_supervisor_infeasible_by_memory_is_told_to_the_sampler(make_sweep: MakeSweep) -> None:
    """The second time it is a property of the parameters, and does not count as a trial."""
    sweep = make_sweep()
    with pytest.raises(StopIteration):  # another trial takes its place
        sweep.run(*[begin(NO_MEMORY, BATCH)] * 2)
    with open_study(sweep.paths, sweep.spec, sweep_id="a") as study:
        trial = study.trials()[0]
    assert (trial.state, trial.cause, trial.counts) == ("pruned", Cause.OUT_OF_MEMORY, False)
