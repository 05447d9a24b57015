"""The attempts of a trial: which one is on, how earlier ones ended, whether there is another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sweeps.causes import Cause
from sweeps.durable import read_json
from sweeps.paths import TrialPaths
from sweeps.search.trials import Extension
from sweeps.spec.model import SweepSpec
from sweeps.training.channel import TrialEnd


@dataclass
class Assignment:
    """One attempt of a trial, and what its process has told so far.

    Attributes:
        number: The trial.
        attempt: 1 for its first life.
        values: Parameter values that are known already.
        extends: Which trial it continues; None where it began by itself.
        earlier: How earlier attempts ended, as far as somebody saw it: number, cause and reason.
        resume_reasons: Why continuing an earlier attempt is approximate; None where nothing was
            continued.
        has_begun: The process asked for something: it was alive.
        loop: How its model is trained, and why so where that is `model.fit`; None before that.
        batch: Its batch size, gradient accumulation and why the size is fixed; None before that.
    """

    number: int
    attempt: int
    values: dict[str, Any]
    extends: Extension | None = None
    earlier: Sequence[Mapping[str, Any]] = ()
    resume_reasons: list[str] | None = field(init=False, default=None)
    has_begun: bool = field(init=False, default=False)
    batch: Mapping[str, Any] | None = field(init=False, default=None)
    loop: Mapping[str, Any] | None = field(init=False, default=None)

    @property
    def batch_divisor(self) -> int:
        """By what the batch size is divided: it is halved each time that memory ran out."""
        return int(2 ** self.count_ends(Cause.OUT_OF_MEMORY))

    @property
    def batch_fixed(self) -> str:
        """Why the batch size cannot be halved; empty where it can."""
        return str(self.batch["fixed"]) if self.batch else "memory ran out before it was known"

    def count_ends(self, cause: str) -> int:
        """Count the earlier attempts that ended so."""
        return sum(each["cause"] == cause for each in self.earlier)

    def begin_next(self, end: TrialEnd) -> Assignment:
        """Give the attempt after this one."""
        ended = {"attempt": self.attempt, "cause": end.cause, "reason": end.reason}
        earlier = (*self.earlier, ended)
        return Assignment(self.number, self.attempt + 1, self.values, self.extends, earlier)


def read_earlier(trial: TrialPaths) -> list[Mapping[str, Any]]:
    """Read how the attempts of a trial that has not ended did end."""
    if not trial.outcome.exists():
        return []
    last = read_json(trial.outcome)
    ended = {key: last[key] for key in ("attempt", "cause", "reason")}
    return [*last.get("earlier_attempts", ()), ended]


def may_retry(spec: SweepSpec, assignment: Assignment, end: TrialEnd) -> bool:
    """Tell whether ``limits.retries`` leaves another attempt to a trial that ended so."""
    if end.cause == Cause.OUT_OF_MEMORY and assignment.batch_fixed:
        return False
    return spec.limits.retries.get(end.cause, 0) > assignment.count_ends(end.cause)


def judge(spec: SweepSpec, assignment: Assignment, end: TrialEnd, stopping: str) -> TrialEnd:
    """Decide what it means for a trial that this attempt was its last one for now.

    Args:
        spec: What the user asked for.
        assignment: The attempt.
        end: How it ended.
        stopping: Why the sweep stops; empty where it does not.
    """
    if may_retry(spec, assignment, end):  # by resume, since the sweep stops
        return replace(end, state="interrupted")
    if end.cause == Cause.OUT_OF_MEMORY:
        return _judge_memory(assignment, end)
    if end.cause == Cause.LOST and assignment.has_begun and not stopping:
        num_lost = assignment.count_ends(Cause.LOST) + 1
        reason = f"{end.reason.rstrip('.')}, in {num_lost} attempts of this trial."
        return replace(end, state="failed", reason=reason)
    if end.state == "interrupted" and not end.cause:
        cause, what = Cause.STOPPED, f"the sweep was asked to stop ({stopping})."
        return replace(end, cause=cause, reason=cause.explain(what))
    return end


def _judge_memory(assignment: Assignment, end: TrialEnd) -> TrialEnd:
    """A trial is infeasible where a smaller batch did not help; else it has just failed."""
    divisor = assignment.batch_divisor
    if divisor > 1:
        told = f"{end.reason} Its batch size had been divided by {divisor} already."
        return replace(end, state="pruned", reason=told)
    if assignment.batch_fixed:
        return replace(
            end, reason=f"{end.reason} Its batch was not halved: {assignment.batch_fixed}."
        )
    return end
