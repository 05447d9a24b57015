"""Tests of `sweeps.training.user_code`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.errors import OptionError
from sweeps.training.user_code import load_target


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """Forget what a test imported."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_load_target_of_a_file_is_imported_once(tmp_path: Path) -> None:
    """Model and data of one file share their module, under the file's own name."""
    path = write(tmp_path / "my_space.py", "def build(hp): return 1\ndef load(): return 2\n")
    build, load = load_target(f"{path}:build"), load_target(f"{path}:load")
    assert (build(None), load()) == (1, 2)
    assert build.__globals__ is load.__globals__
    assert build.__module__ == "my_space"


def test_load_target_of_a_module() -> None:
    """An importable module needs no file."""
    import json

    assert load_target("json:dumps") is json.dumps


def test_load_target_puts_the_folder_at_the_end_of_the_path(tmp_path: Path) -> None:
    """Siblings can be imported; a stray file shadows nothing that is installed."""
    write(tmp_path / "sibling_of_space.py", "value = 3\n")
    write(tmp_path / "tabnanny.py", "raise RuntimeError('a stray file was imported')\n")
    path = write(tmp_path / "my_space.py", "import tabnanny\nfrom sibling_of_space import value\n")
    sys.modules.pop("tabnanny", None)
    assert load_target(f"{path}:value") == 3
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


@pytest.mark.parametrize("name", ["json", "tabnanny"])
def test_load_target_of_a_file_with_the_name_of_another_module(tmp_path: Path, name: str) -> None:
    """Imported already or not yet, the other module stays what it is, and the file runs once."""
    sys.modules.pop("tabnanny", None)
    path = write(tmp_path / f"{name}.py", "def build(hp): return 1\ndef load(): return 2\n")
    build, load = load_target(f"{path}:build"), load_target(f"{path}:load")
    assert build.__globals__ is load.__globals__
    assert build.__module__ == f"_sweeps_space_{name}"
    assert not hasattr(__import__(name), "build")


def test_load_target_missing_attribute_suggests_one(tmp_path: Path) -> None:
    """The message lists what there is."""
    path = write(tmp_path / "my_space.py", "_private = 1\ndef build(hp): ...\ndef load(): ...\n")
    with pytest.raises(OptionError) as caught:
        load_target(f"{path}:biuld")
    assert str(caught.value) == (
        f"{path} has no 'biuld'; it has build, load. Did you mean 'build'?"
    )


def test_load_target_of_a_module_that_raises_raises_the_same_again(tmp_path: Path) -> None:
    """Half a module is not left behind to be found by the next import."""
    path = write(tmp_path / "my_space.py", "def load(): ...\n1 / 0\ndef build(hp): ...\n")
    for name in ("load", "build"):
        with pytest.raises(ZeroDivisionError):
            load_target(f"{path}:{name}")


def test_load_target_missing_file_names_it(tmp_path: Path) -> None:
    """Python's own error is clear enough."""
    with pytest.raises(FileNotFoundError, match=r"nothing\.py"):
        load_target(f"{tmp_path / 'nothing.py'}:build")


def test_load_target_missing_module_names_it() -> None:
    """The same for a module."""
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        load_target("no_such_package.models:build")
