"""The tiny model with a fault in its second epoch: in every attempt, or once for each folder.

What happened ``once`` is known by a file beside this one, so that tests copy it to a folder.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import keras
import tiny_model
from tiny_model import load

__all__ = ["build", "load", "make"]

FOLDER = Path(__file__).parent
CHOSEN = {"fault": "none"}  # a trial has a process of its own


def build(hp):
    CHOSEN["fault"] = hp.Choice("fault", ["none"])
    return tiny_model.build(hp)


def make():
    """Make the callback that does what the trial's fault says."""
    return [Fault()]


class Fault(keras.callbacks.Callback):
    """Fails at the end of the second epoch, before that is saved."""

    def on_epoch_end(self, epoch, logs=None):
        chosen = CHOSEN["fault"]
        if chosen == "diverge" and epoch == 0:
            self.model.optimizer.learning_rate = float("inf")
        if epoch != 1 or (chosen.endswith("once") and has_happened(chosen)):
            return
        if chosen.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if chosen.startswith("memory"):
            raise MemoryError
        if chosen.startswith("raise"):
            raise ValueError(f"process {os.getpid()} cannot read row {id(self)}")


def has_happened(what):
    marker = FOLDER / f"{what}.marker"
    if marker.exists():
        return True
    marker.touch()
    return False
