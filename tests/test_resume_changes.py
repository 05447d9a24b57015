"""What a resume compares, takes and records: one interrupted sweep, and many ways on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from sweeps.durable import digest_file
from sweeps.errors import CheckError, OptionError, ResumeRefusedError, SpecError
from sweeps.paths import SweepPaths
from sweeps.reading import read, read_outcome
from sweeps.report.leaderboard import render_trial
from sweeps.report.records import record_trial_in_full
from sweeps.report.screen import print_parts
from sweeps.resuming import compare
from sweeps.worker.events import EpochReported
from tests.conftest import FAKES, use_engine
from tests.processes import interrupt_sweep

DATA = """
import numpy as np
from pathlib import Path

def load():
    with np.load(Path(__file__).parent / "data.npz") as file:
        x, y = file["x"], file["y"]
    return {"train": (x[:-80], y[:-80]), "validation": (x[-80:], y[-80:])}
"""
SPACE = """
name: tiny
model: tiny_model.py:build
data: code/data.py:load
objective: {metric: val_accuracy, direction: maximize}
parameters:
  kind: [wide, deep]
  learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}
limits: {trials: 2, workers: 1}
training: {epochs: 3, batch_size: 16}
"""


def _write_data(project: Path, num_samples: int = 240, seed: int = 7) -> None:
    x = np.random.default_rng(seed).normal(size=(num_samples, 4)).astype("float32")
    np.savez(project / "code" / "data.npz", x=x, y=(x[:, 0] > 0).astype("int32"))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, local_engine: object) -> Path:
    """Make a project whose sweep was interrupted in its second trial, after one epoch."""
    project = tmp_path_factory.mktemp("begun")
    (project / "code").mkdir()
    shutil.copy(FAKES / "tiny_model.py", project)
    (project / "code" / "data.py").write_text(DATA)
    (project / "tiny.yaml").write_text(SPACE)
    _write_data(project)

    def interrupt(event: object) -> None:
        if isinstance(event, EpochReported) and event.number == 1:
            interrupt_sweep()

    with pytest.MonkeyPatch.context() as patch:
        use_engine(patch, local_engine)
        sweeps.run(project / "tiny.yaml", results=project / "results", observer=interrupt)
    return project


@pytest.fixture
def project(begun: Path, tmp_path: Path, shared_engine: object) -> Iterator[Path]:
    """Give a copy of that project in another place, where nothing of the first one is needed."""
    away = begun.with_name("away")
    begun.rename(away)
    yield Path(shutil.copytree(away, tmp_path / "project"))
    away.rename(begun)


def _sweep(project: Path) -> Path:
    return project / "results" / "tiny"


def _record(project: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(SweepPaths(_sweep(project)).spec.read_text())
    return record


def _digests(folder: Path) -> dict[str, str]:
    # The lock names its last holder.
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path): digest_file(path) for path in files}


def _refuse(project: Path, **options: Any) -> str:
    """Let a resume be refused, with everything in the folder as it was."""
    before = _digests(_sweep(project))
    with pytest.raises((ResumeRefusedError, OptionError, SpecError, CheckError)) as caught:
        sweeps.resume(_sweep(project), **options)
    assert _digests(_sweep(project)) == before
    return str(caught.value)


def _outcome(project: Path, number: int) -> dict[str, Any]:
    return dict(read_outcome(read(_sweep(project)), number))


def test_resume_of_a_moved_project_is_exact_and_of_a_finished_sweep_loads_no_data(
    project: Path,
) -> None:
    """All that lies below the space file's folder may move with it."""
    report = sweeps.resume(_sweep(project))
    assert [trial.state for trial in report.trials] == ["complete", "complete"]
    assert _outcome(project, 0)["resume"] is None
    assert (_outcome(project, 1)["attempt"], _outcome(project, 1)["resume"]) == (2, "exact")
    record = _record(project)
    assert record["spec"]["model"] == f"{project}/tiny_model.py:build"
    assert record["spec"]["data"] == f"{project}/code/data.py:load"
    assert "accepted_changes" not in record
    before = _digests(_sweep(project))
    (project / "code" / "data.npz").unlink()
    assert sweeps.resume(_sweep(project)).to_rows() == report.to_rows()
    assert _digests(_sweep(project)) == before
    assert "data.npz" in _refuse(project, overrides=["limits.trials=3"])


def test_resume_of_results_moved_alone_says_what_to_do(project: Path) -> None:
    """Where the code cannot be found the message names the file, and --space finds it again."""
    results = project.parent / "results"
    _sweep(project).rename(results)
    with pytest.raises(ResumeRefusedError, match=r"tiny_model\.py is gone.*--space"):
        compare(SweepPaths(results), None, ())
    found = compare(SweepPaths(results), project / "tiny.yaml", ())
    assert found.changes == ()
    assert found.updates["space_folder"]["path"] == str(project)


def test_resume_with_changed_data_is_refused_or_recorded_in_the_trials(project: Path) -> None:
    """The interrupted trial continues approximately, the next one is marked, and show tells it."""
    _write_data(project, num_samples=300)
    told = _refuse(project)
    assert "  data: x_train shape (160, 4) -> (220, 4)\n" in told
    assert "  data: y_train shape (160,) -> (220,)\n" in told
    assert "y_validation: the values changed" in told
    report = sweeps.resume(_sweep(project), overrides=["limits.trials=3"], accept_change=True)
    changes = _record(project)["accepted_changes"]
    assert changes[0] == "data: x_train shape (160, 4) -> (220, 4)"
    assert _record(project)["data"][0].startswith("train: 220 samples")
    first, second, third = (_outcome(project, number) for number in range(3))
    assert (first["resume"], first["accepted_changes"]) == (None, 0)
    assert (second["resume"], second["accepted_changes"]) == ("approximate", len(changes))
    assert second["resume_reason"] == "; ".join(changes)
    assert (third["resume"], third["accepted_changes"]) == (None, len(changes))
    assert [trial.num_changes for trial in report.trials] == [0, len(changes), len(changes)]
    shown = record_trial_in_full(report, report.trials[1])
    assert (shown["resume"], shown["accepted_changes"]) == ("approximate", changes)
    sweeps.resume(_sweep(project))  # the new data is the data now
    assert _record(project)["accepted_changes"] == changes


def test_show_tells_the_accepted_changes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person reads what the trial's numbers rest on."""
    code = project / "tiny_model.py"
    code.write_text(code.read_text() + "\n# changed\n")
    assert "  tiny_model.py: the code changed\n" in _refuse(project)
    report = sweeps.resume(_sweep(project), accept_change=True)
    print_parts(render_trial(report, report.trials[1]))
    shown = capsys.readouterr().out
    assert "approximate: tiny_model.py: the code changed" in shown
    assert "accepted change" in shown


def test_resume_with_other_values_of_the_same_shape_is_refused(project: Path) -> None:
    """A digest tells what shape and type do not."""
    _write_data(project, seed=8)
    assert "  data: x_train: the values changed\n" in _refuse(project)


def test_a_continued_trial_that_raises_says_how_it_was_resumed(project: Path) -> None:
    """However an attempt ends, its record says what it continued from."""
    code = project / "tiny_model.py"
    code.write_text(code.read_text().replace("def build(hp):", "def build(hp):\n    1 / 0", 1))
    report = sweeps.resume(_sweep(project), accept_change=True)
    assert report.trials[1].state == "failed"
    outcome = _outcome(project, 1)
    assert (outcome["cause"], outcome["resume"]) == ("error", "approximate")


def test_resume_with_wider_ranges_needs_no_acceptance(project: Path) -> None:
    """The file's range and the code's grow, in the spec and in the space that is proposed from."""
    wider = ["parameters.learning_rate.high=0.2", "limits.trials=3", "limits.workers=2"]
    report = sweeps.resume(_sweep(project), overrides=wider)
    assert len(report.trials) == 3
    record = _record(project)
    assert "accepted_changes" not in record
    (rate,) = [each for each in record["spec"]["parameters"] if each["name"] == "learning_rate"]
    assert (rate["low"], rate["high"]) == (1e-3, 0.2)
    assert rate in record["space"]
    assert _outcome(project, 1)["resume"] == "exact"
    layers = compare(SweepPaths(_sweep(project)), None, ["parameters.layers.high=4"])
    assert not layers.changes
    assert [each["high"] for each in layers.updates["space"] if each["name"] == "layers"] == [4]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("parameters.learning_rate.high=0.05", "parameters.learning_rate.high: 0.1 -> 0.05"),
        ("parameters.layers.high=1", "parameters.layers.high: 2 -> 1"),
        ("parameters.layers.high=much", "expected a whole number"),
        ("parameters.layers.low=9", "got 2, below low 9; expected low <= high"),
        ("limits.trials=0", "--set: limits.trials: got 0; expected a whole number, at least 1"),
        ("limits.trails=3", "unknown key 'trails'"),
        ("limits.timeout=1y", "--set: limits.timeout: got '1y'"),
        ("parameters.kind.high=3", "'kind' is categorical, which has no range"),
        ("parameters.learning_rat.high=1", "Did you mean 'learning_rate'"),
        ("parameters.kind=[wide]", "only limits may change"),
        ("seed=3", "only limits may change"),
        ("objective.direction=minimize", "only limits may change"),
    ],
)
def test_resume_refuses_other_overrides(project: Path, override: str, told: str) -> None:
    """All but limits and wider ranges is refused, with key, old and new, accepted or not."""
    for accept_change in (False, True):
        assert told in _refuse(project, overrides=[override], accept_change=accept_change)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("high: 1e-1", "high: 0.05", "parameters.learning_rate.high: 0.1 -> 0.05"),
        ("log: true", "step: 1e-3", "parameters.learning_rate.step: (nothing) -> 0.001"),
        ("[wide, deep]", "[wide, deep, other]", "parameters.kind.choices: ['wide', 'deep'] -> "),
        ("  learning_rate:", "  rate:", "parameters.learning_rate.type: float -> (nothing)"),
        ("maximize", "minimize", "objective.direction: maximize -> minimize"),
        ("val_accuracy", "accuracy", "objective.metric: val_accuracy -> accuracy"),
        ("limits:", "repeats: 2\nlimits:", "repeats: 1 -> 2"),
    ],
)
def test_resume_with_an_edited_space_file_never_takes_another_space_or_objective(
    project: Path, old: str, new: str, told: str
) -> None:
    """A study whose values or parameters mean two things is none, whatever the user accepts."""
    space = project / "tiny.yaml"
    space.write_text(SPACE.replace(old, new, 1))
    for accept_change in (False, True):
        assert told in _refuse(project, space=space, accept_change=accept_change)


def test_resume_with_an_edited_space_file_takes_what_is_ordinary(project: Path) -> None:
    """Limits and wider ranges come from the file too; other keys have to be accepted."""
    space = project / "edited.yaml"
    paths = SweepPaths(_sweep(project))
    wider = SPACE.replace("high: 1e-1", "high: 0.2").replace("trials: 2", "trials: 9")
    space.write_text(wider.replace("name: tiny", ""))
    found = compare(paths, space, ())
    assert (found.changes, found.spec.name, found.spec.limits.trials) == ((), "tiny", 9)
    assert found.spec.parameters[1].high == 0.2
    space.write_text(wider.replace("epochs: 3", "epochs: 5"))
    assert compare(paths, space, ()).changes == ("training.epochs: 3 -> 5",)
    assert "  training.epochs: 3 -> 5\n" in _refuse(project, space=space)
    assert compare(paths, space, ["training.epochs=3"]).changes == ()


def test_resume_after_a_flipped_direction_in_spec_json_is_never_accepted(project: Path) -> None:
    """The study remembers what its values mean, whatever was edited by hand."""
    path = SweepPaths(_sweep(project)).spec
    path.write_text(path.read_text().replace('"maximize"', '"minimize"'))
    assert "spec.json: the spec was changed by hand" in _refuse(project)
    told = _refuse(project, accept_change=True)
    assert "the objective changed since the sweep began (maximize val_accuracy -> min" in told
