"""Runs one trial after another: ask, train, tell. Every end is a value, never an exception."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import write_json
from sweeps.paths import SweepPaths
from sweeps.search.study import Study
from sweeps.search.trials import ParameterError, SpaceExhaustedError, TrialOutcome, TrialRecord
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import parameter_from_json
from sweeps.training.channel import TrialEnd
from sweeps.worker.events import EpochReported, Notice, Observer, TrialEnded, TrialStarted
from sweeps.worker.limits import Stop
from sweeps.worker.messages import Ask, Message, best_from_json
from sweeps.worker.outcomes import Death, explain_death

SCHEMA = 1


class RunTask(Protocol):
    """How a task is run: `Engine.run_task`."""

    def __call__(
        self, request: Mapping[str, Any], answer: Ask, *, timeout_seconds: float | None = None
    ) -> Message | Death:
        """Run one task and answer its questions until it ends."""


@dataclass(frozen=True)
class _Assignment:
    number: int
    attempt: int
    values: dict[str, Any]


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
        threads: CPU threads of a trial.
        observe: Told what happens.
        interrupted: Trials of an earlier run, continued before a new one is asked for.
    """

    study: Study
    paths: SweepPaths
    spec: SweepSpec
    run_task: RunTask
    stop: Stop
    threads: int
    observe: Observer
    interrupted: Iterable[TrialRecord] = ()
    _left: deque[TrialRecord] = field(init=False)

    def __post_init__(self) -> None:
        self._left = deque(self.interrupted)

    def supervise_next(self) -> TrialEnded | None:
        """Run one trial to its end; None where the sweep stops or nothing is left to try."""
        if self.stop.reason:
            return None
        assignment = self._take()
        if assignment is None:
            return None
        self.study.set_attempt(assignment.number, assignment.attempt)
        self.observe(TrialStarted(assignment.number, assignment.attempt, assignment.values))
        request = {
            "task": "trial",
            "folder": str(self.paths.root),
            "number": assignment.number,
            "threads": self.threads,
        }
        timeout_seconds = self.spec.limits.trial_timeout
        result = self.run_task(request, self._answerer(assignment), timeout_seconds=timeout_seconds)
        if isinstance(result, Death):
            end = explain_death(result, timeout_seconds=timeout_seconds)
        else:
            end = _read_end(result)
        return self._conclude(assignment, end)

    def _take(self) -> _Assignment | None:
        try:
            record = self._left.popleft()
        except IndexError:
            return self._ask()
        asked = self.study.resume(record.number)
        return _Assignment(record.number, record.attempt + 1, dict(asked.values))

    def _ask(self) -> _Assignment | None:
        try:
            asked = self.study.ask()
        except SpaceExhaustedError as error:
            self.observe(Notice(str(error)))
            return None
        return _Assignment(asked.number, 1, dict(asked.values))

    def _answerer(self, assignment: _Assignment) -> Ask:
        answers: dict[str, Callable[[_Assignment, Message], Message]] = {
            "begin": _answer_begin,
            "suggest": self._answer_suggest,
            "values": self._answer_values,
            "report": self._answer_report,
        }
        return lambda message: answers[message["kind"]](assignment, message)

    def _answer_suggest(self, assignment: _Assignment, message: Message) -> Message:
        parameter = parameter_from_json(message["parameter"])
        try:
            return {"value": self.study.suggest(assignment.number, parameter)}
        except (ParameterError, ValueError, TypeError) as error:
            return {"error": str(error)}

    def _answer_values(self, assignment: _Assignment, message: Message) -> Message:
        self.study.record_values(assignment.number, message["values"])
        self.observe(TrialStarted(assignment.number, assignment.attempt, message["values"]))
        return {}

    def _answer_report(self, assignment: _Assignment, message: Message) -> Message:
        number, epoch, value = assignment.number, message["epoch"], message["value"]
        prune = value is not None and self.study.report(number, epoch, value)
        self.observe(EpochReported(number, epoch, value, message["best"]))
        if prune:
            return {"action": "prune"}
        return {"action": "stop" if self.stop.reason else "continue"}

    def _conclude(self, assignment: _Assignment, end: TrialEnd) -> TrialEnded:
        trial = self.paths.trial(assignment.number)
        best = end.best or BestStore(trial).find_best()
        if end.state == "interrupted":
            if end.cause == "lost":
                self.stop.ask(end.reason)
        else:
            self.study.tell(
                assignment.number,
                TrialOutcome(
                    end.state,
                    best.value if best else None,
                    best.epoch if best else None,
                    best.file if best else None,
                    assignment.attempt,
                    end.cause or None,
                    end.reason or None,
                ),
            )
            LatestStore(trial).clear()
        ended = TrialEnded(
            assignment.number,
            end.state,
            best.value if best else None,
            best.epoch if best else None,
            end.cause,
            end.reason,
        )
        trial.root.mkdir(parents=True, exist_ok=True)
        write_json(trial.outcome, _describe_outcome(assignment, end, ended))
        self.observe(ended)
        return ended


def _answer_begin(assignment: _Assignment, message: Message) -> Message:
    del message
    return {"attempt": assignment.attempt, "values": assignment.values}


def _read_end(message: Message) -> TrialEnd:
    fields = {name: value for name, value in message.items() if name != "kind"}
    return TrialEnd(**{**fields, "best": best_from_json(message["best"])})


def _describe_outcome(assignment: _Assignment, end: TrialEnd, ended: TrialEnded) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "number": assignment.number,
        "attempt": assignment.attempt,
        "state": end.state,
        "value": ended.value,
        "best_epoch": ended.epoch,
        "epoch": end.epoch,
        "cause": end.cause,
        "reason": end.reason,
        "traceback": end.traceback,
    }


def clear_finished(paths: SweepPaths, trials: Iterable[TrialRecord]) -> None:
    """Delete the latest checkpoints that a killed driver left with finished trials."""
    for trial in trials:
        if trial.state in ("complete", "pruned", "failed"):
            LatestStore(paths.trial(trial.number)).clear()
