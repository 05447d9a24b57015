"""Which trials keep their best checkpoint, so that disk stays bounded. Decides; deletes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.checkpoints.better import Direction


@dataclass(frozen=True)
class StoredTrial:
    """What a trial has on disk.

    Attributes:
        number: The trial.
        state: ``complete``, ``pruned`` or ``failed``; anything else still runs or will go on.
        value: Its value; None where it has none.
        num_bytes: Size of all its checkpoints.
    """

    number: int
    state: str
    value: float | None
    num_bytes: int


def choose_deletions(
    trials: Sequence[StoredTrial],
    *,
    leader: int | None,
    direction: Direction,
    best: int | None = None,
    max_bytes: int | None = None,
) -> list[int]:
    """Choose the trials whose checkpoints go, in the order in which to delete them.

    Failed and pruned trials go first, then complete ones, the worst of each first. The leader stays
    even where it alone is larger than the limit, and so does whatever a trial that has not ended
    needs.

    Args:
        trials: All trials that have something on disk.
        leader: The best trial of the sweep; None where none has completed.
        direction: ``minimize`` or ``maximize``.
        best: How many ended trials keep their checkpoint; None means all.
        max_bytes: What all trials may use together, in bytes; None means no limit.

    Raises:
        ValueError: `best` is below 1 or `max_bytes` is negative.
    """
    if (best is not None and best < 1) or (max_bytes is not None and max_bytes < 0):
        message = f"expected best >= 1 and max_bytes >= 0, got {best!r} and {max_bytes!r}"
        raise ValueError(message)
    ended = [trial for trial in trials if trial.state in _RANKS]
    worst_first = sorted(ended, key=lambda trial: _rank(trial, leader, direction))
    num_bytes = sum(trial.num_bytes for trial in trials)
    chosen: list[int] = []
    for trial in worst_first:
        too_many = best is not None and len(ended) - len(chosen) > best
        too_large = max_bytes is not None and num_bytes > max_bytes
        if trial.number == leader or not (too_many or too_large):
            break
        chosen.append(trial.number)
        num_bytes -= trial.num_bytes
    return chosen


_RANKS = {"failed": 0, "pruned": 1, "complete": 2}


def _rank(
    trial: StoredTrial, leader: int | None, direction: Direction
) -> tuple[bool, int, bool, float, int]:
    """Give a key that sorts what may go first to the front; of equal trials the later one."""
    sign = 1.0 if direction == "maximize" else -1.0
    goodness = sign * (trial.value or 0.0)
    has_value = trial.value is not None
    return (trial.number == leader, _RANKS[trial.state], has_value, goodness, -trial.number)
