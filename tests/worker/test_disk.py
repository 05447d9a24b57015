"""Disk stays within its limits while a sweep runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sweeps
from sweeps.checkpoints.store import open_best
from sweeps.errors import CheckpointError
from sweeps.paths import SweepPaths
from sweeps.worker.events import TrialEnded
from tests.conftest import MakeSpace

pytestmark = pytest.mark.usefixtures("shared_engine")


def _list_models(root: Path) -> list[int]:
    return sorted(int(path.parts[-3]) for path in root.glob("trials/*/checkpoints/*.keras"))


def test_keep_best_leaves_the_best_and_never_loses_the_leader(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """With keep.best: 1 only the leader has a model, and the export still works."""
    space = make_space(limits="{trials: 4, workers: 1}", keep="{best: 1}", pruner="none")
    counts: list[int] = []

    def count(event: object) -> None:
        if isinstance(event, TrialEnded):
            counts.append(len(_list_models(tmp_path / "tiny")))

    report = sweeps.run(space, results=tmp_path, observer=count)
    assert report.best is not None
    assert counts == [1, 1, 1, 1]
    assert _list_models(report.folder) == [report.best.number]
    assert report.manifest is not None
    assert report.manifest["trial"] == report.best.number
    other = next(trial for trial in report.trials if trial != report.best)
    assert other.checkpoint is None
    with pytest.raises(CheckpointError, match="the checkpoint is gone"):
        open_best(SweepPaths(report.folder).trial(other.number))


def test_keep_max_disk_bounds_all_checkpoints_together(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """After every trial the checkpoints use no more than was allowed; without it they use more."""
    space = make_space(limits="{trials: 6, workers: 2}", pruner="none")
    free = sweeps.run(space, results=tmp_path / "free")
    sizes = [path.stat().st_size for path in free.folder.glob("trials/*/checkpoints/*.keras")]
    assert len(sizes) == 6
    limit = 2 * max(sizes)
    space = make_space(
        limits="{trials: 6, workers: 2}", pruner="none", keep=json.dumps({"max_disk": limit})
    )
    report = sweeps.run(space, results=tmp_path / "bound")
    models = [*report.folder.glob("trials/*/checkpoints/*.keras")]
    files = [*models, *report.folder.glob("trials/*/latest/*/*")]
    assert sum(path.stat().st_size for path in files) <= limit < sum(sizes)
    assert len(models) == 2  # states to extend from went before them
    assert report.bundle is not None
