"""Disk stays within its limits while a sweep runs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

import sweeps
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore, open_best
from sweeps.durable import link_file
from sweeps.errors import CheckpointError
from sweeps.paths import SweepPaths, TrialPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import Keep
from sweeps.worker.disk import choose_files
from sweeps.worker.events import TrialEnded
from tests.conftest import MakeSpace
from tests.search.sample_sweeps import make_spec

OWN = 10
SHARED = 1000


def write_zeros(num_bytes: int, path: Path) -> None:
    path.write_bytes(bytes(num_bytes))


def make_linked_trial(root: Path) -> TrialPaths:
    """Make a trial whose state links its best checkpoint."""
    trial = SweepPaths(root).trial(0)
    digest = BestStore(trial).write("a.keras", partial(write_zeros, SHARED))
    BestStore(trial).commit(BestCheckpoint("a.keras", 0.5, 1, digest))
    LatestStore(trial).commit(
        1,
        partial(write_zeros, OWN),
        {"model": {"sha256": digest}},
        write_model=partial(link_file, trial.checkpoints / "a.keras"),
    )
    return trial


def test_choose_files_counts_a_linked_checkpoint_once(tmp_path: Path) -> None:
    """A limit that both together keep is not taken for exceeded; deleting frees what it says."""
    trial = make_linked_trial(tmp_path)
    record = TrialRecord(0, "complete", 0.5)
    sizes: dict[int, tuple[int, int]] = {}
    spec = make_spec(keep=Keep(max_disk=2 * SHARED - 1, latest=1))
    chosen = choose_files(SweepPaths(tmp_path), spec, [record], {0}, sizes)
    assert (chosen.latest, chosen.checkpoints) == ((), ())
    state = trial.latest / "epoch-000001" / "state.json"
    assert sizes == {0: (SHARED, OWN + state.stat().st_size)}


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
    status = [path.stat() for path in files]
    used = {each.st_ino: each.st_size for each in status}  # a state may link the checkpoint
    assert sum(used.values()) <= limit < sum(sizes)
    assert len(models) == 2  # states to extend from went before them
    assert report.bundle is not None
