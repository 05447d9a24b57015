"""The list of a bundle's files with their digests, and where its model came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweeps.durable import digest_file, read_json, refuse_links, write_json
from sweeps.errors import BundleError
from sweeps.paths import BundlePaths

SCHEMA = 1


def write_manifest(bundle: BundlePaths, origin: dict[str, Any]) -> None:
    """Write the manifest of all files that are in a bundle's folder now.

    Args:
        bundle: The folder, complete but for the manifest.
        origin: What is known of the model: sweep, trial, scores, parameters, versions.
    """
    files = {
        path.relative_to(bundle.root).as_posix(): _describe_file(path)
        for path in sorted(bundle.root.rglob("*"))
        if path.is_file() and path != bundle.manifest
    }
    write_json(bundle.manifest, {"schema": SCHEMA, **origin, "files": files})


def read_manifest(bundle: BundlePaths) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        BundleError: There is none, it is no JSON, or a newer version of this package wrote it.
    """
    if not bundle.manifest.is_file():
        raise BundleError(f"{bundle.root}: there is no manifest.json, so this is no bundle.")
    try:
        manifest: dict[str, Any] = read_json(bundle.manifest)
        _check_schema(bundle, manifest["schema"])
        manifest["files"].items()
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{bundle.manifest}: not a manifest ({error}).") from error
    return manifest


def _check_schema(bundle: BundlePaths, schema: Any) -> None:
    if not isinstance(schema, int) or schema > SCHEMA:
        raise BundleError(
            f"{bundle.manifest}: schema {schema!r} is newer than this version of keras-sweeps "
            f"reads ({SCHEMA}). Upgrade with: pip install -U keras-sweeps"
        )


def verify_files(bundle: BundlePaths) -> dict[str, Any]:
    """Make sure that a bundle holds exactly the files of its manifest, unchanged.

    Returns:
        The manifest.

    Raises:
        BundleError: A file was changed, truncated, removed or added; the message names it.
        UnsafeFolderError: It holds a link, which is never followed.
    """
    manifest = read_manifest(bundle)
    listed: dict[str, Any] = manifest["files"]
    refuse_links(bundle.root)
    for name, recorded in listed.items():
        path = _resolve(bundle, name)
        if not path.is_file():
            raise BundleError(f"{path}: the file is missing. Export the bundle again.")
        if _describe_file(path) != recorded:
            raise BundleError(
                f"{path}: the file was changed after export (size or SHA-256 differ from the "
                "manifest). Do not use it; export the bundle again."
            )
    for path in bundle.root.rglob("*"):
        name = path.relative_to(bundle.root).as_posix()
        if not path.is_dir() and path != bundle.manifest and name not in listed:
            raise BundleError(f"{path}: the file is not in the manifest. Remove it.")
    return manifest


def _resolve(bundle: BundlePaths, name: str) -> Path:
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts or not parts or "\0" in name:
        raise BundleError(
            f"{bundle.manifest}: got the file name {name!r}, which leaves the bundle."
        )
    return bundle.root / name


def _describe_file(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest_file(path)}
