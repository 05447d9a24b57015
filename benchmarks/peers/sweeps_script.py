"""Ours, watched: `sweeps.run`, with each reported epoch noted beside the time.

A value is reported once it is in the study and its checkpoint on disk.
"""

from __future__ import annotations

import sys

import todo

import sweeps
from sweeps.worker.events import EpochReported, Event


def note_epoch(event: Event) -> None:
    """Note the accuracy of an epoch."""
    if isinstance(event, EpochReported) and event.value is not None:
        todo.note(event.number, event.epoch, event.value)


if __name__ == "__main__":
    sweeps.run(
        todo.find_folder() / "space.yaml",
        results=todo.find_folder() / "results",
        overrides=sys.argv[1:],
        observer=note_epoch,
    )
