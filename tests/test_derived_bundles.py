"""Bundles that are no trial's own: a mean of several, parameters trained again. And predict."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from sweeps.bundles.manifest import verify_files
from sweeps.cli.app import run_command_line
from sweeps.durable import read_json, write_json
from sweeps.errors import (
    BundleError,
    CheckpointError,
    InputError,
    NoLeaderError,
    OptionError,
    SweepHeldError,
)
from sweeps.lock import hold_sweep
from sweeps.paths import BundlePaths, SweepPaths
from tests.conftest import FAKES
from tests.fakes.tiny_model import load

SPACE = f"""\
name: tiny
model: {FAKES / "tiny_model.py"}:build
data: {FAKES / "tiny_model.py"}:load
objective: {{metric: val_accuracy, direction: maximize}}
limits: {{trials: 3, workers: 1}}
pruner: none
training: {{epochs: 2, batch_size: 16}}
export: {{formats: [keras], class_names: [different, same]}}
"""


def rank(folder: Path) -> list[Any]:
    trials = sweeps.read(folder).trials
    return sorted(trials, key=lambda trial: (-trial.value, trial.number))


def test_ensemble_is_the_mean_of_the_best_and_is_scored_beside_them(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One Keras model; its scores and those of its members are computed, told and recorded."""
    first, second = rank(folder)[:2]
    assert run_command_line(["export", str(folder), "--ensemble", "2"]) == 0
    place = folder / "bundle-ensemble"
    printed = capfd.readouterr()
    assert printed.out == f"{place}\n"
    manifest = verify_files(BundlePaths(place))
    assert [member["trial"] for member in manifest["members"]] == [first.number, second.number]
    for member, trial in zip(manifest["members"], (first, second), strict=True):
        assert member["scores"]["validation"]["accuracy"] == pytest.approx(trial.value)
        assert f"trial {trial.number:04d}: validation accuracy {trial.value:.6g}" in printed.err
    outputs = [
        load_trial(folder, trial).predict(load()["test"][0], verbose=0) for trial in (first, second)
    ]
    model = sweeps.load(place)
    given = model.predict(load()["test"][0], verbose=0)
    np.testing.assert_allclose(given, np.mean(outputs, axis=0), atol=1e-6)
    scores = model.evaluate(*load()["validation"], return_dict=True, verbose=0)
    assert manifest["scores"]["validation"]["accuracy"] == pytest.approx(scores["accuracy"])
    assert manifest["objective"]["value"] == pytest.approx(scores["accuracy"])
    assert "their mean: validation accuracy" in printed.err
    assert "The mean of the outputs of trials" in (place / "README.md").read_text()


def load_trial(folder: Path, trial: Any) -> Any:
    import keras

    path = SweepPaths(folder).trial(trial.number).checkpoints / trial.checkpoint
    return keras.models.load_model(path)


def test_ensemble_that_is_there_is_taken_and_another_one_is_made(folder: Path) -> None:
    """A mean of the same trials is not made twice; one of others replaces it."""
    before = sweeps.export(folder, ensemble=2).manifest
    assert sweeps.export(folder, ensemble=2).manifest["created"] == before["created"]
    assert len(sweeps.export(folder, ensemble=3).manifest["members"]) == 3


def test_ensemble_member_that_does_not_reproduce_its_value_fails_it(folder: Path) -> None:
    """Promise 13 holds for each member: a wrong record is found, and nothing is published."""
    second = rank(folder)[1]
    path = SweepPaths(folder).trial(second.number).best
    write_json(path, {**read_json(path), "value": 0.125})
    with pytest.raises(BundleError, match=f"trial {second.number:04d}: 'val_accuracy' of"):
        sweeps.export(folder, ensemble=2)
    assert not (folder / "bundle-ensemble").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ensemble": 1}, "expected at least 2 trials"),
        ({"ensemble": 4}, "has 3 to choose from"),
        ({"ensemble": 2, "trial": 1}, "--trial 1 and --ensemble 2: expected one of them"),
    ],
)
def test_ensemble_of_an_impossible_number_is_refused(
    folder: Path, options: dict[str, int], message: str
) -> None:
    """What makes no sense is told before anything is started."""
    with pytest.raises(OptionError, match=message):
        sweeps.export(folder, **options)


def test_ensemble_with_a_deleted_checkpoint_is_refused(folder: Path) -> None:
    """The trial is named, and what to do."""
    second = rank(folder)[1]
    shutil.rmtree(SweepPaths(folder).trial(second.number).checkpoints)
    with pytest.raises(CheckpointError, match=f"trial {second.number:04d}: its checkpoint was del"):
        sweeps.export(folder, ensemble=2)


def test_retrain_learns_from_training_and_validation_data(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A bundle of its own says that it was trained again, for how long, with its test scores."""
    best = sweeps.read(folder).best
    assert best is not None
    leader = (folder / "bundle/manifest.json").read_bytes()
    assert run_command_line(["best", str(folder), "--retrain"]) == 0
    place = folder / "bundle-retrained"
    assert capfd.readouterr().out == f"{place}\n"
    manifest = verify_files(BundlePaths(place))
    assert manifest["retrained"] is True
    assert (manifest["trial"], manifest["epoch"]) == (best.number, best.best_epoch)
    assert manifest["objective"]["value"] is None
    assert manifest["trial_value"] == best.value
    assert list(manifest["scores"]) == ["test"]
    model = sweeps.load(place)
    assert model.optimizer.iterations.numpy() == best.best_epoch * 15  # 240 samples, 16 a batch
    scores = model.evaluate(*load()["test"], return_dict=True, verbose=0)
    assert manifest["scores"]["test"]["loss"] == pytest.approx(scores["loss"])
    assert "trained again on training and validation data" in (place / "README.md").read_text()
    assert (folder / "bundle/manifest.json").read_bytes() == leader
    assert sweeps.retrain(folder).manifest["created"] == manifest["created"]


def test_retrain_without_validation_data_says_so(folder: Path) -> None:
    """There is nothing more to learn from; what the user did is told, and nothing is left."""
    spec = SweepPaths(folder).spec
    record = read_json(spec)
    record["spec"]["data"] = f"{FAKES / 'tiny_model.py'}:load_train_only"
    write_json(spec, record)
    with pytest.raises(BundleError, match="there is no validation data to train on"):
        sweeps.retrain(folder)
    assert not (folder / "bundle-retrained").exists()


def test_retrain_of_a_trial_without_a_record_is_refused(folder: Path) -> None:
    """Nobody knows for how many epochs to train."""
    best = sweeps.read(folder).best
    assert best is not None
    SweepPaths(folder).trial(best.number).best.unlink()
    with pytest.raises(CheckpointError, match="nobody knows for how long to train"):
        sweeps.retrain(folder)


@pytest.mark.parametrize(
    "export", [sweeps.retrain, lambda folder: sweeps.export(folder, ensemble=2)]
)
def test_derived_bundle_of_a_held_sweep_waits(folder: Path, export: Any) -> None:
    """While a process works on the sweep its best trials may still change."""
    with hold_sweep(SweepPaths(folder).lock), pytest.raises(SweepHeldError):
        export(folder)


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_best_options_without_retrain_are_refused(
    folder: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """An option that would be ignored is a mistake."""
    given = ["--retrain", *arguments] if arguments else ["--to", "elsewhere"]
    assert run_command_line(["best", str(folder), *given]) == 2
    assert "--retrain" in capfd.readouterr().err


def test_predict_of_an_array_is_what_keras_predicts(trained: Path) -> None:
    """Batch by batch it comes to the same numbers, whole or not, and from whole numbers too."""
    x = load()["test"][0]
    expected = sweeps.load(trained).predict(x, verbose=0)
    np.testing.assert_allclose(sweeps.predict(trained, x, batch_size=7), expected, atol=1e-6)
    np.testing.assert_allclose(
        sweeps.predict(trained, {"numbers": x.tolist()}), expected, atol=1e-6
    )


@pytest.mark.parametrize("output", ["out.npy", "out.npz", "out.csv", None])
def test_predict_command_writes_what_the_model_says(
    trained: Path, tmp_path: Path, output: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """From a table to each kind of file, or to the screen, with the names of the classes."""
    x = load()["test"][0]
    np.savetxt(tmp_path / "in.csv", x, delimiter=",", header="a,b,c,d", comments="")
    expected = sweeps.load(trained).predict(x, verbose=0)
    target = [] if output is None else ["--output", str(tmp_path / output)]
    assert run_command_line(["predict", str(trained), str(tmp_path / "in.csv"), *target]) == 0
    printed = capfd.readouterr().out
    if output == "out.npy":
        found = np.load(tmp_path / output)
    elif output == "out.npz":
        with np.load(tmp_path / output) as file:
            found = file[next(name for name in file.files if name != "class")]
            names = np.array(["different", "same"])
            assert file["class"].tolist() == names[expected.argmax(axis=1)].tolist()
    else:
        text = printed if output is None else (tmp_path / output).read_text()
        assert text.startswith("class,different,same\n")
        columns = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, dtype=str)
        found = columns[:, 1:].astype("float32")
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((3, 5)), r"input 'numbers' has the shape \(3, 5\); expected \(samples, 4\)"),
        (np.full((3, 4), np.nan), "holds nan in sample 0"),
        (np.zeros((0, 4)), "is empty"),
        ("missing.npy", "there is no such file or folder"),
    ],
)
def test_predict_refuses_before_it_loads_the_model(
    trained: Path, given: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake costs milliseconds: Keras has not been asked for anything."""
    from sweeps.bundles import predict

    monkeypatch.setattr(predict, "load_bundle", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(InputError, match=message):
        sweeps.predict(trained, given)


def test_predict_with_a_changed_bundle_is_refused(folder: Path) -> None:
    """The digests are looked at first: a model that somebody changed predicts nothing."""
    model = folder / "bundle/model.keras"
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(BundleError, match=r"model\.keras: the file was changed after export"):
        sweeps.predict(folder, load()["test"][0])


def test_predict_without_a_bundle_says_how_to_get_one(folder: Path) -> None:
    """An unfinished sweep has none."""
    shutil.rmtree(folder / "bundle")
    with pytest.raises(NoLeaderError, match="Finish the sweep with"):
        sweeps.predict(folder, load()["test"][0])


def test_predict_command_tells_a_mistake_with_status_2(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One sentence, no traceback, and no file."""
    np.save(tmp_path / "in.npy", np.zeros((2, 4)))
    given = ["predict", str(trained), str(tmp_path / "in.npy")]
    assert run_command_line([*given, "--output", str(tmp_path / "out.txt")]) == 2
    assert "expected a file whose name ends in" in capfd.readouterr().err
    assert run_command_line([*given, "--scale", "1/0"]) == 2
    assert "--scale 1/0: expected a number" in capfd.readouterr().err
    assert run_command_line([*given, "--scale", "1e400"]) == 2
    assert "--scale 1e400: expected a number" in capfd.readouterr().err
    assert os.listdir(tmp_path) == ["in.npy"]  # noqa: PTH208
