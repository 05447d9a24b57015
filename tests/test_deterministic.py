"""Sweeps with several workers and ``deterministic: true``, through the real processes."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps import SweepReport
from sweeps.errors import OptionError
from sweeps.worker.events import (
    EpochReported,
    SweepStarted,
    TrialEnded,
    TrialStarted,
    ignore_events,
)
from tests.conftest import FAKES, MakeSpace
from tests.processes import interrupt_sweep

pytestmark = pytest.mark.usefixtures("shared_engine")


@dataclass(frozen=True)
class PacedSweep:
    """A sweep of two workers in which the trials on one side wait for others.

    The learning rates of the first two trials lie on both sides, so one of them waits.
    """

    make_space: MakeSpace
    folder: Path

    def run(
        self, late: str, results: str, *, deterministic: str = "true", watch: Any = ignore_events
    ) -> SweepReport:
        space = self.make_space(
            "parameters: {learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}}\n",
            model=f"{self.folder / 'paced_model.py'}:build_paced",
            data=f"{self.folder / 'paced_model.py'}:load",
            deterministic=deterministic,
            sampler="{name: tpe, startup_trials: 1}",
            limits="{trials: 5, workers: 2}",
            seed="3",
        )
        go = self.folder / "GO"
        go.touch()  # nobody waits while the model is checked
        self.choose(late)

        def observe(event: object) -> None:
            if isinstance(event, SweepStarted):
                go.unlink()
            elif self.is_over(event, deterministic):
                go.touch()
            watch(event)

        return sweeps.run(space, results=self.folder / results, observer=observe)

    def choose(self, late: str) -> None:
        (self.folder / "PACE").write_text(late)

    def is_over(self, event: object, deterministic: str) -> bool:
        """Tell whether the later of the first two trials has waited long enough."""
        if deterministic == "true":  # the third trial may be waiting for this very one
            return isinstance(event, TrialEnded)
        return isinstance(event, TrialStarted) and event.number == 2


@pytest.fixture
def paced(make_space: MakeSpace, tmp_path: Path) -> PacedSweep:
    """Copy the code, with room for the files that say who waits."""
    folder = tmp_path / "paced"
    folder.mkdir()
    for name in ("tiny_model.py", "paced_model.py"):
        shutil.copy(FAKES / name, folder / name)
    return PacedSweep(make_space, folder)


def test_red_control_without_it_timing_decides(paced: PacedSweep) -> None:
    """The same two timings, but not deterministic: only the first two proposals are the same."""
    first = paced.run("low", "first", deterministic="false").to_rows()
    second = paced.run("high", "second", deterministic="false").to_rows()
    rates = [[row["params.learning_rate"] for row in rows] for rows in (first, second)]
    assert rates[0][:2] == rates[1][:2]
    assert rates[0][2] != rates[1][2]


def test_deterministic_sweep_is_the_same_with_another_timing_and_when_interrupted(
    paced: PacedSweep,
) -> None:
    """Promise 3 with two workers: same parameters, values, prunings and leader each time."""
    whole, other = paced.run("low", "whole"), paced.run("high", "other")
    assert len(whole.trials) == 5
    assert whole.to_rows() == other.to_rows()

    def interrupt(event: object) -> None:
        if isinstance(event, TrialStarted) and event.number == 2:
            interrupt_sweep()

    cut = paced.run("low", "cut", watch=interrupt)
    assert cut.stopped == "interrupted"
    assert any(trial.state == "interrupted" for trial in cut.trials)
    paced.choose("high")
    resumed = sweeps.resume(cut.folder)
    assert resumed.to_rows() == whole.to_rows()
    leaders = {report.best and report.best.number for report in (whole, other, resumed)}
    assert len(leaders) == 1
    assert None not in leaders


def test_deterministic_number_of_workers_stays(make_space: MakeSpace, tmp_path: Path) -> None:
    """`auto` is decided once and written down; a resume with another number is refused."""
    space = make_space(deterministic="true", limits="{trials: 1, workers: auto}")
    report = sweeps.run(space, results=tmp_path)
    workers = json.loads((report.folder / "spec.json").read_text())["spec"]["limits"]["workers"]
    assert isinstance(workers, int)
    with pytest.raises(OptionError, match="deterministic"):
        sweeps.resume(report.folder, overrides=[f"limits.workers={workers + 1}"])
    overrides = [f"limits.workers={workers}", "limits.trials=2"]
    assert len(sweeps.resume(report.folder, overrides=overrides).trials) == 2


def test_deterministic_error_in_one_worker_leaves_nobody_waiting(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A watcher that raises ends the sweep; who waited for that trial's result goes, too."""

    def fail(event: object) -> None:
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (0, 1):
            raise RuntimeError("the watcher's own bug")

    space = make_space(deterministic="true", limits="{trials: 6, workers: 2}")
    with pytest.raises(RuntimeError, match="own bug"):
        sweeps.run(space, results=tmp_path, observer=fail)
