"""Tests of `sweeps.bundles.export` and `sweeps.bundles.load`, with a real model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.export import Export, draft_bundle, export_bundle
from sweeps.bundles.load import find_bundle, load_bundle
from sweeps.bundles.manifest import verify_files
from sweeps.bundles.verify import verify
from sweeps.errors import BundleError, CheckpointError, NoLeaderError, SweepNotFoundError
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import Objective, SweepSpec
from sweeps.training.arrays import read_arrays

VALUES = {"rate": 0.1}


def make_spec(metric: str = "val_accuracy", **changes: Any) -> SweepSpec:
    return SweepSpec(
        name="tiny",
        model="tests.training.spaces:build_mlp",
        data="tests.training.spaces:load_mlp",
        objective=Objective(metric=metric, direction="maximize"),
        **changes,
    )


def make_trial(value: float | None = 0.5) -> TrialRecord:
    return TrialRecord(number=7, state="complete", value=value, best_epoch=3, params=VALUES)


def write_model(
    score: Any, content: bytes = b"abc", *, value: float | None = 0.5, own_fit: bool = False
) -> Callable[[int, Path], dict[str, Any]]:
    """Stand for the trial process that exports, with the score that it finds."""

    def write(number: int, folder: Path) -> dict[str, Any]:
        assert number == 7
        BundlePaths(folder).model.write_bytes(content)
        scores = {"validation": {"loss": 1.0, "accuracy": score}}
        return {
            "scores": scores,
            "value": value,
            "others": {},
            "facts": {},
            "own_fit": own_fit,
            "signature": None,
            "samples_error": "it takes no arrays",
            "custom_objects": [],
        }

    return write


VERSIONS = {"python": "3.11.7", "keras": "3.15.1", "tensorflow": "2.21.0", "h5py": "3.14.0"}

ExportScore = Callable[..., None]


@pytest.fixture
def export(paths: SweepPaths, runtimes: Runtimes) -> ExportScore:
    """Export a model without samples, whose scores alone prove it."""

    def run(score: Any, value: float | None = 0.5, **options: Any) -> None:
        spec, write = make_spec(**options), write_model(score, value=value)
        origin = {"versions": VERSIONS}
        made = Export(spec, make_trial(value), write, origin, ["keras"])
        export_bundle(paths.bundle.root, made, runtimes)

    return run


@pytest.fixture
def paths(tmp_path: Path) -> SweepPaths:
    return SweepPaths(tmp_path / "tiny")


def test_export_bundle_writes_model_and_manifest(paths: SweepPaths, export: ExportScore) -> None:
    """The manifest tells where the model came from and what it scores."""
    export(0.5)
    manifest = verify_files(find_bundle(paths.root))
    manifest.pop("created")
    assert manifest == {
        "schema": 1,
        "sweep": "tiny",
        "trial": 7,
        "epoch": 3,
        "objective": {
            "metric": "val_accuracy",
            "direction": "maximize",
            "value": 0.5,
            "is_recomputed": True,
        },
        "scores": {"validation": {"loss": 1.0, "accuracy": 0.5}},
        "parameters": {"rate": 0.1},
        "seed": 0,
        "inputs": [],
        "outputs": [],
        "samples_error": "it takes no arrays",
        "custom_objects": [],
        "versions": VERSIONS,
        "formats": {"keras": {"proven_by": "scores"}},
        "files": manifest["files"],
    }
    assert list(manifest["files"]) == ["MLmodel", "model.keras", "requirements.txt"]
    assert os.listdir(paths.root) == ["bundle"]  # noqa: PTH208


def test_export_bundle_of_a_draft_is_the_same_bundle(
    paths: SweepPaths, runtimes: Runtimes, tmp_path: Path
) -> None:
    """What takes long may have been done before; the draft's folder is empty then."""
    plan = Export(make_spec(), make_trial(), write_model(0.5), {"versions": VERSIONS}, ["keras"])
    export_bundle(paths.bundle.root, plan, runtimes)
    manifest = verify_files(paths.bundle)
    folder = tmp_path / "draft"
    folder.mkdir()
    draft = draft_bundle(folder, plan, runtimes)
    export_bundle(paths.bundle.root, plan, runtimes, draft)
    drafted = verify_files(paths.bundle)
    assert {**drafted, "created": ""} == {**manifest, "created": ""}
    assert os.listdir(folder) == []  # noqa: PTH208


@pytest.mark.parametrize(
    ("score", "value"), [(0.51, 0.5), (float("nan"), 0.5), (None, 0.5), (0.5, None), (0.5001, 0.5)]
)
def test_export_bundle_that_does_not_reproduce_its_score_leaves_the_older_bundle(
    paths: SweepPaths, export: ExportScore, score: Any, value: float | None
) -> None:
    """Promise 13: a number that cannot be computed again is not published."""
    export(0.5)
    before = paths.bundle.manifest.read_bytes()
    with pytest.raises(BundleError, match="trial 0007"):
        export(score, value)
    assert paths.bundle.manifest.read_bytes() == before
    assert paths.bundle.model.read_bytes() == b"abc"
    assert os.listdir(paths.root) == ["bundle"]  # noqa: PTH208


def test_export_bundle_allows_what_rounding_explains(export: ExportScore) -> None:
    """The last bits may differ after loading; a different model does not hide there."""
    export(0.5 + 1e-7)
    export(0.5)


def test_export_bundle_training_metric_is_not_compared(export: ExportScore) -> None:
    """It was computed while the weights still changed."""
    export(0.9, metric="accuracy")


def test_export_bundle_passes_an_error_on_and_leaves_nothing(
    paths: SweepPaths, runtimes: Runtimes
) -> None:
    """A model that cannot be written costs no older bundle and leaves no half one."""

    def fail(number: int, folder: Path) -> dict[str, Any]:
        BundlePaths(folder).model.write_bytes(b"half")
        raise BundleError("no config")

    with pytest.raises(BundleError, match="no config"):
        export_bundle(paths.bundle.root, Export(make_spec(), make_trial(), fail, {}, []), runtimes)
    assert os.listdir(paths.root) == []  # noqa: PTH208


def test_find_bundle_of_a_sweep_and_of_the_bundle_itself(
    paths: SweepPaths, export: ExportScore
) -> None:
    """Both folders can be named."""
    export(0.5)
    assert find_bundle(paths.root) == find_bundle(paths.bundle.root) == paths.bundle


def test_find_bundle_says_what_is_missing(paths: SweepPaths) -> None:
    """A sweep without a bundle names the command; another folder is neither."""
    paths.root.mkdir()
    with pytest.raises(SweepNotFoundError, match="neither a sweep's folder nor a bundle"):
        find_bundle(paths.root)
    paths.spec.write_text("{}")
    with pytest.raises(NoLeaderError, match=f"python -m sweeps resume {paths.root}"):
        find_bundle(paths.root)
    with pytest.raises(SweepNotFoundError):
        find_bundle(paths.root / "missing")


def test_load_bundle_verifies_before_it_loads(paths: SweepPaths, export: ExportScore) -> None:
    """A changed file is refused by its digest, whatever Keras would make of it."""
    export(0.5)
    paths.bundle.model.write_bytes(b"abd")
    with pytest.raises(BundleError, match="the file was changed after export"):
        load_bundle(paths.root)


def export_trained(
    paths: SweepPaths, template: str, runtimes: Runtimes, num_samples: int = 3
) -> Any:
    """Train a trial for real and export its best checkpoint in this process."""
    from sweeps.durable import read_json
    from sweeps.spec.model import Checkpoint, Training
    from sweeps.spec.model import Export as ExportSpec
    from sweeps.training.evaluate import export_model
    from sweeps.training.train import Attempt, train_trial
    from tests.training.samples import FakeChannel

    spec = make_spec(
        "val_loss",
        training=Training(epochs=2, batch_size=8),
        checkpoint=Checkpoint(path=template, save_weights_only=template.endswith(".h5")),
        export=ExportSpec(samples=num_samples),
    )
    trial = paths.trial(7)
    end = train_trial(spec, trial, Attempt(7, 1, VALUES, seed=1), FakeChannel())
    assert end.best is not None
    record = TrialRecord(number=7, state="complete", value=end.best.value, best_epoch=2)

    def write(number: int, folder: Path) -> dict[str, Any]:
        return export_model(spec, trial, read_json(trial.params), BundlePaths(folder))

    export = Export(spec, record, write, {"versions": VERSIONS}, ["keras", "saved_model"])
    export_bundle(paths.bundle.root, export, runtimes)
    return end.best


@pytest.mark.parametrize("template", ["{epoch}.keras", "{epoch}.weights.h5"])
def test_export_bundle_of_a_trained_trial_loads_and_scores_the_same(
    paths: SweepPaths, runtimes: Runtimes, template: str
) -> None:
    """Promise 11: the exported file is a whole model, with the recorded validation loss."""
    from tests.training.samples import make_data

    best = export_trained(paths, template, runtimes)
    model = load_bundle(paths.root)
    validation = make_data().validation
    assert validation is not None
    scores = model.evaluate(*validation.arrays, batch_size=8, return_dict=True, verbose=0)
    assert scores["loss"] == best.value
    (samples,) = read_arrays(paths.bundle.sample_inputs).values()
    assert samples.shape == (3, 4)
    manifest = verify_files(BundlePaths(paths.bundle.root))
    assert manifest["scores"]["validation"]["loss"] == best.value
    assert [each["shape"] for each in manifest["inputs"]] == [[None, 4]]
    assert [each["shape"] for each in manifest["outputs"]] == [[None, 3]]


def test_export_bundle_without_samples_is_proven_all_the_same(
    paths: SweepPaths, runtimes: Runtimes
) -> None:
    """Where no row of the data may leave the house, none does."""
    export_trained(paths, "{epoch}.keras", runtimes, num_samples=0)
    manifest = verify_files(paths.bundle)
    assert not [name for name in manifest["files"] if name.startswith("samples")]
    assert manifest["samples_error"] == "export.samples is 0"
    assert manifest["formats"]["saved_model"]["difference"] < 1e-5
    assert len(manifest["inputs"]) == 1
    states = {proof.format: proof.state for proof in verify(paths.bundle.root).proofs}
    assert states == {"keras": "skipped", "saved_model": "skipped"}


def test_export_bundle_refuses_a_checkpoint_that_changed(
    paths: SweepPaths, runtimes: Runtimes
) -> None:
    """The digest beside the checkpoint is looked at before anything is made of it."""
    best = export_trained(paths, "{epoch}.keras", runtimes)
    path = paths.trial(7).checkpoints / best.file
    path.write_bytes(path.read_bytes() + b"\0")
    from sweeps.training.evaluate import export_model

    with pytest.raises(CheckpointError, match="is not the one that was saved"):
        export_model(make_spec("val_loss"), paths.trial(7), {}, paths.bundle)
