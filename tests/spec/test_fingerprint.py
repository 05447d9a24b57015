"""What a sweep was started with, and how it differs later."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sweeps.spec.fingerprint import (
    Fingerprint,
    diff_fingerprints,
    diff_specs,
    find_code,
    find_module_file,
    find_versions,
    fingerprint,
)
from tests.spec.spaces import HEAD, load

TEXT = "parameters:\n  lr: loguniform(1e-4, 1e-1)\n  units: [8, 16]\nlimits: {trials: 3}\n"


def _diff(folder: Path, *overrides: str) -> list[str]:
    return diff_specs(load(folder, TEXT), load(folder, TEXT, overrides=overrides))


def test_fingerprint_same_spec_has_no_difference(tmp_path: Path) -> None:
    """The same file gives the same digests, and no difference."""
    spec = load(tmp_path, TEXT)
    assert fingerprint(spec, tmp_path) == fingerprint(load(tmp_path, TEXT), tmp_path)
    assert _diff(tmp_path) == []


def test_fingerprint_limits_are_left_out(tmp_path: Path) -> None:
    """Limits may always grow, so they change neither digest nor difference."""
    more = load(tmp_path, TEXT, overrides=["limits.trials=99"])
    assert fingerprint(more, tmp_path).spec == fingerprint(load(tmp_path, TEXT), tmp_path).spec
    assert _diff(tmp_path, "limits.trials=99", "limits.timeout=1h") == []


def test_diff_specs_resources_count_where_they_change_weights(tmp_path: Path) -> None:
    """Another limit of memory or other GPUs are nothing to accept; other threads are."""
    assert _diff(tmp_path, "resources.memory=2GB", "resources.gpus=0") == []
    assert _diff(tmp_path, "resources.threads=2") == ["resources.threads: None -> 2"]


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("parameters.lr.high=0.2", "parameters.lr.high: 0.1 -> 0.2"),
        ("parameters.units=[8, 32]", "parameters.units.choices: [8, 16] -> [8, 32]"),
        ("seed=3", "seed: 0 -> 3"),
        ("sampler.startup_trials=4", "sampler.options.startup_trials: 10 -> 4"),
        ("constraints=units < 12", "constraints: [] -> ['units < 12']"),
        ("training.early_stopping=2", "training.early_stopping: None -> 2"),
    ],
)
def test_diff_specs_names_key_old_and_new(tmp_path: Path, override: str, difference: str) -> None:
    """A difference reads as key, old value and new value."""
    assert _diff(tmp_path, override) == [difference]


def test_diff_specs_added_parameter_is_named(tmp_path: Path) -> None:
    """Something that was not there before has no old value."""
    assert _diff(tmp_path, "parameters.new=1") == [
        "parameters.new.type: (nothing) -> fixed",
        "parameters.new.value: (nothing) -> 1",
    ]


def test_diff_fingerprints_code_and_versions_are_compared(tmp_path: Path) -> None:
    """Changed code files and packages are named; a missing file is said to be gone."""
    spec = load(tmp_path, TEXT)
    code = tmp_path / "m.py"
    versions = {"python": "3.11.7", "keras": "3.15.1"}
    old = fingerprint(spec, tmp_path, versions=versions)
    code.write_text("x = 1\n")
    new = fingerprint(spec, tmp_path, versions={**versions, "keras": "3.16.0"})
    assert diff_fingerprints(old, new) == ["m.py: the code changed", "keras: 3.15.1 -> 3.16.0"]
    code.unlink()
    gone = fingerprint(spec, tmp_path, versions=versions)
    assert diff_fingerprints(old, gone) == ["m.py: the file is gone"]


def test_fingerprint_json_round_trip_is_exact(tmp_path: Path) -> None:
    """A fingerprint is the same after a trip through JSON text."""
    found = fingerprint(load(tmp_path, TEXT), tmp_path)
    assert Fingerprint.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_find_versions_reads_the_installed_ones() -> None:
    """Versions are those of the running Python."""
    versions = find_versions()
    assert list(versions) == ["python", "tensorflow", "keras", "keras-tuner", "optuna", "numpy"]
    assert versions["keras"] == version("keras")
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_find_module_file_finds_modules_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module inside a package is found although its package fails on import."""
    package = tmp_path / "fragile_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError\n")
    (package / "models.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert find_module_file("fragile_package.models") == package / "models.py"
    assert find_module_file("fragile_package") == package / "__init__.py"
    assert find_module_file("no_such_package_at_all.x") is None
    assert "fragile_package" not in sys.modules


def test_find_code_lists_each_file_once(tmp_path: Path) -> None:
    """Model and data in one file are one file, called by its path below the space file."""
    code = tmp_path / "m.py"
    assert find_code(load(tmp_path), tmp_path) == {"m.py": code}
    assert find_code(load(tmp_path), tmp_path / "elsewhere") == {str(code): code}


def test_find_code_names_modules_as_they_are_imported(tmp_path: Path) -> None:
    """An installed package may lie in another environment tomorrow."""
    head = HEAD.replace("m.py:load", "json.decoder:JSONDecoder")
    code = find_code(load(tmp_path, head=head), tmp_path)
    assert list(code) == ["m.py", "json.decoder"]
    assert code["json.decoder"].name == "decoder.py"


def test_fingerprint_of_a_moved_project_is_the_same(tmp_path: Path) -> None:
    """Where a project lies is no part of what it is."""
    places = [tmp_path / "here", tmp_path / "there"]
    prints = []
    for place in places:
        place.mkdir()
        prints.append(fingerprint(load(place, TEXT), place))
    assert diff_fingerprints(*prints) == []
