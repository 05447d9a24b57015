"""Finds, verifies and loads the model of a bundle or of a sweep's bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import verify_files
from sweeps.durable import refuse_links
from sweeps.errors import NoLeaderError, SweepNotFoundError
from sweeps.paths import BundlePaths, SweepPaths


def find_bundle(folder: Path) -> BundlePaths:
    """Find the bundle in a folder: the folder itself, or the ``bundle`` of a sweep.

    Raises:
        NoLeaderError: The folder is a sweep that has no bundle yet.
        SweepNotFoundError: The folder is neither a sweep nor a bundle.
        UnsafeFolderError: It holds a link, which is never followed.
    """
    bundle, sweep = BundlePaths(folder), SweepPaths(folder)
    if not any(file.exists() for file in (bundle.manifest, sweep.bundle.manifest, sweep.spec)):
        raise SweepNotFoundError(f"{folder}: neither a sweep's folder nor a bundle.")
    refuse_links(folder)
    if bundle.manifest.exists():
        return bundle
    if sweep.bundle.manifest.exists():
        return sweep.bundle
    raise NoLeaderError(
        f"{folder}: there is no bundle yet. Finish the sweep with: python -m sweeps resume {folder}"
    )


def load_bundle(folder: Path) -> Any:
    """Load a model whose files are exactly those that were exported.

    Returns:
        A compiled ``keras.Model``.

    Raises:
        BundleError: A file was changed, removed or added since the export.
        UnsafeFolderError: The folder holds a link, which is never followed.
        UnsafeModelError: The model holds code, classes that are not registered in this process, or
            what else is not loaded on trust.
    """
    bundle = find_bundle(folder)
    verify_files(bundle)
    from sweeps.training.models import load_model

    return load_model(bundle.model)
