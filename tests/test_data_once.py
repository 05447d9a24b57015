"""The data of a sweep is loaded once, and all its processes inherit it."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.engines.local import LocalEngine
from sweeps.reading import SweepReport
from sweeps.worker.events import EpochReported, Event, ignore_events
from tests.conftest import FAKES

pytestmark = pytest.mark.usefixtures("shared_engine")

SPACE = """
name: once
model: counting_model.py:{model}
data: counting_model.py:{data}
objective: {{metric: val_loss, direction: minimize}}
parameters: {{learning_rate: {{type: float, low: 1e-3, high: 1e-2}}}}
sampler: random
pruner: none
training: {{epochs: 2, batch_size: 512}}
limits: {{trials: 3, workers: 1}}
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Make a folder with the code of the sweep."""
    folder = tmp_path / "code"
    folder.mkdir()
    for name in ("counting_model.py", "tiny_model.py"):
        shutil.copy(FAKES / name, folder)
    return folder


def run(
    code: Path,
    results: Path,
    *,
    data: str = "load",
    model: str = "build_tiny",
    observer: Any = ignore_events,
) -> SweepReport:
    space = code / "space.yaml"
    space.write_text(SPACE.format(data=data, model=model))
    return sweeps.run(space, results=results, observer=observer)


def list_results(report: SweepReport) -> list[Any]:
    """List what the trials reported, bit for bit."""
    return [(trial.number, trial.state, dict(trial.reports)) for trial in report.trials]


def count_loads(code: Path) -> int:
    """Count how often the data was loaded since the last time."""
    path = code / "loads.txt"
    number = len(path.read_text().split())
    path.unlink()
    return number


def test_data_is_loaded_once_and_results_are_those_of_loading_it_in_every_process(
    code: Path, tmp_path: Path, shared_engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check, three trials and the export load it once; without that, five times.

    With several workers the leader may be exported twice.
    """
    once = run(code, tmp_path / "once")
    assert count_loads(code) == 1
    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "hold_data", lambda *_: None)
        patch.setattr(shared_engine, "_data", None)
        each = run(code, tmp_path / "each")
    assert count_loads(code) == 5
    assert list_results(once) == list_results(each)


@pytest.mark.parametrize("data", ["load_with_thread", "load_with_operation"])
def test_data_function_that_no_fork_survives_is_called_in_every_process(
    data: str, code: Path, tmp_path: Path
) -> None:
    """It was tried once more than without; nothing hangs."""
    report = run(code, tmp_path, data=data)
    assert [trial.state for trial in report.trials] == ["complete"] * 3
    assert count_loads(code) == 6


def test_trial_finds_what_loading_left_in_the_module_and_spoils_its_own_copy_only(
    code: Path, tmp_path: Path
) -> None:
    """Each trial zeroes the inputs it trained on; with one worker the next one would see it."""
    report = run(code, tmp_path, model="Careless")
    assert count_loads(code) == 1
    assert [trial.state for trial in report.trials] == ["complete"] * 3
    assert report.bundle is not None


def test_process_that_holds_the_data_is_replaced_when_it_dies(
    code: Path, tmp_path: Path, shared_engine: LocalEngine
) -> None:
    """Its trials are lost with it, and end as if nothing had been; the data is loaded again."""
    undisturbed = run(code, tmp_path / "whole")
    assert count_loads(code) == 1
    killed: list[int] = []

    def watch(event: Event) -> None:
        data = shared_engine._data
        if isinstance(event, EpochReported) and not killed and data and data._own:
            killed.append(data._own.pid)
            os.kill(killed[0], signal.SIGKILL)

    report = run(code, tmp_path / "cut", observer=watch)
    assert killed
    assert count_loads(code) == 2
    assert list_results(report) == list_results(undisturbed)
    assert max(trial.attempt for trial in report.trials) == 2


def test_data_drawn_by_chance_is_the_same_for_all_trials_and_after_a_resume(
    code: Path, tmp_path: Path
) -> None:
    """The sweep's seed draws it, for the check, the trials and whoever continues."""
    run(code, tmp_path, data="load_with_chance")
    again = sweeps.resume(tmp_path / "once", overrides=["limits.trials=4"])
    assert [trial.state for trial in again.trials] == ["complete"] * 4
    assert again.accepted_changes == ()
