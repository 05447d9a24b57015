"""Where everything of a sweep lies on disk. No other module spells a file name.

::

    results/NAME/
      space.yaml                 the space file as given
      spec.json                  the spec as understood, with its fingerprint; written last
      sweep.lock                 held by the driver while it runs
      study.journal              the Optuna study
      trials/0007/
        params.json              what was tried
        history.csv              one row per finished epoch
        checkpoints/             the best checkpoint, under the user's template
          best.json              its file name, value, epoch and SHA-256
        latest/                  what the trial continues from
        log.txt                  output of the trial process
        outcome.json             how the trial ended, and why
        refused.json             what an attempt said after a newer one had begun; rarely there
      bundle/                    the leader, proven before it got this name
        manifest.json            digests of all files, and where the model came from
        model.keras              the model in Keras' own format
        saved_model/1/           as a SavedModel, in the layout of TensorFlow Serving
        model.onnx model.tflite  for ONNX and LiteRT runtimes, where they were asked for
        samples/                 inputs.npz, and the outputs.npz that the model gives for them
        MLmodel                  for MLflow, and servers that read its folders
        requirements.txt         what has to be installed to load it
        README.md                the model card, with its picture learning_curve.svg
        preprocessing.py         a copy of the code that makes its inputs, where one is named
      bundle-0012/               another trial, exported; bundle-ensemble/, bundle-retrained/
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def is_file_name(name: object) -> bool:
    """Tell whether what was read from a record is a plain name, which stays in its folder."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & {*"/\\\0"}


@dataclass(frozen=True)
class TrialPaths:
    """The files of one trial.

    Attributes:
        root: The trial's folder, such as ``results/NAME/trials/0007``.
    """

    root: Path

    @property
    def params(self) -> Path:
        """What was tried: parameter values by name."""
        return self.root / "params.json"

    @property
    def history(self) -> Path:
        """One row per finished epoch."""
        return self.root / "history.csv"

    @property
    def checkpoints(self) -> Path:
        """Folder of best checkpoints."""
        return self.root / "checkpoints"

    @property
    def best(self) -> Path:
        """Record of the best checkpoint: file name, value, epoch, SHA-256."""
        return self.checkpoints / "best.json"

    @property
    def latest(self) -> Path:
        """Folder of the states a trial continues from."""
        return self.root / "latest"

    @property
    def log(self) -> Path:
        """Standard output and error of the trial process."""
        return self.root / "log.txt"

    @property
    def outcome(self) -> Path:
        """How the trial ended, and why."""
        return self.root / "outcome.json"

    @property
    def refused(self) -> Path:
        """What an attempt said after a newer one had begun, or after the trial had ended."""
        return self.root / "refused.json"


@dataclass(frozen=True)
class BundlePaths:
    """The files of a deployment bundle.

    Attributes:
        root: The bundle's folder.
    """

    root: Path

    @property
    def manifest(self) -> Path:
        """List of files with their digests, and where the model came from."""
        return self.root / "manifest.json"

    @property
    def model(self) -> Path:
        """The model in Keras' own format."""
        return self.root / "model.keras"

    @property
    def card(self) -> Path:
        """What a person wants to know of the model, in Markdown."""
        return self.root / "README.md"

    @property
    def curve(self) -> Path:
        """The learning curve that the card shows."""
        return self.root / "learning_curve.svg"

    @property
    def saved_model(self) -> Path:
        """The model as a SavedModel: version 1 of the model that its parent folder is."""
        return self.root / "saved_model" / "1"

    @property
    def onnx(self) -> Path:
        """The model for ONNX runtimes."""
        return self.root / "model.onnx"

    @property
    def litert(self) -> Path:
        """The model for LiteRT, which was called TensorFlow Lite."""
        return self.root / "model.tflite"

    @property
    def sample_inputs(self) -> Path:
        """A few inputs, arrays by the name of the input."""
        return self.root / "samples" / "inputs.npz"

    @property
    def sample_outputs(self) -> Path:
        """What the model gives for them, arrays by the name of the output."""
        return self.root / "samples" / "outputs.npz"

    @property
    def preprocessing(self) -> Path:
        """A copy of the code that makes the model's inputs of raw data."""
        return self.root / "preprocessing.py"

    @property
    def mlmodel(self) -> Path:
        """Tells MLflow, and servers that read its folders, how to load the model."""
        return self.root / "MLmodel"

    @property
    def requirements(self) -> Path:
        """What has to be installed to load the model."""
        return self.root / "requirements.txt"


@dataclass(frozen=True)
class SweepPaths:
    """The files of one sweep.

    Attributes:
        root: The sweep's folder, such as ``results/NAME``.
    """

    root: Path

    @property
    def space(self) -> Path:
        """The space file as given."""
        return self.root / "space.yaml"

    @property
    def spec(self) -> Path:
        """The spec as understood. A folder without it holds no sweep."""
        return self.root / "spec.json"

    @property
    def lock(self) -> Path:
        """Held by the driver while it runs."""
        return self.root / "sweep.lock"

    @property
    def journal(self) -> Path:
        """The Optuna study."""
        return self.root / "study.journal"

    @property
    def trials(self) -> Path:
        """Folder of all trials."""
        return self.root / "trials"

    @property
    def bundle(self) -> BundlePaths:
        """The exported leader."""
        return BundlePaths(self.root / "bundle")

    def exported(self, number: int) -> BundlePaths:
        """Name the bundle of a trial that is not the leader."""
        return BundlePaths(self.root / f"bundle-{number:04d}")

    @property
    def ensemble(self) -> BundlePaths:
        """The exported mean of several trials."""
        return BundlePaths(self.root / "bundle-ensemble")

    @property
    def retrained(self) -> BundlePaths:
        """The leader's parameters, trained again on all data."""
        return BundlePaths(self.root / "bundle-retrained")

    def trial(self, number: int) -> TrialPaths:
        """Name the files of trial `number`, which starts at 0 and has four digits or more."""
        return TrialPaths(self.trials / f"{number:04d}")
