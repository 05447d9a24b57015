"""Takes a bundle elsewhere: as a folder, as one archive, or to a URL that fsspec knows."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from sweeps.bundles.manifest import verify_files
from sweeps.durable import TEMPORARY_MARK, commit_dir, make_dir, write_atomic
from sweeps.errors import BundleError, MissingExtraError, OptionError
from sweeps.paths import BundlePaths

_ARCHIVE = ".tar"


def is_url(target: str) -> bool:
    """Tell a URL, such as ``s3://bucket/models``, from a folder."""
    return "://" in target


def check_target(target: str, *, archive: bool) -> None:
    """Make sure that a bundle can be delivered, before it costs anything.

    Raises:
        OptionError: Something else than a bundle lies there, or nothing can be written there.
        MissingExtraError: A URL needs fsspec, which is not installed.
    """
    if is_url(target):
        _open_url(target)
        return
    path = Path(_name_target(target, archive=archive)).absolute()
    try:
        _check_free(path, archive=archive)
        existing = next(parent for parent in path.parents if parent.exists())
    except OSError as error:
        raise OptionError(f"{target}: {error.strerror}. Choose another target.") from error
    try:
        tempfile.TemporaryDirectory(prefix=TEMPORARY_MARK, dir=existing).cleanup()
    except OSError as error:
        raise OptionError(
            f"{target}: {existing} cannot be written ({error.strerror}). Choose another target."
        ) from error


def _check_free(path: Path, *, archive: bool) -> None:
    """Refuse to replace what is no bundle, and to add to one."""
    for parent in path.parents:
        if BundlePaths(parent).manifest.is_file():
            raise OptionError(f"{path}: {parent} is a bundle itself. Choose another target.")
    if archive and path.is_dir():
        raise OptionError(f"{path}: a folder lies here; expected the name of an archive.")
    is_ours = _is_archive(path) if archive else path.is_dir() and _is_replaceable(path)
    if path.exists() and not is_ours:
        what = "an archive of a bundle" if archive else "a bundle"
        raise OptionError(
            f"{path}: something else than {what} lies here. Move it away, or choose another target."
        )


def _is_archive(path: Path) -> bool:
    try:
        with tarfile.open(path) as archive:
            names = map(Path, archive.getnames())
            return any(name.name == BundlePaths(name.parent).manifest.name for name in names)
    except (tarfile.TarError, OSError, EOFError):
        return False


def _is_replaceable(folder: Path) -> bool:
    return BundlePaths(folder).manifest.is_file() or not any(folder.iterdir())


def deliver(bundle: BundlePaths, target: str, *, archive: bool) -> str:
    """Copy a bundle to a folder or a URL, as it is or as one archive.

    Its files are compared with the manifest before, and, in a local folder, after. Where a copy
    fails, what was there before is still there; at a URL, where nothing can be renamed, the
    manifest is written last: without it there is no bundle.

    Args:
        bundle: The bundle.
        target: Where to.
        archive: Deliver one file, called `target` with ``.tar`` unless that is its end already.

    Returns:
        Where it is now.

    Raises:
        BundleError: The bundle was changed since it was exported.
        OSError: Nothing can be written there.
    """
    verify_files(bundle)
    target = _name_target(target, archive=archive)
    if is_url(target):
        _upload(bundle, target, archive=archive)
    elif archive:
        make_dir(Path(target).absolute().parent)
        write_atomic(Path(target).absolute(), lambda path: _write_archive_to(path, bundle))
    else:
        commit_dir(Path(target).absolute(), lambda folder: _copy(bundle, folder))
    return target


def write_archive(bundle: BundlePaths, file: BinaryIO) -> None:
    """Write a bundle as a tar archive; equal bundles give equal bytes.

    Nothing but names and contents goes into it: no times, no owners. It is not compressed, so that
    the bytes depend on no library; weights hardly shrink anyway.
    """
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in _list_files(bundle):
            path = bundle.root / name
            entry = tarfile.TarInfo(f"bundle/{name}")
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)


def _name_target(target: str, *, archive: bool) -> str:
    is_named = not archive or target.endswith(_ARCHIVE)
    return target if is_named else target.rstrip("/") + _ARCHIVE


def _write_archive_to(path: Path, bundle: BundlePaths) -> None:
    with path.open("wb") as file:
        write_archive(bundle, file)


def _list_files(bundle: BundlePaths) -> list[str]:
    """List the files of a bundle, the manifest last."""
    return [*sorted(verify_files(bundle)["files"]), bundle.manifest.name]


def _copy(bundle: BundlePaths, folder: Path) -> None:
    for name in _list_files(bundle):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle.root / name, folder / name)
    verify_files(BundlePaths(folder))


def _open_url(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(f"the target {url!r}", package="fsspec", extra="url") from error
    try:
        files, path = url_to_fs(url)
    except (ValueError, ImportError) as error:  # an unknown protocol, or its package is missing
        raise OptionError(f"{url}: {error}") from error
    return files, path


def _upload(bundle: BundlePaths, url: str, *, archive: bool) -> None:
    files, path = _open_url(url)
    files.makedirs(path.rpartition("/")[0] if archive else path, exist_ok=True)
    if archive:
        with files.open(path, "wb") as file:
            write_archive(bundle, file)
        return
    _clear(files, path, bundle.manifest.name, url)
    for name in _list_files(bundle):
        target = f"{path.rstrip('/')}/{name}"
        files.makedirs(target.rpartition("/")[0], exist_ok=True)
        files.put_file(str(bundle.root / name), target)
        if files.size(target) != (bundle.root / name).stat().st_size:
            raise BundleError(f"{url}: {name} did not arrive as a whole. Export again.")


def _clear(files: Any, path: str, manifest: str, url: str) -> None:
    """Delete an older bundle, its manifest first."""
    old = files.find(path)
    if not old:
        return
    target = f"{path.rstrip('/')}/{manifest}"
    if not files.exists(target):
        raise OptionError(f"{url}: something else than a bundle lies here. Choose another target.")
    files.rm_file(target)
    for name in files.find(path):
        files.rm_file(name)
