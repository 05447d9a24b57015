"""The best trials of a KerasTuner project, one that KerasTuner itself has written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import NoLeaderError, OptionError
from sweeps.spec.model import Objective
from sweeps.warm_start.keras_tuner_project import rank_project

ACCURACY = Objective(metric="val_accuracy", direction="maximize")
LOSS = Objective(metric="val_loss", direction="minimize")

SEARCH = """
import sys, keras, keras_tuner, numpy as np

def build(hp):
    units = hp.Int("units", 8, 32, step=8)
    rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
    kind = hp.Choice("kind", ["wide", "deep"])
    hp.Boolean("flag")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model

class Search(keras_tuner.RandomSearch):
    # KerasTuner's own run_trial imports tensorboard, which TensorFlow no longer brings along.
    def run_trial(self, trial, *args, **options):
        return self.hypermodel.build(trial.hyperparameters).fit(*args, **options)

x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
tuner = Search(
    build, objective="val_loss", max_trials=4, directory=sys.argv[1], project_name="demo", seed=3
)
tuner.search(x[:60], y[:60], validation_data=(x[60:], y[60:]), epochs=1, verbose=0)
print([hp.values for hp in tuner.get_best_hyperparameters(4)])
"""


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A real project, and KerasTuner's own opinion of which trials are the best."""
    import ast

    folder = tmp_path_factory.mktemp("keras_tuner")
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(folder)], capture_output=True, text=True, check=True
    )
    return folder / "demo", ast.literal_eval(done.stdout.splitlines()[-1])


@pytest.fixture
def project(searched: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> Path:
    """Copy the project, to be damaged."""
    return Path(shutil.copytree(searched[0], tmp_path / "demo"))


def test_rank_project_agrees_with_keras_tuner(
    searched: tuple[Path, list[dict[str, Any]]],
) -> None:
    """The best first, as KerasTuner's get_best_hyperparameters gives them."""
    folder, best = searched
    found = rank_project(folder, LOSS)
    assert [candidate.values for candidate in found] == best
    assert set(found[0].values) == {"units", "learning_rate", "kind", "flag"}
    assert found[0].where.endswith(f"of {folder}")


def test_rank_project_by_the_sweeps_own_metric(project: Path) -> None:
    """KerasTuner has recorded all metrics, so the one that the sweep is about decides."""
    expected = [0.25, 1.0, 0.5, 0.75]
    for path, value in zip(sorted(project.glob("trial_*/trial.json")), expected, strict=True):
        change(path, lambda trial, v=value: observe(trial, "val_accuracy", v))
    found = rank_project(project, ACCURACY)
    ids = [candidate.where.split()[1] for candidate in found]
    numbers = sorted(path.parent.name.removeprefix("trial_") for path in paths_of(project))
    assert ids == [numbers[1], numbers[3], numbers[2], numbers[0]]


def test_rank_project_without_the_metric_goes_by_the_score(
    project: Path, searched: tuple[Path, list[dict[str, Any]]]
) -> None:
    """A metric that was never recorded: the score, in the direction of what it is the score of."""
    other = Objective(metric="val_auc", direction="maximize")
    assert [candidate.values for candidate in rank_project(project, other)] == searched[1]


def test_rank_project_passes_over_what_is_half_written(project: Path) -> None:
    """A folder without its file, half a file, a running trial, a score of NaN."""
    first, second, third, fourth = paths_of(project)
    first.unlink()
    second.write_text(second.read_text()[:100])
    change(third, lambda trial: trial.update(status="RUNNING", score=None))
    assert len(rank_project(project, LOSS)) == 1
    change(fourth, lambda trial: trial.update(score=float("nan")))
    with pytest.raises(NoLeaderError, match="no trial has completed"):
        rank_project(project, LOSS)


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"hyperparameters": []}', "null", "[" * 9999])
def test_rank_project_foreign_json_is_passed_over(text: str, project: Path) -> None:
    """Any JSON may lie in that place."""
    paths_of(project)[0].write_text(text)
    assert len(rank_project(project, LOSS)) == 3


def test_rank_project_drops_the_tuners_own_values(project: Path) -> None:
    """KerasTuner's Hyperband keeps its books among the hyperparameters."""
    for path in paths_of(project):
        change(path, lambda trial: trial["hyperparameters"]["values"].update({"tuner/epochs": 3}))
    assert all("tuner/epochs" not in item.values for item in rank_project(project, LOSS))


def test_rank_project_other_folder_is_refused(tmp_path: Path) -> None:
    """A folder that is none, and one without a project; the message says what was looked for."""
    with pytest.raises(OptionError, match="there is no such folder"):
        rank_project(tmp_path / "nowhere", LOSS)
    with pytest.raises(OptionError, match=r"oracle\.json and trial_\*/trial\.json are missing"):
        rank_project(tmp_path, LOSS)


def test_rank_project_loads_no_tensorflow() -> None:
    """The driver reads JSON; neither KerasTuner nor TensorFlow is imported for it."""
    script = (
        "import sys, sweeps.warm_start.keras_tuner_project; "
        "print([name for name in ('tensorflow', 'keras', 'keras_tuner') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def paths_of(project: Path) -> list[Path]:
    return sorted(project.glob("trial_*/trial.json"))


def change(path: Path, edit: Any) -> None:
    trial = json.loads(path.read_text())
    edit(trial)
    path.write_text(json.dumps(trial))


def observe(trial: dict[str, Any], metric: str, value: float) -> None:
    observations = [{"value": [value], "step": 0}]
    trial["metrics"]["metrics"][metric]["observations"] = observations
