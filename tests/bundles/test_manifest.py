"""Tests of `sweeps.bundles.manifest`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.bundles.manifest import read_manifest, verify_files, write_manifest
from sweeps.errors import BundleError, UnsafeFolderError
from sweeps.paths import BundlePaths

SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def bundle(tmp_path: Path) -> BundlePaths:
    """Make a bundle of two files, one in a folder."""
    paths = BundlePaths(tmp_path / "bundle")
    (paths.root / "assets").mkdir(parents=True)
    paths.model.write_bytes(b"abc")
    (paths.root / "assets" / "words.txt").write_bytes(b"")
    write_manifest(paths, {"trial": 7, "scores": {"validation": {"accuracy": 0.5}}})
    return paths


def change(bundle: BundlePaths, **changes: Any) -> None:
    manifest = {**json.loads(bundle.manifest.read_text()), **changes}
    bundle.manifest.write_text(json.dumps(manifest))


def test_manifest_is_read_back_with_every_file(bundle: BundlePaths) -> None:
    """Origin, schema, and size and digest of each file but its own."""
    assert verify_files(bundle) == read_manifest(bundle)
    assert read_manifest(bundle) == {
        "schema": 1,
        "trial": 7,
        "scores": {"validation": {"accuracy": 0.5}},
        "files": {
            "assets/words.txt": {
                "bytes": 0,
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
            "model.keras": {"bytes": 3, "sha256": SHA_OF_ABC},
        },
    }


def change_a_byte(bundle: BundlePaths) -> None:
    bundle.model.write_bytes(b"abd")


def truncate(bundle: BundlePaths) -> None:
    bundle.model.write_bytes(b"ab")


def remove(bundle: BundlePaths) -> None:
    (bundle.root / "assets" / "words.txt").unlink()


def replace_by_folder(bundle: BundlePaths) -> None:
    bundle.model.unlink()
    bundle.model.mkdir()


def add(bundle: BundlePaths) -> None:
    (bundle.root / "assets" / "run.py").touch()


def add_hidden(bundle: BundlePaths) -> None:
    (bundle.root / ".hidden").touch()


def link_file(bundle: BundlePaths) -> None:
    elsewhere = bundle.root.parent / "elsewhere.keras"
    bundle.model.rename(elsewhere)
    bundle.model.symlink_to(elsewhere)


def link_folder(bundle: BundlePaths) -> None:
    elsewhere = bundle.root.parent / "elsewhere"
    (bundle.root / "assets").rename(elsewhere)
    (bundle.root / "assets").symlink_to(elsewhere)


def add_linked_folder(bundle: BundlePaths) -> None:
    (bundle.root / "more").symlink_to(bundle.root.parent)


def add_dangling_link(bundle: BundlePaths) -> None:
    (bundle.root / "more").symlink_to(bundle.root / "nowhere")


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (change_a_byte, r"model\.keras: the file was changed after export"),
        (truncate, r"model\.keras: the file was changed after export"),
        (remove, r"words\.txt: the file is missing"),
        (replace_by_folder, r"model\.keras: the file is missing"),
        (add, r"run\.py: the file is not in the manifest"),
        (add_hidden, r"\.hidden: the file is not in the manifest"),
        (link_file, r"model\.keras: a symbolic link does not belong into a sweep or a bundle"),
        (link_folder, r"assets: a symbolic link does not belong into a sweep or a bundle"),
        (add_linked_folder, r"more: a symbolic link does not belong into a sweep or a bundle"),
        (add_dangling_link, r"more: a symbolic link does not belong into a sweep or a bundle"),
    ],
)
def test_verify_files_refuses_what_was_tampered_with(
    bundle: BundlePaths, tamper: Callable[[BundlePaths], None], message: str
) -> None:
    """Exactly the exported files, with exactly their bytes; the message names the file."""
    tamper(bundle)
    with pytest.raises((BundleError, UnsafeFolderError), match=message):
        verify_files(bundle)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "assets/../../elsewhere", ".", ""])
def test_verify_files_refuses_names_that_leave_the_bundle(bundle: BundlePaths, name: str) -> None:
    """A manifest is data from elsewhere: its names are never followed outwards."""
    change(bundle, files={name: {"bytes": 3, "sha256": SHA_OF_ABC}})
    with pytest.raises(BundleError, match="which leaves the bundle"):
        verify_files(bundle)


@pytest.mark.parametrize("schema", [2, "1", None, 1.5])
def test_read_manifest_refuses_a_schema_it_does_not_know(bundle: BundlePaths, schema: Any) -> None:
    """A newer version may mean other things by the same words, whatever else it changed."""
    bundle.manifest.write_text(json.dumps({"schema": schema, "parts": []}))
    with pytest.raises(BundleError, match=rf"schema {schema!r} is newer than .* reads \(1\)"):
        verify_files(bundle)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"schema": 1}',
        '{"schema": 1, "files": []}',
        "\udc80",
        "[" * 99_999,
    ],
)
def test_read_manifest_refuses_what_is_none(bundle: BundlePaths, text: str) -> None:
    """Damage is one clear error, never an exception of ours."""
    bundle.manifest.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BundleError, match=r"manifest\.json: not a manifest"):
        read_manifest(bundle)


def test_read_manifest_of_another_folder(tmp_path: Path) -> None:
    """Where there is no manifest there is no bundle."""
    with pytest.raises(BundleError, match=r"there is no manifest\.json, so this is no bundle"):
        read_manifest(BundlePaths(tmp_path))
