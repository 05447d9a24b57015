"""Exports the leader of the moment while the last trials run, so that the end need not wait."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from pathlib import Path

from sweeps.bundles.export import Draft
from sweeps.durable import temporary_dir
from sweeps.errors import SweepsError
from sweeps.exporter import Exporter
from sweeps.search.trials import TrialRecord
from sweeps.worker.limits import Stop
from sweeps.worker.run_task import TaskLimits


class Drafting:
    """Writes and proves a bundle before it is known whether it will be needed. Close it in the end.

    Args:
        exporter: Exports trials of the sweep.
        root: The sweep's folder. A draft lies there under a temporary name.
        stop: A draft in the making is given up where a signal asks to stop.
    """

    def __init__(self, exporter: Exporter, root: Path, stop: Stop) -> None:
        limits = TaskLimits(is_wanted=lambda: not stop.is_by_signal)
        run_task = partial(exporter.run_task, limits=limits)
        self._exporter = replace(exporter, run_task=run_task)
        self._root = root
        self._folders = contextlib.ExitStack()
        self._made: tuple[int, Draft] | None = None

    def close(self) -> None:
        """Delete what is left of a draft."""
        self._folders.close()

    def make(self, leader: TrialRecord) -> None:
        """Draft the bundle of a trial. What goes wrong, the export at the end finds and tells."""
        with contextlib.suppress(SweepsError, OSError), contextlib.ExitStack() as folders:
            folder = folders.enter_context(temporary_dir(self._root))
            draft = self._exporter.draft(leader, folder)
            if draft.is_whole:
                self._made = leader.number, draft
                self._folders = folders.pop_all()  # what has failed frees its disk at once

    def take(self, leader: TrialRecord) -> Draft | None:
        """Give the draft where it is this trial's, and only once; else free its disk."""
        (number, draft), self._made = self._made or (None, None), None
        if number == leader.number:
            return draft
        self._folders.close()
        return None
