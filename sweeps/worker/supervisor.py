"""Runs one trial after another: ask, train, tell. Every end is a value, never an exception."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.causes import Cause, is_infeasible
from sweeps.checkpoints.store import LatestStore
from sweeps.durable import is_disk_full, read_json, write_json
from sweeps.paths import SweepPaths
from sweeps.search.study import Study
from sweeps.search.trials import (
    ParameterError,
    SpaceExhaustedError,
    StaleAttemptError,
    TrialFinishedError,
    TrialRecord,
)
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import parameter_from_json
from sweeps.training.channel import TrialEnd
from sweeps.worker.attempts import Assignment, judge, may_retry, read_earlier
from sweeps.worker.conclusions import Conclusions
from sweeps.worker.disk_space import DiskSpace
from sweeps.worker.events import EpochReported, Notice, Observer, TrialEnded, TrialStarted
from sweeps.worker.limits import Stop
from sweeps.worker.messages import Ask, Message, best_from_json
from sweeps.worker.outcomes import (
    Death,
    Evidence,
    count_oom_kills,
    explain_death,
    read_log_end,
)
from sweeps.worker.run_task import RunTask, TaskLimits

SCHEMA = 1
STOP_LOOK_SECONDS = 0.2
"""How often who waits for other trials looks whether the sweep stops."""
MAX_INFEASIBLE = 100
"""So many infeasible trials in a row end the sweep: the space hardly holds another kind."""
MAX_OUT_OF_MEMORY = 10
"""As `MAX_INFEASIBLE`, of trials that had no memory: each of them costs time."""


@dataclass
class Supervisor:
    """Takes the next trial, has it trained, and tells the study how it ended.

    Safe to call from several threads: each call of `supervise_next` is about another trial.

    Attributes:
        study: The study; the only truth about states and values.
        paths: The sweep's folder.
        spec: What the user asked for.
        run_task: Runs a task somewhere.
        stop: Whether to stop.
        space: Waits where the disk is full.
        threads: CPU threads of a trial.
        observe: Told what happens.
        interrupted: Trials of an earlier run, continued before a new one is asked for.
        accepted_changes: Changes since the sweep began that the user has accepted so far.
    """

    study: Study
    paths: SweepPaths
    spec: SweepSpec
    run_task: RunTask
    stop: Stop
    space: DiskSpace
    threads: int
    observe: Observer
    interrupted: Iterable[TrialRecord] = ()
    accepted_changes: Sequence[str] = ()
    _conclusions: Conclusions = field(init=False)
    _left: deque[TrialRecord] = field(init=False)
    _turn: threading.Condition = field(init=False, default_factory=threading.Condition)
    _reported: list[EpochReported] = field(init=False, default_factory=list)
    _num_infeasible: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        self._left = deque(self.interrupted)
        self._conclusions = Conclusions(
            self.study, self.paths, self.spec, self.space, self.observe, self.accepted_changes
        )

    def supervise_next(self) -> TrialEnded | None:
        """Run one trial to its end; None where the sweep stops or nothing is left to try.

        A trial whose model is larger than allowed counts for nothing: another one takes its place.
        """
        try:
            return self._supervise_until_feasible()
        except BaseException as error:
            if self.stop.reason and is_disk_full(error):
                return None  # stopped while it was waiting for space; the trial will continue
            # The trial has not ended: who waits for its result would wait for ever.
            self.stop.ask(f"{type(error).__name__}: {error}")
            raise

    def _supervise_until_feasible(self) -> TrialEnded | None:
        while not self.stop.reason:
            assignment = self._take()
            if assignment is None:
                return None
            ended = self._supervise(assignment)
            with self._turn:
                self._turn.notify_all()
            if not is_infeasible(ended.state, ended.cause):
                self._num_infeasible.clear()
                return ended
            self._note_infeasible(ended)
        return None

    def _note_infeasible(self, ended: TrialEnded) -> None:
        self._num_infeasible[ended.cause] += 1
        number = self._num_infeasible[ended.cause]
        if number >= (MAX_INFEASIBLE if ended.cause == Cause.INFEASIBLE else MAX_OUT_OF_MEMORY):
            self.stop.ask(
                f"{number} trials in a row had a model that is too large; the last one: "
                f"{ended.reason.rstrip('.')}"
            )

    def _supervise(self, assignment: Assignment) -> TrialEnded:
        num_full = 0  # attempts in a row that the disk had no space for, and no epoch in between
        while True:
            epoch = self.study.trial(assignment.number).epoch
            end = self._train(assignment)
            if self.study.trial(assignment.number).epoch > epoch:
                num_full = 0
            if not self._goes_on(assignment, end, num_full):
                break
            num_full = num_full + 1 if end.cause == Cause.DISK_FULL else 0
            self._conclusions.note_attempt(assignment, end)
            assignment = assignment.begin_next(end)
        if end.same_as is None:
            end = judge(self.spec, assignment, end, self.stop.reason)
        if end.state == "interrupted" and end.cause == Cause.LOST:
            self.stop.ask(end.reason)
        return self._conclusions.conclude(assignment, end)

    def _goes_on(self, assignment: Assignment, end: TrialEnd, num_full: int) -> bool:
        """Tell whether the trial goes on at once in its next attempt."""
        if end.cause == Cause.DISK_FULL:
            return self._wait_for_space(assignment, end, num_full)
        if not may_retry(self.spec, assignment, end) or self.stop.reason:
            return False
        why = f"{end.cause}: {end.reason.rstrip('.')}."
        text = f"{why} It goes on in attempt {assignment.attempt + 1}."
        self.observe(Notice(f"trial {assignment.number:04d}: {text}"))
        return True

    def _wait_for_space(self, assignment: Assignment, end: TrialEnd, num_failed: int) -> bool:
        """Wait until the trial can write its next state and its next best model."""
        files = self.paths.trial(assignment.number).root.rglob("*")
        largest = max((path.stat().st_size for path in files), default=0)
        return self.space.wait(end.reason, num_failed, least_bytes=2 * largest)

    def _train(self, assignment: Assignment) -> TrialEnd:
        """Train a trial in one attempt."""
        num_changes = len(self.accepted_changes)
        self.study.set_attempt(assignment.number, assignment.attempt, num_changes=num_changes)
        self.observe(TrialStarted(assignment.number, assignment.attempt, assignment.values))
        request = {
            "task": "trial",
            "folder": str(self.paths.root),
            "number": assignment.number,
            "threads": self.threads,
        }
        limits = TaskLimits(
            self.spec.limits.trial_timeout,
            self.spec.limits.stall_timeout,
            self.spec.resources.memory,
        )
        log = self.paths.trial(assignment.number).log
        log_bytes, oom_kills = _measure(log), count_oom_kills()
        result = self.run_task(
            request,
            self._answerer(assignment),
            commit=self._commit,
            limits=limits,
        )
        if isinstance(result, Death):
            evidence = Evidence(read_log_end(log, log_bytes), count_oom_kills() > oom_kills)
            return explain_death(result, timeout_seconds=limits.timeout_seconds, evidence=evidence)
        return _read_end(result)

    def _take(self) -> Assignment | None:
        # One at a time: what an interrupted trial proposes, a new one may have to know.
        with self._turn:
            if not self._left:
                return self._ask() if self._wait_until_ready() else None
            record = self._left.popleft()
            asked = self.study.resume(record.number)
        values = dict(asked.values)
        earlier = read_earlier(self.paths.trial(record.number))
        attempt = record.attempt + 1
        return Assignment(record.number, attempt, values, record.extends, earlier=earlier)

    def _wait_until_ready(self) -> bool:
        """Wait for the trials that the next one is to know of; False where the sweep stops."""
        while not self.stop.reason:
            if self.study.is_ready():
                return True
            self._turn.wait(STOP_LOOK_SECONDS)
        return False

    def _ask(self) -> Assignment | None:
        try:
            asked = self.study.ask()
        except SpaceExhaustedError as error:
            self.observe(Notice(str(error)))
            return None
        return Assignment(asked.number, 1, dict(asked.values))

    def _answerer(self, assignment: Assignment) -> Ask:
        answers: dict[str, Callable[[Assignment, Message], Message]] = {
            "begin": self._answer_begin,
            "resume": _answer_resume,
            "suggest": self._answer_suggest,
            "values": self._answer_values,
            "batch": _answer_batch,
            "loop": _answer_loop,
            "report": self._answer_report,
            "progress": self._answer_progress,
        }

        def answer(message: Message) -> Message:
            number, attempt = assignment.number, message.get("attempt", assignment.attempt)
            try:
                self.study.check_attempt(number, attempt)
                return answers[message["kind"]](assignment, message)
            except (StaleAttemptError, TrialFinishedError) as error:
                self._record_refusal(number, attempt, message, str(error))
                raise  # who runs the task ends it

        return answer

    def _commit(self) -> None:
        """See that reports are on disk before anybody is told of them."""
        reported, self._reported = self._reported, []
        if reported:
            self.study.sync()
        for event in reported:
            self.observe(event)

    def _record_refusal(self, number: int, attempt: int, message: Message, reason: str) -> None:
        """Write down what came too late: it is in no other file, and in no way in the study."""
        path = self.paths.trial(number).refused
        earlier = read_json(path)["refused"] if path.exists() else []
        refused = {**message, "attempt": attempt, "reason": reason}
        record = {"schema": SCHEMA, "refused": [*earlier, refused]}
        self.space.retry(lambda: write_json(path, record))
        self.observe(Notice(reason))

    def _answer_begin(self, assignment: Assignment, message: Message) -> Message:
        del message
        assignment.has_begun = True
        extends = assignment.extends
        return {
            "attempt": assignment.attempt,
            "values": assignment.values,
            "accepted_changes": list(self.accepted_changes),
            "origin": extends.origin if extends else assignment.number,
            "epochs": extends.epochs if extends else None,
            "batch_divisor": assignment.batch_divisor,
        }

    def _answer_suggest(self, assignment: Assignment, message: Message) -> Message:
        parameter = parameter_from_json(message["parameter"])
        try:
            return {"value": self.study.suggest(assignment.number, parameter)}
        except (ParameterError, ValueError, TypeError) as error:
            return {"error": str(error)}

    def _answer_values(self, assignment: Assignment, message: Message) -> Message:
        self.study.record_values(assignment.number, message["values"])
        self.observe(TrialStarted(assignment.number, assignment.attempt, message["values"]))
        return {"same_as": self._find_same(assignment, message["values"])}

    def _find_same(self, assignment: Assignment, values: Mapping[str, Any]) -> int | None:
        """Find a finished trial with these parameters, unless repeats of them were asked for."""
        has_begun = LatestStore(self.paths.trial(assignment.number)).find() is not None
        if has_begun or assignment.extends or self.spec.repeats > 1:
            return None
        return self.study.find_duplicate(assignment.number, values)

    def _answer_progress(self, assignment: Assignment, message: Message) -> Message:
        """Stop a trial in mid-epoch only where there is no time to wait for its end."""
        del assignment, message
        return {"action": "stop" if self.stop.is_urgent else "continue"}

    def _answer_report(self, assignment: Assignment, message: Message) -> Message:
        number, epoch, value = assignment.number, message["epoch"], message["value"]
        attempt = message.get("attempt", assignment.attempt)
        prune = value is not None and self.study.report(number, epoch, value, attempt=attempt)
        self._reported.append(EpochReported(number, epoch, value, message["best"]))
        if prune:
            return {"action": "prune"}
        return {"action": "stop" if self.stop.reason else "continue"}


def _answer_resume(assignment: Assignment, message: Message) -> Message:
    assignment.resume_reasons = message["reasons"]
    return {}


def _answer_batch(assignment: Assignment, message: Message) -> Message:
    assignment.batch = message
    return {}


def _answer_loop(assignment: Assignment, message: Message) -> Message:
    assignment.loop = message
    return {}


def _measure(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read_end(message: Message) -> TrialEnd:
    fields = {name: value for name, value in message.items() if name not in ("kind", "attempt")}
    return TrialEnd(**{**fields, "best": best_from_json(message["best"])})
