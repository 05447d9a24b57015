"""Finds, verifies and loads the model of a bundle or of a sweep's bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import verify_files
from sweeps.durable import refuse_links
from sweeps.errors import NoLeaderError, OptionError, SweepNotFoundError
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.spec.targets import is_file_source


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


def load_bundle(folder: Path, *, custom_module: str | Path | None = None) -> Any:
    """Load a model whose files are exactly those that were exported.

    Args:
        folder: A bundle, or a sweep that has one.
        custom_module: Python file, or dotted name of a module, that registers the model's own
            classes. It is imported; nothing else of the user's ever is.

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

    if custom_module is not None:
        from sweeps.training.user_code import load_module

        load_module(resolve_module(custom_module))
    return load_model(bundle.model)


def resolve_module(source: str | Path) -> str:
    """Give the absolute path of a Python file, and the name of a module as it is.

    Raises:
        OptionError: There is no such file.
    """
    text = str(source)
    if not is_file_source(text):
        return text
    path = Path(text).resolve()
    if path.suffix != ".py" or not path.is_file():
        raise OptionError(f"custom module: got {text!r}; expected a Python file that exists.")
    return str(path)
