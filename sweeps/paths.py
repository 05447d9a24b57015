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
      bundle/                    the leader, verified
        manifest.json  model.keras
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

    def trial(self, number: int) -> TrialPaths:
        """Name the files of trial `number`, which starts at 0 and has four digits or more."""
        return TrialPaths(self.trials / f"{number:04d}")
