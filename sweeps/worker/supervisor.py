"""Runs one trial after another: ask, train, tell. Every end is a value, never an exception."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import DISK_FULL, write_json
from sweeps.paths import SweepPaths
from sweeps.search.study import Study
from sweeps.search.trials import (
    INFEASIBLE,
    ParameterError,
    SpaceExhaustedError,
    TrialOutcome,
    TrialRecord,
)
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import parameter_from_json
from sweeps.training.channel import TrialEnd
from sweeps.worker.disk import collect_checkpoints
from sweeps.worker.events import EpochReported, Notice, Observer, TrialEnded, TrialStarted
from sweeps.worker.limits import TERMINATED, Stop
from sweeps.worker.messages import Ask, Message, best_from_json
from sweeps.worker.outcomes import Death, explain_death

SCHEMA = 1
STOP_LOOK_SECONDS = 0.2
"""How often who waits for other trials looks whether the sweep stops."""
MAX_INFEASIBLE = 100
"""So many infeasible trials in a row end the sweep: the space hardly holds another kind."""


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
    _turn: threading.Condition = field(init=False, default_factory=threading.Condition)
    _collecting: threading.Lock = field(init=False, default_factory=threading.Lock)
    _num_infeasible: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._left = deque(self.interrupted)

    def supervise_next(self) -> TrialEnded | None:
        """Run one trial to its end; None where the sweep stops or nothing is left to try.

        A trial whose model is larger than allowed counts for nothing: another one takes its place.
        """
        try:
            return self._supervise_until_feasible()
        except BaseException as error:
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
            if ended.cause != INFEASIBLE:
                self._num_infeasible = 0
                return ended
            self._num_infeasible += 1
            if self._num_infeasible >= MAX_INFEASIBLE:
                self.stop.ask(
                    f"{MAX_INFEASIBLE} trials in a row had a model that is too large; the last "
                    f"one: {ended.reason} Raise the limit, or narrow the parameters"
                )
        return None

    def _supervise(self, assignment: _Assignment) -> TrialEnded:
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
        if end.same_as is not None:
            return self._conclude_duplicate(assignment, end.same_as)
        if end.cause == INFEASIBLE:
            return self._conclude_infeasible(assignment, end)
        return self._conclude(assignment, end)

    def _take(self) -> _Assignment | None:
        # One at a time: what an interrupted trial proposes, a new one may have to know.
        with self._turn:
            if not self._left:
                return self._ask() if self._wait_until_ready() else None
            record = self._left.popleft()
            asked = self.study.resume(record.number)
        return _Assignment(record.number, record.attempt + 1, dict(asked.values))

    def _wait_until_ready(self) -> bool:
        """Wait for the trials that the next one is to know of; False where the sweep stops."""
        while not self.stop.reason:
            if self.study.is_ready():
                return True
            self._turn.wait(STOP_LOOK_SECONDS)
        return False

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
            "progress": self._answer_progress,
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
        return {"same_as": self._find_same(assignment, message["values"])}

    def _find_same(self, assignment: _Assignment, values: Mapping[str, Any]) -> int | None:
        """Find a finished trial with these parameters, unless repeats of them were asked for."""
        has_begun = LatestStore(self.paths.trial(assignment.number)).find() is not None
        if has_begun or self.spec.repeats > 1:
            return None
        return self.study.find_duplicate(assignment.number, values)

    def _answer_progress(self, assignment: _Assignment, message: Message) -> Message:
        """Stop a trial in mid-epoch only where there is no time to wait for its end."""
        del assignment, message
        return {"action": "stop" if self.stop.reason == TERMINATED else "continue"}

    def _answer_report(self, assignment: _Assignment, message: Message) -> Message:
        number, epoch, value = assignment.number, message["epoch"], message["value"]
        prune = value is not None and self.study.report(number, epoch, value)
        self.observe(EpochReported(number, epoch, value, message["best"]))
        if prune:
            return {"action": "prune"}
        return {"action": "stop" if self.stop.reason else "continue"}

    def _conclude_duplicate(self, assignment: _Assignment, number: int) -> TrialEnded:
        """Tell the result of an earlier trial with the same parameters again."""
        earlier = self.study.trials()[number]
        outcome = TrialOutcome(
            earlier.state,  # type: ignore[arg-type]
            earlier.value,
            earlier.best_epoch,
            attempt=assignment.attempt,
            cause="duplicate",
            reason=f"same parameters as trial {number:04d}, whose result was told again.",
            spread=earlier.spread,
            others=_drop_primary(self.spec, earlier.values),
        )
        return self._tell(assignment, TrialEnd("complete", earlier.epoch), outcome)

    def _conclude_infeasible(self, assignment: _Assignment, end: TrialEnd) -> TrialEnded:
        """Tell the study that this model is too large, which a sampler may learn from."""
        self.study.tell_infeasible(assignment.number, end.violation or 1.0, end.reason)
        outcome = TrialOutcome("pruned", cause=INFEASIBLE, reason=end.reason)
        return self._record(assignment, end, outcome, outcome.state)

    def _conclude(self, assignment: _Assignment, end: TrialEnd) -> TrialEnded:
        best = end.best or BestStore(self.paths.trial(assignment.number)).find_best()
        value = end.value if end.value is not None or best is None else best.value
        others = end.others if end.others or best is None else best.others
        end = _require_values(self.spec, end, others)
        outcome = TrialOutcome(
            "failed" if end.state == "interrupted" else end.state,
            value,
            best.epoch if best else None,
            best.file if best else None,
            assignment.attempt,
            end.cause or None,
            end.reason or None,
            end.spread,
            others,
        )
        if end.state == "interrupted":
            if end.cause in ("lost", DISK_FULL):
                self.stop.ask(end.reason)
            return self._record(assignment, end, outcome, "interrupted")
        return self._tell(assignment, end, outcome)

    def _tell(self, assignment: _Assignment, end: TrialEnd, outcome: TrialOutcome) -> TrialEnded:
        self.study.tell(assignment.number, outcome)
        LatestStore(self.paths.trial(assignment.number)).clear()
        self._keep_disk_bounded()
        return self._record(assignment, end, outcome, outcome.state)

    def _keep_disk_bounded(self) -> None:
        keep = self.spec.keep
        if keep.best is None and keep.max_disk is None:
            return
        with self._collecting:
            leader = self.study.leader()
            number = leader.number if leader else None
            collect_checkpoints(self.paths, self.spec, self.study.trials(), number)

    def _record(
        self, assignment: _Assignment, end: TrialEnd, outcome: TrialOutcome, state: str
    ) -> TrialEnded:
        """Write down how the attempt ended, and tell who watches."""
        trial = self.paths.trial(assignment.number)
        trial.root.mkdir(parents=True, exist_ok=True)
        record = {
            "schema": SCHEMA,
            "number": assignment.number,
            "epoch": end.epoch,
            **asdict(outcome),
            "state": state,
            "traceback": end.traceback,
        }
        if end.resume:
            record |= {"resume": end.resume, "resume_reason": end.resume_reason or None}
        write_json(trial.outcome, record)
        ended = TrialEnded(
            assignment.number,
            state,
            outcome.value,
            outcome.best_epoch,
            outcome.cause or "",
            outcome.reason or "",
            dict(outcome.others),
        )
        self.observe(ended)
        return ended


def _answer_begin(assignment: _Assignment, message: Message) -> Message:
    del message
    return {"attempt": assignment.attempt, "values": assignment.values}


def _read_end(message: Message) -> TrialEnd:
    fields = {name: value for name, value in message.items() if name != "kind"}
    return TrialEnd(**{**fields, "best": best_from_json(message["best"])})


def _require_values(spec: SweepSpec, end: TrialEnd, others: Mapping[str, float]) -> TrialEnd:
    """Let a trial fail that has no value of one of several objectives."""
    missing = [each.metric for each in spec.objectives[1:] if each.metric not in others]
    if end.state != "complete" or not missing:
        return end
    reason = f"the best epoch has no finite value of {', '.join(missing)}."
    return replace(end, state="failed", cause="no finite value", reason=reason)


def _drop_primary(spec: SweepSpec, values: Mapping[str, float]) -> dict[str, float]:
    return {metric: value for metric, value in values.items() if metric != spec.objective.metric}
