"""What ended trials keep on disk, so that it stays bounded. Decides; deletes nothing."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

from sweeps.checkpoints.better import Direction


@dataclass(frozen=True)
class StoredTrial:
    """What a trial has on disk.

    Attributes:
        number: The trial.
        state: ``complete``, ``pruned`` or ``failed``; anything else still runs or will go on.
        value: Its value; None where it has none.
        num_bytes: Size of all its checkpoints.
        latest_bytes: Size of the states it can continue from.
        is_extended: Another trial went on from its end, so that only that one may be extended.
    """

    number: int
    state: str
    value: float | None
    num_bytes: int
    latest_bytes: int = 0
    is_extended: bool = False


@dataclass(frozen=True)
class Deletions:
    """What goes, in the order in which to delete it: states first, the worst trial first.

    Attributes:
        latest: Trials whose latest state goes.
        checkpoints: Trials whose checkpoints go.
    """

    latest: tuple[int, ...] = ()
    checkpoints: tuple[int, ...] = ()


def choose_deletions(
    trials: Sequence[StoredTrial],
    *,
    leading: Set[int],
    direction: Direction,
    best: int | None = None,
    max_bytes: int | None = None,
    latest: int = 0,
) -> Deletions:
    """Choose the trials whose checkpoints and latest states go.

    A latest state serves only to extend a complete trial, so it goes where the trial's checkpoint
    does, and before any checkpoint where disk is short. Of checkpoints those of failed and pruned
    trials go first, then of complete ones, the worst of each first. Those of trials that
    lead stay even where they alone are more than the limits allow, and so does whatever a trial
    that has not ended needs.

    Args:
        trials: All trials that have something on disk.
        leading: The best trial of the sweep, or all that may become it when others have ended.
        direction: ``minimize`` or ``maximize``.
        best: How many ended trials keep their checkpoint; None means all.
        max_bytes: What all trials may use together, in bytes; None means no limit.
        latest: How many complete trials keep their latest state.

    Raises:
        ValueError: `best` is below 1, `latest` below 0 or `max_bytes` is negative.
    """
    if (best is not None and best < 1) or (max_bytes is not None and max_bytes < 0) or latest < 0:
        given = f"{best!r}, {max_bytes!r} and {latest!r}"
        raise ValueError(f"expected best >= 1, max_bytes >= 0 and latest >= 0, got {given}")
    ended = [trial for trial in trials if trial.state in _RANKS]
    ended.sort(key=lambda trial: _rank(trial, leading, direction))
    stored = [trial for trial in ended if trial.num_bytes]
    num_over = 0 if best is None else max(0, len(stored) - best)
    over = [trial for trial in stored[:num_over] if trial.number not in leading]
    left = [trial for trial in stored if trial not in over]
    complete = [each for each in left if each.state == "complete" and not each.is_extended]
    extendable = complete[max(0, len(complete) - latest) :]
    held = [trial for trial in ended if trial.latest_bytes]
    states = [trial for trial in held if trial not in extendable]
    if max_bytes is not None:
        excess = sum(trial.num_bytes + trial.latest_bytes for trial in trials) - max_bytes
        excess -= sum(trial.num_bytes for trial in over)
        excess -= sum(trial.latest_bytes for trial in states)
        states += _take([each for each in held if each not in states], "latest_bytes", excess)
        excess -= sum(trial.latest_bytes for trial in held if trial in extendable)
        over += _take([each for each in left if each.number not in leading], "num_bytes", excess)
    return Deletions(_list_numbers(states), _list_numbers(over))


def _take(trials: Sequence[StoredTrial], size: str, excess: int) -> list[StoredTrial]:
    """Take the first trials whose sizes together make up for what is too much."""
    freed_before = accumulate((getattr(trial, size) for trial in trials), initial=0)
    return [trial for trial, freed in zip(trials, freed_before, strict=False) if freed < excess]


def _list_numbers(trials: Sequence[StoredTrial]) -> tuple[int, ...]:
    return tuple(trial.number for trial in trials)


_RANKS = {"failed": 0, "pruned": 1, "complete": 2}


def _rank(
    trial: StoredTrial, leading: Set[int], direction: Direction
) -> tuple[bool, int, bool, float, int]:
    """Give a key that sorts what may go first to the front; of equal trials the later one."""
    sign = 1.0 if direction == "maximize" else -1.0
    goodness = sign * (trial.value or 0.0)
    has_value = trial.value is not None
    return (trial.number in leading, _RANKS[trial.state], has_value, goodness, -trial.number)
