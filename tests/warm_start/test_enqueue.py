"""Known-good parameters in real sweeps: queued, and then the next to be trained."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps
from sweeps import sweep
from sweeps.cli.app import run_command_line
from sweeps.errors import NoLeaderError, SpecError, SweepHeldError, SweepNotFoundError
from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from tests.conftest import MakeSpace

pytestmark = pytest.mark.usefixtures("shared_engine")

PARAMETERS = """
parameters:
  kind: [wide]
  units: {type: int, low: 8, high: 32, step: 8}
  learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}
"""


@pytest.fixture
def finished(make_space: MakeSpace, tmp_path: Path) -> Path:
    """A sweep of one trial that has ended."""
    space = make_space(PARAMETERS, limits="{trials: 1, workers: 1}", training="{epochs: 1}")
    return sweeps.run(space, results=tmp_path).folder


def test_enqueue_is_trained_next_and_counts(finished: Path) -> None:
    """A waiting trial; what it does not name is proposed; the target has to have room for it."""
    queued = sweep.enqueue(finished, {"units": 24})
    assert (queued.numbers, queued.num_trials, queued.target) == ((1,), 2, 1)
    waiting = sweeps.read(finished).trials[1]
    assert (waiting.state, dict(waiting.params)) == ("waiting", {"units": 24})
    assert len(sweeps.resume(finished).trials) == 2
    assert sweeps.read(finished).trials[1].state == "waiting"  # the target is reached already
    report = sweeps.resume(finished, overrides=["limits.trials=2"])
    assert [trial.state for trial in report.trials] == ["complete", "complete"]
    assert report.trials[1].params["units"] == 24
    assert set(report.trials[1].params) == {"kind", "units", "learning_rate"}


def test_enqueue_several_at_once_checks_all_before_the_first(finished: Path) -> None:
    """One that is impossible: nothing is queued."""
    with pytest.raises(SpecError, match=r"enqueue\[1\]: units: got 9; expected a number from 8"):
        sweep.enqueue(finished, [{"units": 8}, {"units": 9}])
    assert len(sweeps.read(finished).trials) == 1
    assert sweep.enqueue(finished, [{"units": 8}, {"units": 16}]).numbers == (1, 2)


def test_enqueue_in_a_sweep_that_runs_is_refused(finished: Path) -> None:
    """The one who runs it is the only writer of its study."""
    with hold_sweep(SweepPaths(finished).lock), pytest.raises(SweepHeldError):
        sweep.enqueue(finished, {"units": 8})
    assert len(sweeps.read(finished).trials) == 1


def test_enqueue_folder_without_a_sweep(tmp_path: Path) -> None:
    """Nothing is made where nothing is."""
    with pytest.raises(SweepNotFoundError):
        sweep.enqueue(tmp_path / "nowhere", {"units": 8})
    assert not (tmp_path / "nowhere").exists()


def test_enqueue_from_another_sweep(finished: Path, make_space: MakeSpace, tmp_path: Path) -> None:
    """The best trials of another sweep, once: a second time they are tried already."""
    limits = "{trials: 2, workers: 1}"
    space = make_space(PARAMETERS, name="other", limits=limits, training="{epochs: 1}", seed="5")
    other = sweeps.run(space, results=tmp_path)
    assert other.best is not None
    queued = sweep.enqueue(finished, from_sweep=other.folder, top=1)
    assert queued.numbers == (1,)
    assert dict(sweeps.read(finished).trials[1].params) == dict(other.best.params)
    again = sweep.enqueue(finished, from_sweep=other.folder, top=1)
    assert again.remarks == (
        f"left out: trial {other.best.number:04d} of {other.folder}: "
        "these values are tried already",
    )
    assert len(sweeps.read(finished).trials) == 3


def test_enqueue_from_a_sweep_without_results(
    finished: Path, make_space: MakeSpace, tmp_path: Path
) -> None:
    """Where nothing has completed there is nothing to take over."""
    space = make_space(name="empty", limits="{trials: 1, timeout: 0.001s}")
    sweeps.run(space, results=tmp_path)
    with pytest.raises(NoLeaderError, match="no trial has completed"):
        sweep.enqueue(finished, from_sweep=tmp_path / "empty")


def test_run_enqueue_is_tried_first(make_space: MakeSpace, tmp_path: Path) -> None:
    """The first trials of a new sweep are the given ones, in their order."""
    space = make_space(PARAMETERS, limits="{trials: 3, workers: 1}", training="{epochs: 1}")
    given = [{"units": 32, "learning_rate": 0.01}, {"units": 16}]
    report = sweep.run(space, results=tmp_path, enqueue=given)
    assert [trial.params["units"] for trial in report.trials][:2] == [32, 16]
    assert report.trials[0].params["learning_rate"] == 0.01
    assert len(report.trials) == 3


def test_run_enqueue_impossible_leaves_no_folder(make_space: MakeSpace, tmp_path: Path) -> None:
    """A mistake is found before anything is trained or written."""
    with pytest.raises(SpecError, match=r"enqueue\[0\]: units: got 7"):
        sweep.run(make_space(PARAMETERS), results=tmp_path, enqueue=[{"units": 7}])
    assert not (tmp_path / "tiny").exists()


def test_command_enqueue_and_run(
    finished: Path,
    make_space: MakeSpace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command line: settings, a file, and another sweep for a new one."""
    good = tmp_path / "good.yaml"
    good.write_text("- {units: 16}\n- {units: 32}\n")
    arguments = ["enqueue", str(finished), "--set", "units=8", "--set", "heads=2"]
    assert run_command_line([*arguments, "--enqueue", str(good)]) == 0
    said = capsys.readouterr()
    assert said.out == (
        "queued 0001, 0002, 0003\n"
        f"Train it with: python -m sweeps resume {finished} --set limits.trials=4\n"
    )
    assert said.err == (
        "--set: heads: no parameter of the space file or of an earlier trial; it is ignored unless "
        "the model's code declares it.\n"
    )
    space = make_space(
        PARAMETERS, name="second", limits="{trials: 2, workers: 1}", training="{epochs: 1}"
    )
    arguments = ["run", str(space), "--results", str(tmp_path), "--plain"]
    assert run_command_line([*arguments, "--from", str(finished), "--enqueue", str(good)]) == 0
    best = sweeps.read(finished).best
    assert best is not None
    first, second = sweeps.read(tmp_path / "second").trials[:2]
    assert (first.params["units"], second.params["units"]) == (16, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "enqueue: nothing to enqueue; give --set NAME=VALUE"),
        (
            ["--set", "units=9"],
            "--set: units: got 9; expected a number from 8 to 32, in steps of 8",
        ),
        (["--set", "units"], "--set: got 'units'; expected name=value"),
        (["--enqueue", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["--from", "nowhere"], "there is no sweep here"),
        (["--from-keras-tuner", "nowhere"], "nowhere: there is no such folder"),
        (["--from", "nowhere", "--top", "0"], "--top"),
    ],
)
def test_command_enqueue_mistake(
    arguments: list[str],
    message: str,
    finished: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A mistake is told on standard error, and nothing is queued."""
    assert run_command_line(["enqueue", str(finished), *arguments]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert len(sweeps.read(finished).trials) == 1
