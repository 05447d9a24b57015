"""How many trials the memory of this machine holds at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.worker.memory import Room, describe_bytes

GROWTH = 4
"""What a trial takes is at most so many times what its built model and one batch do: gradients,
activations and the copies from which checkpoints are written come on top. A guess to be on the safe
side: where it matters, an epoch is measured."""
MARGIN = 1.25
"""What a measured epoch took, times this: other trials have larger models than the default one."""


@dataclass(frozen=True)
class MemoryShare:
    """How many trials fit.

    Attributes:
        slots: Trials at a time, at least 1; None where nothing is known.
        trial_bytes: What each of them needs, in bytes.
        free_bytes: What they may have together.
    """

    slots: int | None = None
    trial_bytes: int = 0
    free_bytes: int = 0

    def describe(self) -> str:
        """Say how much a trial needs, and how much there is."""
        return (
            f"a trial needs about {describe_bytes(self.trial_bytes)} of memory, and "
            f"{describe_bytes(self.free_bytes)} are free"
        )


def share_memory(trial_bytes: int | None, room: Room | None) -> MemoryShare:
    """Divide what is free among trials, leaving the machine its reserve.

    Args:
        trial_bytes: What one trial needs; None where nobody knows.
        room: What the machine, or our container, has left; None where nobody knows.
    """
    if not trial_bytes or room is None:
        return MemoryShare()
    free = max(0, room.available - room.reserve)
    return MemoryShare(max(1, free // trial_bytes), trial_bytes, free)


def guess_need(built_bytes: int | None) -> int | None:
    """Guess what a trial needs at most from what building its model took, in bytes."""
    return None if built_bytes is None else GROWTH * built_bytes


def judge_need(epoch_bytes: int | None, guess: int | None) -> int | None:
    """Say what a trial needs from what training an epoch took; the guess where that is unknown."""
    return guess if epoch_bytes is None else int(MARGIN * epoch_bytes)
