"""Successive halving through the real processes: who survives a rung goes on as before."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps
from sweeps.paths import SweepPaths
from tests.conftest import FAKES, MakeSpace

pytestmark = pytest.mark.usefixtures("shared_engine")

EPOCHS = 9


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_survivors_continue_and_never_restart(
    make_space: MakeSpace, tmp_path: Path, pruner: str
) -> None:
    """Every trial trains each epoch once, and its history begins as that of a sweep unpruned."""

    def run(name: str) -> sweeps.SweepReport:
        space = make_space(
            model=f"{FAKES / 'tiny_model.py'}:build",
            training=f"{{epochs: {EPOCHS}, batch_size: 16}}",
            limits="{trials: 12, workers: 2}",
            sampler="random",
            pruner=f"{{name: {name}, min_epochs: 1, reduction_factor: 3}}"
            if name != "none"
            else name,
        )
        return sweeps.run(space, results=tmp_path / name)

    pruned, whole = run(pruner), run("none")
    states = {trial.state for trial in pruned.trials}
    assert states == {"complete", "pruned"}, "the pruner did nothing, or ended all trials"
    for trial in pruned.trials:
        lines, unpruned = read_history(pruned, trial.number), read_history(whole, trial.number)
        assert trial.attempt == 1
        assert len(lines) == 1 + trial.epoch
        assert trial.epoch == EPOCHS or trial.state == "pruned"
        assert lines == unpruned[: len(lines)]


def read_history(report: sweeps.SweepReport, number: int) -> list[str]:
    return SweepPaths(report.folder).trial(number).history.read_text().splitlines()
