"""How many trials the memory holds, and how many workers follow from that."""

from __future__ import annotations

import pytest

from sweeps.worker.limits import Share, divide_cores
from sweeps.worker.memory import Room
from sweeps.worker.memory_share import MemoryShare, guess_need, judge_need, share_memory

GB = 10**9


@pytest.mark.parametrize(
    ("trial_bytes", "room", "slots"),
    [
        (2 * GB, Room(16 * GB, 20 * GB), 7),  # 512 MiB stay free
        (16 * GB, Room(16 * GB, 20 * GB), 1),  # one always runs: who else would find out
        (100, Room(0, 20 * GB), 1),
        (None, Room(16 * GB, 20 * GB), None),
        (2 * GB, None, None),
    ],
)
def test_share_memory_leaves_the_reserve(
    trial_bytes: int | None, room: Room | None, slots: int | None
) -> None:
    """So many trials as fit beside what the machine needs for itself."""
    assert share_memory(trial_bytes, room).slots == slots


@pytest.mark.parametrize(
    ("workers", "trials", "memory_slots", "share"),
    [
        ("auto", 40, 3, Share(3, 2)),
        ("auto", 40, 100, Share(8, 1)),
        ("auto", 2, 3, Share(2, 4)),
        ("auto", 40, None, Share(8, 1)),
        (6, 40, 3, Share(6, 1)),
    ],
)
def test_auto_takes_no_more_workers_than_memory_holds(
    workers: int | str, trials: int, memory_slots: int | None, share: Share
) -> None:
    """Cores that are left over become threads; a number that was given is taken."""
    assert divide_cores(workers, trials, 8, memory_slots=memory_slots) == share


def test_need_is_what_was_measured_else_a_safe_guess() -> None:
    """A measured epoch gets a margin; a built model is multiplied; nothing known stays unknown."""
    assert guess_need(100) == 400
    assert guess_need(None) is None
    assert judge_need(1000, 400) == 1250
    assert judge_need(None, 400) == 400
    assert judge_need(None, None) is None


def test_share_says_why() -> None:
    """The figures that the decision follows from are told."""
    text = MemoryShare(2, 3 * GB, 7 * GB).describe()
    assert text == "a trial needs about 3 GB of memory, and 7 GB are free"
