"""KerasTuner's own hypermodels run unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner
import pytest

import sweeps
from sweeps.spec.parameters import default_of
from sweeps.training.hyperparameters import AskingHyperParameters
from sweeps.training.user_code import load_target
from tests.conftest import FAKES, MakeSpace

CODE = FAKES / "keras_tuner_models.py"


@pytest.mark.parametrize("name", ["resnet", "xception"])
def test_application_builds_as_with_keras_tuner(name: str) -> None:
    """The same values, the same space, the same number of weights."""
    hypermodel = load_target(f"{CODE}:{name}")
    ours: Any = AskingHyperParameters(default_of, {})
    theirs = keras_tuner.HyperParameters()
    weights = {hypermodel.build(hp).count_params() for hp in (ours, theirs)}
    assert len(weights) == 1
    assert ours.values == theirs.values
    assert ours.get_config() == theirs.get_config()


@pytest.mark.usefixtures("shared_engine")
@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("xception", {"activation", "num_residual_blocks", "dropout_rate", "learning_rate"}),
        ("augmented", {"factor_rotate"}),
    ],
)
def test_application_runs_in_a_sweep(
    make_space: MakeSpace, tmp_path: Path, name: str, names: set[str]
) -> None:
    """Discovered, trained for an epoch on 16 images, kept and exported."""
    space = make_space(
        "parameters: {batch_size: 8, epochs: 1}\n",
        model=f"{CODE}:{name}",
        data=f"{CODE}:load",
        limits="{trials: 1, workers: 1}",
    )
    report = sweeps.run(space, results=tmp_path)
    assert report.trials[0].state == "complete"
    assert names <= report.trials[0].params.keys()
    assert report.bundle is not None
