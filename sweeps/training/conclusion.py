"""What a training has come to, once it has ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.causes import Cause
from sweeps.spec.model import SweepSpec
from sweeps.training.best_checkpoint import BestCheckpointing
from sweeps.training.channel import TrialEnd
from sweeps.training.repetitions import choose_monitor, find_best_values
from sweeps.training.reporting import Reporting


def conclude(
    spec: SweepSpec,
    reporting: Reporting,
    best: BestCheckpointing,
    values: Mapping[str, float],
    returned: float | None = None,
) -> TrialEnd:
    """Say how one training of a trial has ended.

    Args:
        spec: What the user asked for.
        reporting: Knows whether an answer has ended it.
        best: Knows the kept checkpoint.
        values: What `find_values` found.
        returned: What a HyperModel's own ``fit`` gave as its value; None where it gave none.
    """
    others = dict(values)
    value = others.pop(spec.objective.metric, None)
    if returned is not None and math.isfinite(returned):
        value = returned
    if reporting.state:
        return _conclude_answered(reporting, best, value, others)
    if returned is not None and not math.isfinite(returned):
        reason = Cause.DIVERGED.explain(f"the HyperModel's own fit returned {returned}.")
        return TrialEnd("failed", reporting.epoch, best.best, cause=Cause.DIVERGED, reason=reason)
    if best.best is None or value is None:
        return _conclude_without_value(spec, reporting)
    return TrialEnd("complete", reporting.epoch, best.best, value=value, others=others)


def find_values(
    spec: SweepSpec,
    best: BestCheckpointing,
    history: Sequence[Mapping[str, Any]],
    facts: dict[str, float],
) -> dict[str, float]:
    """Find the values of all objectives at the kept checkpoint of this repetition, by metric."""
    if spec.checkpoint.save_freq == "epoch" or not spec.checkpoint.save_best_only:
        return find_best_values(history, spec.objectives, facts, spec.checkpoint)
    # It was kept in the middle of an epoch, of which the history knows the end only.
    kept = best.best
    return {spec.objective.metric: kept.value, **kept.others} if kept else {}


def _conclude_answered(
    reporting: Reporting, best: BestCheckpointing, value: float | None, others: dict[str, float]
) -> TrialEnd:
    return TrialEnd(
        reporting.state,  # type: ignore[arg-type]
        reporting.epoch,
        best.best,
        value=None if value is None else reporting.repetition.average(value),
        others={} if value is None else reporting.repetition.average_others(others),
        cause=Cause.DIVERGED if reporting.state == "failed" else "",
        reason=reporting.reason,
    )


def _conclude_without_value(spec: SweepSpec, reporting: Reporting) -> TrialEnd:
    """Fail a trial that has no checkpoint; one that was never good enough for it is pruned."""
    threshold = spec.checkpoint.initial_value_threshold
    if threshold is None:
        cause = Cause.NO_FINITE_VALUE
        reason = cause.explain("no epoch gave a finite value of every objective.")
        return TrialEnd("failed", reporting.epoch, cause=cause, reason=reason)
    metric = choose_monitor(spec.objective, spec.checkpoint).metric
    cause = Cause.THRESHOLD
    reason = cause.explain(
        f"no epoch's {metric} was better than checkpoint.initial_value_threshold ({threshold:g}), "
        "so no checkpoint was kept."
    )
    return TrialEnd("pruned", reporting.epoch, cause=cause, reason=reason)
