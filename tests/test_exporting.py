"""Exporting trials on request, and a bundle where this package is not installed (promise 11)."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from sweeps import preflight
from sweeps.bundles import export as bundle_export
from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.manifest import verify_files
from sweeps.cli.app import run_command_line
from sweeps.durable import is_disk_full
from sweeps.errors import (
    CheckpointError,
    DiskFullError,
    MissingExtraError,
    NoLeaderError,
    OptionError,
    SpecError,
    SweepHeldError,
)
from sweeps.lock import hold_sweep
from sweeps.paths import BundlePaths, SweepPaths
from tests.conftest import FAKES, MakeSpace
from tests.contracts.test_formats import need
from tests.fakes.tiny_model import load
from tests.test_full_disk import FULL, fail_calls

SPACE = f"""\
name: tiny
model: {FAKES / "tiny_model.py"}:build
data: {FAKES / "tiny_model.py"}:load
objective: {{metric: val_loss, direction: minimize}}
limits: {{trials: 2, workers: 1}}
pruner: none
training: {{epochs: 2, batch_size: 16}}
export:
  formats: [keras, saved_model]
  class_names: [same, different]
  preprocessing: {FAKES / "tiny_model.py"}:load
"""


def find_other(folder: Path) -> int:
    best = sweeps.read(folder).best
    assert best is not None
    return 1 - best.number


def test_export_of_another_trial_has_a_place_of_its_own(folder: Path) -> None:
    """The leader's bundle stays; the other one tells where it comes from."""
    number = find_other(folder)
    leader = (folder / "bundle" / "manifest.json").read_bytes()
    report = sweeps.export(folder, trial=number, formats=["saved_model"])
    assert (report.trial, report.failures) == (number, {})
    assert report.place == str(folder / f"bundle-{number:04d}")
    manifest = verify_files(BundlePaths(Path(report.place)))
    trial = sweeps.read(folder).trials[number]
    assert manifest["trial"] == number
    assert manifest["epoch"] == trial.best_epoch
    assert manifest["objective"]["value"] == trial.value
    assert manifest["scores"]["validation"]["loss"] == pytest.approx(trial.value, rel=1e-5)
    assert manifest["parameters"] == dict(trial.params)
    assert set(manifest["formats"]) == {"keras", "saved_model"}
    assert (folder / "bundle" / "manifest.json").read_bytes() == leader


def test_manifest_traces_the_model_back(folder: Path) -> None:
    """Sweep, code, data, versions and machine are in it: what it was made of, and where."""
    manifest = verify_files(BundlePaths(folder / "bundle"))
    record = json.loads((folder / "spec.json").read_bytes())
    assert manifest["sweep_id"] == record["sweep_id"]
    assert manifest["fingerprint"]["files"] == record["fingerprint"]["files"]
    assert manifest["data_parts"] == record["data_parts"]
    assert manifest["versions"]["keras"] == record["fingerprint"]["versions"]["keras"]
    assert manifest["machine"].keys() == {"system", "architecture", "cores"}
    assert manifest["git"] is None or manifest["git"].keys() == {"commit", "dirty"}
    assert [tensor["name"] for tensor in manifest["inputs"]] == ["numbers"]
    assert manifest["class_names"] == ["same", "different"]
    assert manifest["preprocessing"] == {"file": "preprocessing.py", "function": "load"}
    code = (FAKES / "tiny_model.py").read_bytes()
    assert BundlePaths(folder / "bundle").preprocessing.read_bytes() == code
    pinned = (folder / "bundle" / "requirements.txt").read_text().splitlines()
    assert f"keras=={manifest['versions']['keras']}" in pinned


def test_export_takes_a_bundle_that_is_there(folder: Path, tmp_path: Path) -> None:
    """What was proven and is unchanged is copied; twice the same archive has the same bytes."""
    one = sweeps.export(folder, to=tmp_path / "one", archive=True)
    two = sweeps.export(folder, to=f"memory://{tmp_path.name}/two", archive=True)
    assert one.place == str(tmp_path / "one.tar")
    from fsspec.core import url_to_fs

    files, path = url_to_fs(two.place)
    assert files.cat_file(path) == (tmp_path / "one.tar").read_bytes()
    plain = sweeps.export(folder, to=tmp_path / "plain")
    assert verify_files(BundlePaths(tmp_path / "plain"))["created"] == plain.manifest["created"]
    assert sorted(path.name for path in folder.iterdir() if "bundle" in path.name) == ["bundle"]


def test_export_to_a_folder_leaves_the_sweep_as_it_was(folder: Path, tmp_path: Path) -> None:
    """What is made for elsewhere does not stay."""
    before = sorted(path.name for path in folder.iterdir())
    number = find_other(folder)
    report = sweeps.export(folder, trial=number, formats=["keras"], to=tmp_path / "out")
    assert verify_files(BundlePaths(Path(report.place)))["trial"] == number
    assert sorted(path.name for path in folder.iterdir()) == before


def test_export_refuses_trials_that_have_no_model(folder: Path) -> None:
    """One that is not there, and one whose checkpoint was deleted."""
    number = find_other(folder)
    with pytest.raises(OptionError, match=r"trial: got 7; .* has 2 trials"):
        sweeps.export(folder, trial=7)
    for path in SweepPaths(folder).trial(number).checkpoints.glob("*.keras"):
        path.unlink()
    with pytest.raises(CheckpointError, match=f"trial {number:04d}: its checkpoint was deleted"):
        sweeps.export(folder, trial=number)


def test_export_of_a_sweep_without_a_complete_trial(folder: Path) -> None:
    """It says what to do."""
    (folder / "study.journal").write_bytes(
        b"".join((folder / "study.journal").read_bytes().splitlines(keepends=True)[:2])
    )
    with pytest.raises(NoLeaderError, match=r"no trial has completed.*python -m sweeps resume"):
        sweeps.export(folder)


def test_export_refuses_formats_it_cannot_make(
    folder: Path, make_space: MakeSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown one, and one whose extra is missing; a space file is told at its line."""
    with pytest.raises(OptionError, match=r"got 'onx'; .* Did you mean 'onnx'"):
        sweeps.export(folder, formats=["onx"])
    monkeypatch.setattr("sweeps.bundles.extras.find_spec", lambda module: None)
    command = r"pip install 'keras-sweeps\[onnx\]'"
    with pytest.raises(MissingExtraError, match=command):
        sweeps.export(folder, formats=["onnx"])
    space = make_space(export="{formats: [keras, onnx]}")
    with pytest.raises(SpecError, match=rf"tiny\.yaml:7: export\.formats: .*{command}"):
        preflight.check(space, build=False)


def test_export_refuses_targets_before_it_works(folder: Path, tmp_path: Path) -> None:
    """A folder of something else, a place that takes no files, and a sweep that is held."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").touch()
    with pytest.raises(OptionError, match="something else than a bundle"):
        sweeps.export(folder, to=tmp_path / "thesis")
    with pytest.raises(OptionError, match="/proc cannot be written"):
        sweeps.export(folder, to="/proc/bundle")
    with hold_sweep(SweepPaths(folder).lock), pytest.raises(SweepHeldError):
        sweeps.export(folder)


def test_export_on_a_full_disk_leaves_the_older_bundle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and nothing half-made is left."""
    before = (folder / "bundle" / "manifest.json").read_bytes()
    names = sorted(path.name for path in folder.iterdir())
    fail_calls(monkeypatch, bundle_export, "write_manifest", range(1))
    with pytest.raises(DiskFullError, match="What was there before still is"):
        sweeps.export(folder, formats=["keras"])
    assert is_disk_full(FULL)
    assert (folder / "bundle" / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == names


def test_export_command_tells_what_is_left_out_and_fails(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the screen and in the manifest; the exit status says so too, and the rest is there."""
    need("onnx")

    def refuse(self: Runtimes, runtime: str, job: Any) -> Any:
        if job["do"] == "replay" and job["format"] == "onnx":
            job = {**job, "folder": "/nowhere"}
        return ask(self, runtime, job)

    ask = Runtimes.ask
    monkeypatch.setattr(Runtimes, "ask", refuse)
    status = run_command_line(["export", str(folder), "--formats", "keras,onnx"])
    said = capsys.readouterr()
    assert (status, said.out) == (1, f"{folder / 'bundle'}\n")
    assert "export: onnx is not in the bundle: " in said.err
    manifest = verify_files(BundlePaths(folder / "bundle"))
    assert "error" in manifest["formats"]["onnx"]
    assert "model.onnx" not in manifest["files"]
    assert "model.keras" in manifest["files"]


def test_verify_command_tells_of_every_format(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a format, or JSON; a changed bundle is a failure."""
    assert run_command_line(["verify", str(folder), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {name: each["state"] for name, each in record["formats"].items()} == {
        "keras": "proven",
        "saved_model": "proven",
    }
    (folder / "bundle" / "MLmodel").write_text("flavors: {}")
    assert run_command_line(["verify", str(folder)]) == 1
    assert "MLmodel: the file was changed after export" in capsys.readouterr().err


PROGRAM = """\
import importlib.util, json, sys
model, arrays, site = sys.argv[1:]
sys.path.append(site)
assert importlib.util.find_spec("sweeps") is None
import keras, numpy
data = numpy.load(arrays)
scores = keras.models.load_model(model).evaluate(
    data["x"], data["y"], batch_size=16, verbose=0, return_dict=True
)
print(json.dumps(scores))
"""


def test_bundle_loads_and_scores_where_this_package_is_not_installed(
    folder: Path, tmp_path: Path
) -> None:
    """Promise 11: plain Keras alone reproduces the recorded validation score."""
    site = tmp_path / "site"
    site.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "sweeps" not in entry.name and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    x, y = load()["validation"]
    np.savez(tmp_path / "validation.npz", x=x, y=y)
    bundle = BundlePaths(folder / "bundle")
    # -I and -S: no variables, no working directory, and no packages but those linked above.
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(bundle.model)]
    command += [str(tmp_path / "validation.npz"), str(site)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = verify_files(bundle)
    scores = json.loads(done.stdout)
    assert scores["loss"] == pytest.approx(manifest["scores"]["validation"]["loss"], rel=1e-5)
    assert scores["loss"] == pytest.approx(manifest["objective"]["value"], rel=1e-5)
