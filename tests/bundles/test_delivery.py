"""Tests of `sweeps.bundles.delivery`: bundles brought elsewhere, whole or not at all."""

from __future__ import annotations

import errno
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sweeps.bundles import delivery
from sweeps.bundles.delivery import check_target, deliver, write_archive
from sweeps.bundles.manifest import verify_files, write_manifest
from sweeps.errors import BundleError, MissingExtraError, OptionError
from sweeps.paths import BundlePaths

FILES = ["bundle/model.keras", "bundle/saved_model/1/saved_model.pb", "bundle/manifest.json"]


def make_bundle(folder: Path, content: bytes = b"abc") -> BundlePaths:
    """Make a bundle of two files; what is in them does not matter here."""
    bundle = BundlePaths(folder)
    bundle.saved_model.mkdir(parents=True)
    bundle.model.write_bytes(content)
    (bundle.saved_model / "saved_model.pb").write_bytes(content)
    write_manifest(bundle, {"trial": 7})
    return bundle


@pytest.fixture
def bundle(tmp_path: Path) -> BundlePaths:
    """Give a bundle."""
    return make_bundle(tmp_path / "made" / "bundle")


def test_deliver_to_a_folder_replaces_an_older_bundle(bundle: BundlePaths, tmp_path: Path) -> None:
    """The copy is a bundle, and nothing of the older one is left in it."""
    target = make_bundle(tmp_path / "there", b"older")
    (target.root / "model.onnx").touch()
    assert deliver(bundle, str(target.root), archive=False) == str(target.root)
    assert verify_files(target) == verify_files(bundle)


@pytest.mark.parametrize("url", ["memory://models/digits", "file://{folder}/digits"])
def test_deliver_to_a_url(bundle: BundlePaths, tmp_path: Path, url: str) -> None:
    """Whatever fsspec knows: the same files, an older bundle replaced; elsewhere as an archive."""
    from fsspec.core import url_to_fs

    url = url.format(folder=tmp_path)
    files, path = url_to_fs(url)
    for content in (b"older", b"newer"):
        made = make_bundle(tmp_path / content.decode(), content)
        if content == b"older":
            made.onnx.touch()
            write_manifest(made, {})
        files.makedirs(path, exist_ok=True)
        check_target(url, archive=False)
        deliver(made, url, archive=False)
    names = sorted(name.partition("digits/")[2] for name in files.find(path))
    assert names == ["manifest.json", "model.keras", "saved_model/1/saved_model.pb"]
    assert files.cat_file(f"{path}/model.keras") == b"newer"
    assert deliver(bundle, f"{url}-2", archive=True) == f"{url}-2.tar"
    assert files.cat_file(f"{path}-2.tar") == pack(bundle)


def test_deliver_to_a_url_where_something_else_lies(bundle: BundlePaths) -> None:
    """What is no bundle is not deleted."""
    from fsspec.core import url_to_fs

    files, path = url_to_fs("memory://other")
    files.pipe_file(f"{path}/thesis.txt", b"text")
    with pytest.raises(OptionError, match="something else than a bundle lies here"):
        deliver(bundle, "memory://other", archive=False)
    assert files.cat_file(f"{path}/thesis.txt") == b"text"


def pack(bundle: BundlePaths) -> bytes:
    packed = io.BytesIO()
    write_archive(bundle, packed)
    return packed.getvalue()


def test_archive_of_equal_bundles_has_equal_bytes(tmp_path: Path) -> None:
    """Neither times, nor owners, nor the place go in; other contents give other bytes."""
    one, two = make_bundle(tmp_path / "one"), make_bundle(tmp_path / "two")
    one.model.chmod(0o600)
    assert pack(one) == pack(two)
    assert pack(one) != pack(make_bundle(tmp_path / "three", b"abd"))
    with tarfile.open(fileobj=io.BytesIO(pack(one))) as archive:
        assert archive.getnames() == FILES
        archive.extractall(tmp_path / "out", filter="data")
    assert verify_files(BundlePaths(tmp_path / "out" / "bundle"))["trial"] == 7


def test_archive_of_plain_tarfile_differs(tmp_path: Path) -> None:
    """The red control: what tarfile writes by itself tells when and by whom."""

    def pack_plainly(bundle: BundlePaths) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(bundle.root, "bundle")
        return packed.getvalue()

    one, two = make_bundle(tmp_path / "one"), make_bundle(tmp_path / "two")
    one.model.chmod(0o600)
    assert pack_plainly(one) != pack_plainly(two)


def test_deliver_as_an_archive_beside_or_by_name(bundle: BundlePaths, tmp_path: Path) -> None:
    """A name without .tar gets it."""
    assert deliver(bundle, str(tmp_path / "a"), archive=True) == str(tmp_path / "a.tar")
    assert deliver(bundle, str(tmp_path / "b.tar"), archive=True) == str(tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes() == pack(bundle)


def test_deliver_refuses_a_changed_bundle(bundle: BundlePaths, tmp_path: Path) -> None:
    """Nothing that differs from its manifest is passed on."""
    bundle.model.write_bytes(b"abd")
    for archive in (False, True):
        with pytest.raises(BundleError, match="changed after export"):
            deliver(bundle, str(tmp_path / "there"), archive=archive)
    assert not list(tmp_path.glob("there*"))


@pytest.mark.parametrize("archive", [False, True])
def test_deliver_to_a_full_disk_leaves_what_was_there(
    bundle: BundlePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool
) -> None:
    """The older bundle, or archive, is whole, and nothing half-made is left."""
    target = str(tmp_path / "there")
    deliver(make_bundle(tmp_path / "older", b"older"), target, archive=archive)

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    owner: Any = tarfile.TarFile if archive else delivery.shutil
    monkeypatch.setattr(owner, "addfile" if archive else "copyfile", fail)
    with pytest.raises(OSError, match="No space left"):
        deliver(bundle, target, archive=archive)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["made", "older", "there.tar" if archive else "there"]
    if not archive:
        assert verify_files(BundlePaths(Path(target)))["trial"] == 7
        assert BundlePaths(Path(target)).model.read_bytes() == b"older"


def test_check_target_refuses_before_anything_is_made(tmp_path: Path) -> None:
    """A folder of something else, a file, an unknown protocol, a place that takes no files."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").touch()
    (tmp_path / "empty").mkdir()
    check_target(str(tmp_path / "empty"), archive=False)
    check_target(str(tmp_path / "new" / "deep"), archive=False)
    for target, archive, words in [
        (str(tmp_path / "thesis"), False, "something else than a bundle lies here"),
        (str(tmp_path / "thesis" / "text"), False, "something else than a bundle lies here"),
        (str(tmp_path / "thesis" / "text" / "deeper"), False, "cannot be written"),
        ("/proc/sweeps/deep", False, "/proc cannot be written"),
        ("nowhere://bucket/model", False, "nowhere://bucket/model: Protocol not known"),
    ]:
        with pytest.raises(OptionError, match=words):
            check_target(target, archive=archive)
    (tmp_path / "folder.tar").mkdir()
    with pytest.raises(OptionError, match="expected the name of an archive"):
        check_target(str(tmp_path / "folder"), archive=True)


def test_check_target_refuses_to_spoil_a_bundle_or_another_file(
    bundle: BundlePaths, tmp_path: Path
) -> None:
    """Nothing is added to a bundle, and an archive takes the place of nothing but an archive."""
    for archive in (False, True):
        with pytest.raises(OptionError, match="is a bundle itself"):
            check_target(str(bundle.root / "deeper" / "model"), archive=archive)
    precious = tmp_path / "precious.tar"
    precious.write_text("years of work")
    for name in ("precious.tar", "precious"):
        with pytest.raises(OptionError, match="something else than an archive of a bundle"):
            check_target(str(tmp_path / name), archive=True)
    precious.unlink()
    deliver(bundle, str(precious), archive=True)
    check_target(str(precious), archive=True)
    with pytest.raises(OptionError, match="File name too long"):
        check_target(str(tmp_path / ("a" * 300)), archive=False)


def test_check_target_url_without_fsspec_names_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An extra that is missing is told before anything is exported."""
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'keras-sweeps\[url\]'"):
        check_target("memory://x", archive=False)
