"""The memory of workers on the same data."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import shared_data


def test_shared_data_is_measured_once_and_by_each_process(tmp_path: Path) -> None:
    """The quick run has all figures; what is shared is larger than a process is alone."""
    shared_data.main(["--quick", "--json", str(tmp_path / "figures.json")])
    once, apart = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert (once["loaded"], apart["loaded"]) == ("once", "by each process")
    for row in (once, apart):
        assert (row["data_mb"], row["workers"]) == (20, 2)
        assert row["processes"] >= 4
        assert row["all_mb"] > row["data_mb"]
