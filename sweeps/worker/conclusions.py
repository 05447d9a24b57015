"""What becomes of a trial that has ended: told to the study, written down, its files let go."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from sweeps.causes import Cause, is_infeasible
from sweeps.checkpoints.store import BestStore
from sweeps.durable import make_dir, write_json
from sweeps.paths import SweepPaths
from sweeps.search.study import Study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.model import SweepSpec
from sweeps.training.channel import TrialEnd
from sweeps.worker.attempts import Assignment
from sweeps.worker.disk import Collector
from sweeps.worker.disk_space import DiskSpace
from sweeps.worker.events import Observer, TrialEnded

SCHEMA = 1
BATCH_KEYS = ("batch_size", "gradient_accumulation_steps")
LOOP_KEYS = ("loop", "loop_reason")


@dataclass
class Conclusions:
    """Tells the study how trials have ended, then who watches, and keeps the disk bounded.

    Safe to call from several threads, each about another trial. Where the process dies after the
    study was told, ``outcome.json`` is missing and the files that the trial does not need any more
    are deleted when the sweep goes on.

    Attributes:
        study: The only truth about states and values.
        paths: The sweep's folder.
        spec: What the user asked for.
        space: Waits where the disk is full.
        observe: Told how trials have ended.
        accepted_changes: Changes since the sweep began that the user has accepted so far.
    """

    study: Study
    paths: SweepPaths
    spec: SweepSpec
    space: DiskSpace
    observe: Observer
    accepted_changes: Sequence[str] = ()
    _concluding: threading.Lock = field(init=False, default_factory=threading.Lock)
    _collector: Collector = field(init=False)

    def __post_init__(self) -> None:
        self._collector = Collector(self.paths, self.spec, self.study)

    def conclude(self, assignment: Assignment, end: TrialEnd) -> TrialEnded:
        """Take the end of a trial, or, of one that is interrupted, of its last attempt for now.

        One at a time: others may delete what a trial keeps once it has ended, and reports of the
        trials that run are not to wait for many threads at once.
        """
        with self._concluding:
            return self._conclude(assignment, end)

    def _conclude(self, assignment: Assignment, end: TrialEnd) -> TrialEnded:
        if end.same_as is not None:
            return self._conclude_duplicate(assignment, end.same_as)
        if is_infeasible(end.state, end.cause):
            return self._conclude_infeasible(assignment, end)
        outcome = self._decide(assignment, end)
        if end.state == "interrupted":
            return self._record(assignment, end, outcome, "interrupted")
        return self._tell(assignment, end, outcome)

    def note_attempt(self, assignment: Assignment, end: TrialEnd) -> None:
        """Write down the end of an attempt after which the trial goes on at once."""
        self._write_outcome(assignment, end, _describe_attempt(assignment, end), "interrupted")

    def _conclude_duplicate(self, assignment: Assignment, number: int) -> TrialEnded:
        """Tell the result of an earlier trial with the same parameters again."""
        earlier = self.study.trial(number)
        outcome = TrialOutcome(
            earlier.state,  # type: ignore[arg-type]
            earlier.value,
            earlier.best_epoch,
            attempt=assignment.attempt,
            cause=Cause.DUPLICATE,
            reason=f"same parameters as trial {number:04d}, whose result was told again.",
            spread=earlier.spread,
            others=_drop_primary(self.spec, earlier.values),
        )
        return self._tell(assignment, TrialEnd("complete", earlier.epoch), outcome)

    def _conclude_infeasible(self, assignment: Assignment, end: TrialEnd) -> TrialEnded:
        """Tell the study that this model is too large, which a sampler may learn from."""
        cause = Cause(end.cause)
        self.study.tell_infeasible(assignment.number, end.violation or 1.0, end.reason, cause=cause)
        self._collector.note_end(assignment.number, "pruned")
        outcome = TrialOutcome("pruned", attempt=assignment.attempt, cause=cause, reason=end.reason)
        return self._record(assignment, end, outcome, outcome.state)

    def _decide(self, assignment: Assignment, end: TrialEnd) -> TrialOutcome:
        """Decide what the study is told: the value is that of the checkpoint that is kept."""
        best = end.best or BestStore(self.paths.trial(assignment.number)).find_best()
        value = end.value if end.value is not None or best is None else best.value
        others = end.others if end.others or best is None else best.others
        end = _require_values(self.spec, end, others)
        return TrialOutcome(
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

    def _tell(self, assignment: Assignment, end: TrialEnd, outcome: TrialOutcome) -> TrialEnded:
        self.study.tell(assignment.number, outcome)
        self._collector.note_end(assignment.number, outcome.state)
        self._collector.collect()
        return self._record(assignment, end, outcome, outcome.state)

    def _record(
        self, assignment: Assignment, end: TrialEnd, outcome: TrialOutcome, state: str
    ) -> TrialEnded:
        """Write down how the attempt ended, and tell who watches."""
        self._write_outcome(assignment, end, outcome, state)
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

    def _write_outcome(
        self, assignment: Assignment, end: TrialEnd, outcome: TrialOutcome, state: str
    ) -> None:
        trial = self.paths.trial(assignment.number)
        record = {
            "schema": SCHEMA,
            "number": assignment.number,
            "epoch": end.epoch,
            **asdict(outcome),
            "state": state,
            "traceback": end.traceback,
            "resume": _describe_resume(assignment.resume_reasons),
            "resume_reason": "; ".join(assignment.resume_reasons or ()) or None,
            "accepted_changes": len(self.accepted_changes),
            "extends": assignment.extends.number if assignment.extends else None,
            "earlier_attempts": assignment.earlier,
            **{key: (assignment.batch or {}).get(key) for key in BATCH_KEYS},
            **{key: (assignment.loop or {}).get(key) for key in LOOP_KEYS},
        }

        def write() -> None:
            make_dir(trial.root)
            write_json(trial.outcome, record)

        self.space.retry(write)


def _describe_attempt(assignment: Assignment, end: TrialEnd) -> TrialOutcome:
    """Describe an attempt after which the trial goes on."""
    return TrialOutcome("failed", attempt=assignment.attempt, cause=end.cause, reason=end.reason)


def _describe_resume(reasons: Sequence[str] | None) -> str | None:
    return None if reasons is None else "approximate" if reasons else "exact"


def _require_values(spec: SweepSpec, end: TrialEnd, others: Mapping[str, float]) -> TrialEnd:
    """Let a trial fail that has no value of one of several objectives."""
    missing = [each.metric for each in spec.objectives[1:] if each.metric not in others]
    if end.state != "complete" or not missing:
        return end
    reason = f"the best epoch has no finite value of {', '.join(missing)}."
    cause = Cause.NO_FINITE_VALUE
    return replace(end, state="failed", cause=cause, reason=cause.explain(reason))


def _drop_primary(spec: SweepSpec, values: Mapping[str, float]) -> dict[str, float]:
    return {metric: value for metric, value in values.items() if metric != spec.objective.metric}
