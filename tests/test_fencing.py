"""Each trial is claimed once, run by one process at a time, and late words are refused."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.engines.local import LocalEngine
from sweeps.paths import SweepPaths
from sweeps.search.study import Study, open_study
from sweeps.search.trials import StaleAttemptError, TrialFinishedError, TrialOutcome
from sweeps.spec.parameters import Parameter
from sweeps.worker.disk_space import DiskSpace
from sweeps.worker.events import EpochReported, Event, Notice, TrialEnded, ignore_events
from sweeps.worker.limits import Stop
from sweeps.worker.messages import Ask, Message
from sweeps.worker.outcomes import Death
from sweeps.worker.process_tree import is_alive
from sweeps.worker.supervisor import Supervisor
from tests import history
from tests.conftest import FAKES, MakeSpace, use_engine
from tests.history import check_history
from tests.search.sample_sweeps import make_spec
from tests.test_kills import find_writers

NUM_TRIALS, NUM_WORKERS = 60, 4
SPEC = make_spec(parameters=(Parameter("x", "float", low=0.0, high=1.0),))


class Recorder:
    """Writes a history: what the study has taken, and what processes did."""

    def __init__(self) -> None:
        self.events: list[history.Event] = []
        self._lock = threading.Lock()

    def note(self, kind: str, number: int, attempt: int = 0, **more: Any) -> None:
        with self._lock:
            self.events.append(history.Event(kind, number, attempt, **more))

    def watch(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        ask, report, tell = study.ask, study.report, study.tell

        def noting_ask() -> Any:
            asked = ask()
            self.note("ask", asked.number)
            return asked

        def noting_report(number: int, epoch: int, value: float, *, attempt: int) -> bool:
            prune = report(number, epoch, value, attempt=attempt)
            self.note("report", number, attempt, epoch=epoch, value=value)
            return prune

        def noting_tell(number: int, outcome: TrialOutcome) -> None:
            tell(number, outcome)
            self.note("tell", number, outcome.attempt or 0, state=outcome.state)

        monkeypatch.setattr(study, "ask", noting_ask)
        monkeypatch.setattr(study, "report", noting_report)
        monkeypatch.setattr(study, "tell", noting_tell)


class Tasks:
    """Plays trial processes: two epochs each, and some are lost on their first attempts."""

    def __init__(self, recorder: Recorder, lost: Callable[[int, int], bool]) -> None:
        self._recorder = recorder
        self._lost = lost

    def run(self, request: Mapping[str, Any], answer: Ask, **limits: Any) -> Message | Death:
        del limits
        number = request["number"]
        attempt = answer({"kind": "begin"})["attempt"]
        self._recorder.note("begin", number, attempt)
        try:
            answer({"kind": "values", "values": {"x": number / 100}, "attempt": attempt})
            for epoch in (1, 2):
                time.sleep(0.001)
                value = 0.5 + number / 1000 + epoch / 10
                message = {"epoch": epoch, "value": value, "best": value, "attempt": attempt}
                answer({"kind": "report", **message})
                if self._lost(number, attempt):
                    return Death(None)
        finally:
            self._recorder.note("end", number, attempt)
        return give_end(value, attempt)


def give_end(value: float, attempt: int) -> Message:
    return {"kind": "end", "state": "complete", "value": value, "best": None, "attempt": attempt}


def make_supervisor(study: Study, paths: SweepPaths, run: Any) -> Supervisor:
    stop = Stop()
    return Supervisor(
        study=study,
        paths=paths,
        spec=SPEC,
        run_task=run,
        stop=stop,
        space=DiskSpace(paths.root, stop, ignore_events),
        threads=1,
        observe=ignore_events,
    )


def test_four_workers_claim_each_of_60_queued_trials_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local_engine: LocalEngine
) -> None:
    """Real study, supervisors and dispatch: nothing claimed twice, lost, or told twice."""
    paths = SweepPaths(tmp_path)
    recorder = Recorder()
    with open_study(paths, SPEC, sweep_id="1") as study:
        for number in range(NUM_TRIALS):
            study.enqueue({"x": number / 100})
        recorder.watch(study, monkeypatch)
        tasks = Tasks(recorder, lambda number, attempt: number % 7 == 1 and attempt == 1)
        supervisor = make_supervisor(study, paths, tasks.run)
        dispatched = local_engine.dispatch(supervisor.supervise_next, NUM_TRIALS, NUM_WORKERS)
        ended = [each.number for each in dispatched if each is not None]
        trials = study.trials()
    assert sorted(ended) == list(range(NUM_TRIALS))
    assert check_history(recorder.events, num_trials=NUM_TRIALS) == []
    assert [trial.state for trial in trials] == ["complete"] * NUM_TRIALS
    assert [trial.attempt for trial in trials] == [
        2 if number % 7 == 1 else 1 for number in range(NUM_TRIALS)
    ]


GOOD = [
    history.Event("ask", 0),
    history.Event("begin", 0, 1),
    history.Event("report", 0, 1, epoch=1, value=0.5),
    history.Event("end", 0, 1),
    history.Event("begin", 0, 2),
    history.Event("refused", 0, 1),
    history.Event("report", 0, 2, epoch=1, value=0.5),
    history.Event("report", 0, 2, epoch=2, value=0.6),
    history.Event("end", 0, 2),
    history.Event("tell", 0, 2, state="complete"),
]


@pytest.mark.parametrize(
    ("drop", "add", "problem"),
    [
        (None, (1, history.Event("ask", 0)), "trial 0: claimed 2 times"),
        (0, None, "trial 0 has no ask"),
        (9, None, "trial 0 has no tell"),
        (3, None, "attempt 2 began while attempt 1 was alive"),
        (8, None, "told as complete while attempt 2 was alive"),
        (4, (4, history.Event("begin", 0, 1)), "attempt 1 began after attempt 1"),
        (6, (6, history.Event("report", 0, 1, epoch=1, value=0.5)), "report of attempt 1 was"),
        (6, (6, history.Event("report", 0, 2, epoch=1, value=0.4)), "epoch 1 was 0.5, then 0.4"),
        (2, (2, history.Event("report", 0, 1, epoch=2, value=0.6)), "epoch 2 was reported after"),
        (None, (10, GOOD[9]), "tell of attempt 2 after it was told"),
        (None, (10, history.Event("ask", 1)), "nobody wanted trial 1"),
    ],
)
def test_checker_finds_what_must_not_be(
    drop: int | None, add: tuple[int, history.Event] | None, problem: str
) -> None:
    """Red controls: each rule can be broken, and is then told."""
    assert check_history(GOOD, num_trials=1) == []
    events = [event for index, event in enumerate(GOOD) if index != drop]
    if add:
        events.insert(*add)
    assert any(problem in found for found in check_history(events, num_trials=1))


def test_message_of_an_older_attempt_is_refused_recorded_and_not_merged(tmp_path: Path) -> None:
    """A process that was given up still reports while and after the next one runs."""
    paths = SweepPaths(tmp_path)
    late: list[Ask] = []
    report = {"kind": "report", "epoch": 1, "value": 0.99, "best": 0.99, "attempt": 1}

    def run(request: Mapping[str, Any], answer: Ask, **limits: Any) -> Message | Death:
        attempt = answer({"kind": "begin"})["attempt"]
        late.append(answer)
        if attempt == 1:
            return Death(None)
        with pytest.raises(StaleAttemptError, match="is in attempt 2; what attempt 1 says"):
            late[0](report)
        answer({**report, "value": 0.5, "best": 0.5, "attempt": 2})
        return give_end(0.5, 2)

    with open_study(paths, SPEC, sweep_id="1") as study:
        ended = make_supervisor(study, paths, run).supervise_next()
        with pytest.raises(TrialFinishedError):
            late[0](report)
        with pytest.raises(TrialFinishedError):
            study.tell(0, TrialOutcome("complete", 0.99, attempt=1))
        trial = study.trials()[0]
    assert ended is not None
    assert (trial.value, trial.attempt, dict(trial.reports)) == (0.5, 2, {1: 0.5})
    refused = json.loads(paths.trial(0).refused.read_text())["refused"]
    assert [(each["attempt"], each["kind"], each["value"]) for each in refused] == [
        (1, "report", 0.99)
    ] * 2


def test_attempts_are_begun_once_each(tmp_path: Path) -> None:
    """Who begins an attempt that is older than the newest one is refused, and so is its end."""
    with open_study(SweepPaths(tmp_path), SPEC, sweep_id="1") as study:
        number = study.ask().number
        study.set_attempt(number, 2)
        with pytest.raises(StaleAttemptError):
            study.set_attempt(number, 1)
        with pytest.raises(StaleAttemptError):
            study.report(number, 1, 0.5, attempt=1)
        with pytest.raises(StaleAttemptError):
            study.tell(number, TrialOutcome("complete", 0.5, attempt=1))
        assert study.trials()[0].state == "running"


SLOW = {
    "model": f"{FAKES / 'tiny_model.py'}:build_slow",
    "limits": "{trials: 1, workers: 1}",
    "training": "{epochs: 3, batch_size: 16}",
}


def test_stopped_process_past_its_time_is_gone_before_anything_goes_on(
    make_space: MakeSpace, tmp_path: Path, shared_engine: object
) -> None:
    """SIGSTOP until the time limit, then SIGCONT: there is nobody left who could continue."""
    log = SweepPaths(tmp_path / "tiny").trial(0).log
    stopped: list[int] = []
    alive: list[bool] = []

    def watch(event: Event) -> None:
        if isinstance(event, EpochReported) and event.epoch == 1:
            for pid in find_writers(log):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        if isinstance(event, TrialEnded):
            alive.extend(is_alive(pid) for pid in stopped)

    limits = "{trials: 1, workers: 1, trial_timeout: 5s}"
    report = sweeps.run(make_space(**{**SLOW, "limits": limits}), results=tmp_path, observer=watch)
    assert (report.trials[0].state, report.trials[0].cause) == ("failed", "timeout")
    assert len(stopped) == 1
    assert alive == [False]
    with pytest.raises(ProcessLookupError):
        os.kill(stopped[0], signal.SIGCONT)


def test_stopped_process_that_was_given_up_is_refused_when_it_continues(
    make_space: MakeSpace,
    tmp_path: Path,
    local_engine: LocalEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An engine that loses sight of a process without killing it, as over a network."""
    whole = run_with(local_engine, make_space(**SLOW), tmp_path / "whole", monkeypatch)
    engine = ForgetfulEngine(local_engine, SweepPaths(tmp_path / "cut/tiny").trial(0).log)
    notices: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    report = run_with(engine, make_space(**SLOW), tmp_path / "cut", monkeypatch, watch)
    engine.forgotten.join(20)
    assert report.trials[0].attempt == 2
    assert report.to_rows() == whole.to_rows()
    assert engine.refused == ["TrialFinishedError"]
    assert not is_alive(engine.pid)
    assert any("this late result is not taken" in text for text in notices)
    refused = json.loads(SweepPaths(report.folder).trial(0).refused.read_text())["refused"]
    assert [each["attempt"] for each in refused] == [1]


@pytest.mark.usefixtures("shared_engine")
def test_error_of_one_worker_lets_the_other_trials_end_as_after_a_signal(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A watcher that raises costs no epoch of another trial, and resume goes on."""
    space = make_space(**{**SLOW, "limits": "{trials: 2, workers: 2}", "pruner": "none"})
    whole = sweeps.run(space, results=tmp_path / "whole")

    def fail(event: Event) -> None:
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (0, 2):
            raise RuntimeError("the watcher's own bug")

    with pytest.raises(RuntimeError, match="own bug"):
        sweeps.run(space, results=tmp_path / "cut", observer=fail)
    paths = SweepPaths(tmp_path / "cut" / "tiny")
    outcome = json.loads(paths.trial(1).outcome.read_text())
    assert (outcome["state"], outcome["cause"]) != ("interrupted", "lost")
    assert sweeps.resume(paths.root).to_rows() == whole.to_rows()


def run_with(
    engine: object,
    space: Path,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
    observer: Any = ignore_events,
    **options: Any,
) -> sweeps.SweepReport:
    """Run a sweep with an engine of ours."""
    use_engine(monkeypatch, engine)
    return sweeps.run(space, results=results, observer=observer, **options)


class ForgetfulEngine:
    """Stops the first trial's process after its first epoch, calls it lost, and lets it go on.

    It continues once the trial has ended in its second attempt.
    """

    def __init__(self, engine: LocalEngine, log: Path) -> None:
        self._engine = engine
        self._log = log
        self._given_up = threading.Event()
        self._over = threading.Event()
        self.pid = 0
        self.refused: list[str] = []
        self.forgotten = threading.Thread()
        self.dispatch = engine.dispatch

    def hold_data(self, target: str, seed: int) -> None:
        """Leave that to the real one."""
        self._engine.hold_data(target, seed)

    def begin(self, job: Callable[[], Any]) -> Callable[[], Any]:
        return self._engine.begin(job)

    def run_task(self, request: Mapping[str, Any], answer: Ask, **limits: Any) -> Message | Death:
        if request["task"] != "trial":
            self._over.set()
            return self._engine.run_task(request, answer, **limits)
        if self.pid:
            ended = self._engine.run_task(request, answer, **limits)
            threading.Timer(0.5, os.kill, (self.pid, signal.SIGCONT)).start()
            return ended
        self.forgotten = threading.Thread(target=self._run, args=(request, answer), daemon=True)
        self.forgotten.start()
        self._given_up.wait()
        return Death(None)

    def _run(self, request: Mapping[str, Any], answer: Ask) -> None:
        def stopping(message: Message) -> Message:
            answered = answer(message)
            if message["kind"] == "report":
                (self.pid,) = find_writers(self._log)
                os.kill(self.pid, signal.SIGSTOP)
                self._given_up.set()
            return answered

        try:
            self._engine.run_task(request, stopping)
        except (StaleAttemptError, TrialFinishedError) as error:
            self.refused.append(type(error).__name__)
