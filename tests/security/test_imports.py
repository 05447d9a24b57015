"""Nothing is imported from the working directory, nor from beside the space file, unasked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.security.clone import PACKAGE, CloneRun, call, plant


def test_run_from_a_clone_imports_nothing_from_there(clone_run: CloneRun) -> None:
    """`python -m sweeps` in a clone works, in every process; the model's own siblings are found."""
    assert clone_run.done.returncode == 0, clone_run.done.stderr
    assert clone_run.sprung == ""
    assert (clone_run.folder / "bundle" / "model.keras").is_file()


@pytest.mark.parametrize("start", ["command", "python -P"])
def test_installed_command_imports_nothing_at_all(tmp_path: Path, start: str) -> None:
    """Where Python does not put the working directory on the path, not even Python's own."""
    marker = tmp_path / "marker"
    plant(tmp_path, marker)
    command = [str(Path(sys.executable).with_name("sweeps"))]
    if start == "python -P":
        command = [sys.executable, "-P", "-m", "sweeps"]
    if not Path(command[0]).exists():
        pytest.skip("the command is not installed beside this Python")
    done = call([*command, "status"], tmp_path, PYTHONPATH=str(PACKAGE.parent))
    assert (done.returncode, marker.exists()) == (2, False), done.stderr
    assert "holds no sweep" in done.stderr


def test_trap_is_sprung_where_the_working_directory_stays(tmp_path: Path) -> None:
    """The red control: a trap that Python does come by leaves its mark."""
    plant(tmp_path, tmp_path / "marker")
    call([sys.executable, "-c", "import yaml"], tmp_path)
    assert (tmp_path / "marker").read_text().endswith("/yaml\n")
