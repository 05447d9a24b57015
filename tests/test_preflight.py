"""Tests of `sweeps.preflight`: checkpoint arguments, looked at without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps
from sweeps.errors import CheckError, SpecError
from sweeps.preflight import load_space
from sweeps.search.proposals import find_infeasible
from tests.conftest import MakeSpace


def find_problems(folder: Path, text: str, metric: str = "val_loss") -> list[str]:
    """Load a space file with these lines; no problem gives an empty list."""
    (folder / "model.py").write_text("")
    (folder / "space.yaml").write_text(
        "model: model.py:build\ndata: model.py:load\n"
        f"objective: {metric}\nparameters: {{units: [1, 2]}}\n{text}\n"
    )
    try:
        load_space(folder / "space.yaml", [])
    except SpecError as error:
        return [f"{problem.key}: {problem.message}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("checkpoint: {mode: max}", "checkpoint.mode: got 'max', but 'val_loss' is the objective"),
        ("checkpoint: {monitor: fitness}", "checkpoint.mode: got None; expected min or max"),
        (
            "checkpoint: {save_best_only: false, save_freq: 5, path: '{epoch}-{batch}.keras'}\n"
            "keep: {trial_best: 2}",
            "keep.trial_best: got 2, but with save_freq: 5 and save_best_only: false",
        ),
        ("keep: {best: 1, latest: 2}", "keep.latest: got 2 with keep.best: 1"),
        ("keep: {latest: 1}\nfolds: 3", "keep.latest: got 1 beside repeats or folds"),
        ("keep: {latest: -1}", "keep.latest: got -1; expected a whole number, at least 0"),
        ("checkpoint: {monitor: num_weights, mode: min}", "which no epoch changes"),
        ("checkpoint: {save_freq: 5}", "'val_loss' (objective.metric) exists only after an epoch"),
        ("checkpoint: {path: '{batch}.keras'}", "checkpoint.path: got the field {batch}"),
        ("checkpoint: {verbose: 3}", "checkpoint.verbose: got 3; expected 0 or 1"),
        ("training: {callbacks: other.py:make}", "there is no file 'other.py'"),
    ],
)
def test_load_space_refuses_checkpoint_arguments_that_cannot_work(
    tmp_path: Path, text: str, message: str
) -> None:
    """Each mistake is told before any training, with its key."""
    (problem,) = find_problems(tmp_path, text)
    assert message in problem


def test_load_space_save_freq_in_batches_is_refused_beside_repeats(tmp_path: Path) -> None:
    """The mean over repeats would need the value of each of their checkpoints."""
    (problem,) = find_problems(tmp_path, "checkpoint: {save_freq: 5}\nrepeats: 2", "loss")
    assert "beside repeats or folds" in problem


@pytest.mark.parametrize(
    "text",
    [
        "checkpoint: {monitor: val_accuracy, verbose: true, initial_value_threshold: 0.5}",
        "checkpoint: {monitor: fitness, mode: max}",
        "checkpoint: {path: '{epoch}-{batch}.keras', save_best_only: false, save_freq: 5}",
        "training: {callbacks: model.py:make}",
    ],
)
def test_load_space_takes_every_argument_of_model_checkpoint(tmp_path: Path, text: str) -> None:
    """What Keras knows is understood."""
    assert find_problems(tmp_path, text) == []


@pytest.mark.usefixtures("shared_engine")
def test_check_parameter_of_the_file_below_one_of_the_code(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """The model is looked at with what a trial would have, once the code has told the parent."""
    code = tmp_path / "opened_model.py"
    code.write_text(
        "import keras\n"
        "def build(hp):\n"
        "    units = hp.get('units') if hp.Choice('kind', ['wide', 'deep']) == 'wide' else 8\n"
        "    layers = [keras.layers.Dense(units), keras.layers.Dense(2)]\n"
        "    model = keras.Sequential([keras.Input((4,)), *layers])\n"
        "    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
        "    model.compile('adam', loss, metrics=['accuracy'])\n"
        "    return model\n"
    )
    parameters = "{units: {type: int, low: 8, high: 16, when: {kind: wide}}}"
    space = make_space(model=f"{code}:build", parameters=parameters)
    assert sweeps.check(space).declared == ("kind",)


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_constraints_that_no_point_fulfils_are_found_before_anything_is_written(
    tmp_path: Path, make_space: MakeSpace, sampler: str, shared_engine: object
) -> None:
    """A sweep would begin trials that fail, and leave a folder which nobody can resume."""
    del shared_engine
    lines = {
        "parameters": "{units: {type: int, low: 8, high: 64, step: 8}}",
        "sampler": sampler,
    }
    space = make_space(**lines, constraints="[units > 500]")
    message = r"constraints: no point fulfils .* units > 500\. Loosen"
    with pytest.raises(CheckError, match=message):
        sweeps.check(space)
    with pytest.raises(CheckError, match=message):
        sweeps.run(space, results=tmp_path / "results")
    assert not (tmp_path / "results").exists()
    for possible in ("[]", "[units > 50]", "[units != 8]"):
        assert find_infeasible(load_space(make_space(**lines, constraints=possible), ())) == ""
