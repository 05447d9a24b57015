"""One holder per sweep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.errors import SweepHeldError
from sweeps.lock import hold_sweep, is_held

HOLD = """
import sys, time
from pathlib import Path
from sweeps.lock import hold_sweep
with hold_sweep(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_hold_sweep_is_refused_while_another_process_holds_it(tmp_path: Path) -> None:
    """The second one hears who the first is, and exits with its own status."""
    path = tmp_path / "sweep.lock"
    with (
        hold_sweep(path),
        pytest.raises(SweepHeldError, match=f"process {os.getpid()}") as raised,
        hold_sweep(path),
    ):
        pytest.fail("two holders")
    assert raised.value.exit_status == 3


def test_hold_sweep_takes_over_from_a_killed_process_at_once(tmp_path: Path) -> None:
    """The lock dies with its process, whatever the file still says."""
    path = tmp_path / "sweep.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_held(path)
        assert json.loads(path.read_text())["pid"] == holder.pid
        holder.kill()
        holder.wait()
    assert not is_held(path)
    with hold_sweep(path):
        assert is_held(path)


def test_is_held_of_a_sweep_that_was_never_run(tmp_path: Path) -> None:
    """No lock file means nobody holds it, and looking creates none."""
    assert not is_held(tmp_path / "sweep.lock")
    assert list(tmp_path.iterdir()) == []


def test_hold_sweep_refuses_a_planted_link(tmp_path: Path) -> None:
    """A link in a stranger's folder leads nowhere."""
    (tmp_path / "precious").write_text("x")
    (tmp_path / "sweep.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"), hold_sweep(tmp_path / "sweep.lock"):
        pytest.fail("followed")
    assert (tmp_path / "precious").read_text() == "x"
