"""What lies in a sweep's folder may come from a stranger: names stay inside, links are refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.checkpoints.store import BestStore, open_best
from sweeps.durable import refuse_links
from sweeps.errors import BundleError, CheckpointError, UnsafeFolderError
from sweeps.paths import SweepPaths, is_file_name
from sweeps.sweep import enqueue
from sweeps.tidying import tidy
from tests.conftest import MakeSpace
from tests.security.conftest import Trained

LEAVING = ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "a\0b", None, 7]


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "results" / "tiny"))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A place that a link leads to, with something to lose in it."""
    outside = tmp_path / "outside"
    (outside / ".tmp-1-old").mkdir(parents=True)
    (outside / "keep.keras").write_text("precious")
    (outside / "file").write_text("{}")
    return outside


def snapshot(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): "" if path.is_dir() else path.read_text()
        for path in sorted(folder.rglob("*"))
    }


def replace_by_link(path: Path, outside: Path) -> None:
    is_folder = path.is_dir() or path.name == "latest"
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(outside if is_folder else outside / "file")


OPENINGS: list[Callable[[Path], Any]] = [
    sweeps.read,
    sweeps.load,
    sweeps.resume,
    tidy,
    lambda folder: enqueue(folder, {"units": 8}),
]


@pytest.mark.parametrize(
    "name",
    [
        *("trials", "trials/0001", "trials/0001/checkpoints", "trials/0001/latest", "bundle"),
        *("bundle/model.keras", "study.journal", "spec.json", "sweep.lock", "space.yaml"),
        *("trials/0001/log.txt", "trials/0001/outcome.json", "trials/0001/params.json"),
        *("trials/0001/checkpoints/best.json", "trials/0001/history.csv", ".tmp-1-x"),
    ],
)
def test_planted_link_is_refused_wherever_a_sweep_is_opened(
    folder: Path, outside: Path, name: str
) -> None:
    """Nothing behind it is read, written or deleted, by any way into the folder."""
    replace_by_link(folder / name, outside)
    before = snapshot(outside)
    for open_sweep in OPENINGS:
        with pytest.raises(UnsafeFolderError, match=f"{name}: a symbolic link does not belong"):
            open_sweep(folder)
    assert snapshot(outside) == before
    assert (folder / name).is_symlink()


def test_planted_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    """Who reads a pipe waits until somebody writes to it."""
    (folder / "spec.json").unlink()
    os.mkfifo(folder / "spec.json")
    with pytest.raises(UnsafeFolderError, match=r"spec\.json: a pipe, socket or device"):
        sweeps.read(folder)


def test_refuse_links_vanishing_entries_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that runs deletes files while another process looks at its folder."""
    (tmp_path / "trials" / "0001").mkdir(parents=True)
    scan = os.scandir

    def scan_and_delete(path: Path) -> Any:
        entries = list(scan(path))
        (tmp_path / "trials" / "0001").rmdir()
        (tmp_path / "trials").rmdir()
        return entries

    monkeypatch.setattr(os, "scandir", scan_and_delete)
    refuse_links(tmp_path)


def test_folder_that_is_a_link_itself_goes_on_working(
    trained: Trained, shared_engine: object
) -> None:
    """Results on a big disk, or one sweep there: that is the choice of who made the link."""
    assert trained.results.is_symlink()
    assert (trained.results / "tiny").is_symlink()
    assert trained.folder.is_dir()
    assert not trained.folder.is_symlink()
    folder = trained.results / "tiny"
    assert len(sweeps.read(folder).trials) == 2
    assert len(sweeps.load(folder).layers) > 1
    assert sweeps.resume(folder).best is not None
    assert tidy(folder, dry_run=True) == []


@pytest.mark.parametrize("name", LEAVING)
def test_best_record_that_names_a_file_elsewhere_is_refused(folder: Path, name: Any) -> None:
    """`best.json` is data from elsewhere: its names, those of the runners-up too, stay inside."""
    assert not is_file_name(name)
    trial = SweepPaths(folder).trial(1)
    record = json.loads(trial.best.read_text())
    for changed in ({"file": name}, {"kept": [{**record, "file": name}]}):
        trial.best.write_text(json.dumps({**record, **changed}))
        with pytest.raises(CheckpointError, match=r"best\.json: .*which leaves the folder"):
            BestStore(trial).find_best()
        with pytest.raises(CheckpointError):
            open_best(trial)


@pytest.mark.parametrize("name", LEAVING[:-2])
def test_study_that_names_a_file_elsewhere_shows_none(folder: Path, name: str) -> None:
    """A checkpoint's name in the journal is shown as a path to copy: never one outside."""
    journal = folder / "study.journal"
    file = json.loads((folder / "trials/0001/checkpoints/best.json").read_text())["file"]
    assert sweeps.read(folder).trials[1].checkpoint == file
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        line.pop("crc", None)
        if line.get("user_attr") == {"checkpoint": file} or line.get("system_attr") == {
            "checkpoint": file
        }:
            line[next(key for key in line if key.endswith("_attr"))] = {"checkpoint": name}
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert sweeps.read(folder).trials[1].checkpoint is None


@pytest.mark.parametrize("name", ["../spec.json", "/etc/passwd", "a\0b", ""])
def test_manifest_that_names_a_file_elsewhere_is_refused(folder: Path, name: str) -> None:
    """The list of a bundle's files does not lead out of it."""
    manifest = json.loads((folder / "bundle/manifest.json").read_text())
    manifest["files"][name] = {"bytes": 1, "sha256": ""}
    (folder / "bundle/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="which leaves the bundle"):
        sweeps.load(folder)


@pytest.mark.parametrize("name", ["../up", "/tmp/up", "a/b", ".hidden", "..", "a\0b", ""])
def test_sweep_name_in_a_record_or_a_file_does_not_leave_results(
    folder: Path, make_space: MakeSpace, name: str
) -> None:
    """A sweep's name is a plain folder name, in the space file and in what is read back."""
    with pytest.raises(sweeps.SpecError, match="expected a name of letters"):
        sweeps.check(make_space(name=json.dumps(name)), build=False)
    record = json.loads((folder / "spec.json").read_text())
    record["spec"]["name"] = name
    (folder / "spec.json").write_text(json.dumps(record))
    with pytest.raises(sweeps.SpecError, match="expected a name of letters"):
        sweeps.read(folder)
