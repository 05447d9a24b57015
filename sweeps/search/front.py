"""What is best where there are several objectives: the Pareto front, and the one that leads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from sweeps.causes import Cause
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import Objective

Rule = Literal["primary", "knee"]
Losses = tuple[float, ...]


def find_front(
    records: Iterable[TrialRecord], objectives: Sequence[Objective]
) -> tuple[TrialRecord, ...]:
    """Find the complete trials that no other one beats: the Pareto front.

    A trial beats another one where it is at least as good in every objective and better in one. Of
    trials with the same values the first number stays. One objective has a front of one trial.

    Returns:
        The trials in the order of their numbers.
    """
    pairs = [(find_losses(record, objectives), record) for record in records]
    known = [(losses, record) for losses, record in pairs if losses is not None]
    front: list[tuple[Losses, TrialRecord]] = []
    # In this order nothing that comes later beats what came before.
    for losses, record in sorted(known, key=lambda pair: (pair[0], pair[1].number)):
        if not any(_covers(kept, losses) for kept, _ in front):
            front.append((losses, record))
    return tuple(sorted((record for _, record in front), key=lambda record: record.number))


def find_leader(
    records: Iterable[TrialRecord], objectives: Sequence[Objective], choose: Rule = "primary"
) -> TrialRecord | None:
    """Choose the trial of the front that leads, and is exported.

    Args:
        records: All trials.
        objectives: The primary one first.
        choose: ``primary``: the best value of the primary objective. ``knee``: the point of the
            front closest to the best value of every objective at once, each objective scaled to
            the front's own range; of equally close ones the better by the primary objective.
    """
    front = [(find_losses(item, objectives), item) for item in find_front(records, objectives)]
    points = [(losses, item) for losses, item in front if losses is not None]
    distances = {item.number: 0.0 for _, item in points}
    if choose == "knee" and points:
        scaled = _scale([losses for losses, _ in points])
        distances = {item.number: d for (_, item), d in zip(points, scaled, strict=True)}
    ranked = [(distances[item.number], losses, item.number, item) for losses, item in points]
    return min(ranked, default=(0.0, (), 0, None))[-1]


def find_leading(
    records: Iterable[TrialRecord], objectives: Sequence[Objective], choose: Rule = "primary"
) -> frozenset[int]:
    """Give the numbers of the trials that lead, or may lead when others have ended.

    By ``primary`` that is the leader: one that is beaten stays so. The knee moves with the range of
    the front, so that each trial of the front may become it.
    """
    if choose == "knee":
        return frozenset(record.number for record in find_front(records, objectives))
    leader = find_leader(records, objectives, choose)
    return frozenset() if leader is None else frozenset([leader.number])


def find_losses(record: TrialRecord, objectives: Sequence[Objective]) -> Losses | None:
    """Give a complete trial's values so that smaller is better; None where one is missing.

    Nor has a trial any that was told another one's result again: the model is that one's.
    """
    values = [record.value, *(record.values.get(further.metric) for further in objectives[1:])]
    if record.state != "complete" or record.cause == Cause.DUPLICATE:
        return None
    signs = [1.0 if objective.direction == "minimize" else -1.0 for objective in objectives]
    losses = [sign * value for sign, value in zip(signs, values, strict=True) if value is not None]
    is_known = len(losses) == len(objectives) and all(map(math.isfinite, losses))
    return tuple(losses) if is_known else None


def _covers(one: Losses, other: Losses) -> bool:
    """Tell whether `one` is at least as good everywhere."""
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _scale(points: Sequence[Losses]) -> list[float]:
    """Measure each point's distance to the ideal one, in units of each objective's range."""
    lows = [min(losses) for losses in zip(*points, strict=True)]
    ranges = [max(losses) - min(losses) or 1.0 for losses in zip(*points, strict=True)]
    return [
        math.hypot(
            *((loss - low) / span for loss, low, span in zip(point, lows, ranges, strict=True))
        )
        for point in points
    ]
