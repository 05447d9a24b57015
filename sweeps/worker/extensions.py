"""Gives a trial that extends another one what that one ended with."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from sweeps.causes import Cause
from sweeps.checkpoints.store import BestStore, LatestStore
from sweeps.durable import commit_dir, digest_file, make_dir
from sweeps.errors import CheckpointError
from sweeps.paths import SweepPaths, TrialPaths
from sweeps.search.study import Study
from sweeps.search.trials import TrialOutcome


def prepare_extensions(paths: SweepPaths, study: Study) -> None:
    """Copy what is not copied yet, before any trial runs: its folder is there once it is complete.

    A trial whose source was damaged since it was chosen ends as failed.
    """
    for trial in study.interrupted():
        folder = paths.trial(trial.number)
        if trial.extends and not folder.root.exists():
            try:
                copy_trial(paths.trial(trial.extends.number), folder)
            except CheckpointError as error:
                cause = Cause.SOURCE
                outcome = TrialOutcome("failed", cause=cause, reason=cause.explain(str(error)))
                study.tell(trial.number, outcome)


def copy_trial(source: TrialPaths, target: TrialPaths) -> None:
    """Make a folder from which a trial continues where another one ended, in one rename.

    Files are copied, not linked: a damaged one costs one trial.

    Raises:
        CheckpointError: The latest state or a checkpoint is gone or damaged.
    """
    state = LatestStore(source).find()
    if state is None:
        raise CheckpointError(f"{source.latest}: there is no whole state to continue from.")
    names = check_checkpoints(source)

    def fill(folder: Path) -> None:
        new = TrialPaths(folder)
        store, record = LatestStore(new), _forget_stop(state.state)
        store.commit(
            state.epoch,
            partial(_copy, state.arrays),
            record,
            write_model=partial(_copy, state.model) if state.model else None,
        )
        make_dir(new.checkpoints)
        for name in (*names, source.best.name):
            _copy(source.checkpoints / name, new.checkpoints / name)
        _copy(source.history, new.history)

    commit_dir(target.root, fill)


def check_checkpoints(trial: TrialPaths) -> list[str]:
    """Make sure that the checkpoints of a trial are what was recorded; returns their names.

    Raises:
        CheckpointError: There is none, or one is gone or changed.
    """
    best = BestStore(trial).find_best()
    if best is None:
        raise CheckpointError(f"{trial.root}: no checkpoint was saved.")
    for each in best.all_kept:
        path = trial.checkpoints / each.file
        if not path.is_file() or digest_file(path) != each.sha256:
            raise CheckpointError(f"{path}: the checkpoint is gone, or not the one that was saved.")
    return [each.file for each in best.all_kept]


def _forget_stop(state: dict[str, Any]) -> dict[str, Any]:
    """Let a trial go on that had stopped early: its patience begins anew, its best value stays."""
    callbacks = [
        {**each, "wait": 0, "stopped_epoch": 0} if each.get("stopped_epoch") else each
        for each in state["callbacks"]
    ]
    return {**state, "stopped": False, "callbacks": callbacks}


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
