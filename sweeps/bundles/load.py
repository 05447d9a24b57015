"""Finds, verifies and loads the model of a bundle or of a sweep's bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import verify_files
from sweeps.errors import NoLeaderError, SweepNotFoundError
from sweeps.paths import BundlePaths, SweepPaths


def find_bundle(folder: Path) -> BundlePaths:
    """Find the bundle in a folder: the folder itself, or the ``bundle`` of a sweep.

    Raises:
        NoLeaderError: The folder is a sweep that has no bundle yet.
        SweepNotFoundError: The folder is neither a sweep nor a bundle.
    """
    if (bundle := BundlePaths(folder)).manifest.exists():
        return bundle
    sweep = SweepPaths(folder)
    if sweep.bundle.manifest.exists():
        return sweep.bundle
    if sweep.spec.exists():
        raise NoLeaderError(
            f"{folder}: there is no bundle yet. Finish the sweep with: "
            f"python -m sweeps resume {folder}"
        )
    raise SweepNotFoundError(f"{folder}: neither a sweep's folder nor a bundle.")


def load_bundle(folder: Path) -> Any:
    """Load a model whose files are exactly those that were exported.

    Returns:
        A compiled ``keras.Model``.

    Raises:
        BundleError: A file was changed, removed or added since the export.
        ValueError: The model holds code or classes that Keras does not load on trust.
    """
    bundle = find_bundle(folder)
    verify_files(bundle)
    from sweeps.training.models import load_model

    return load_model(bundle.model)
