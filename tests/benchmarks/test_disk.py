"""The disk that a sweep uses while it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import disk


@pytest.mark.usefixtures("shared_engine")
def test_checkpoints_stay_within_their_bound_while_the_sweep_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `keep` allows and what the running trials need is never passed, not only at the end."""
    disk.main(["--quick", "--json", str(tmp_path / "disk.json")])
    record = json.loads((tmp_path / "disk.json").read_text())
    found = record["details"]
    assert found["trials"] == 12
    assert found["kept"] <= 3
    assert 0 < found["largest_checkpoints"] <= found["bound"]
    assert record["rows"][-1]["checkpoints"] <= found["max_disk"]
    assert "checkpoints took at most" in capsys.readouterr().out
