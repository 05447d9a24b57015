"""The memory of driver and fork server while trials come and go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import memory


@pytest.mark.usefixtures("shared_engine")
def test_memory_is_measured_for_driver_and_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quick run has all figures; 12 trials are too few to hold them against the bound."""
    memory.main(["--quick", "--json", str(tmp_path / "memory.json")])
    found = json.loads((tmp_path / "memory.json").read_text())
    assert found["details"]["trials"] == 12
    assert [row["process"] for row in found["rows"]] == ["driver", "fork server"]
    for row in found["rows"]:
        assert row["first_mb"] > 20
        assert row["last_mb"] > 20
        assert isinstance(row["mb_per_trial"], float)
    assert "MB a trial" in capsys.readouterr().out


def test_growth_is_the_slope_without_the_first_fifth() -> None:
    """What fills caches at the beginning is no leak."""
    grown = [200 + trial / 2 for trial in range(8)]
    found = memory.describe("driver", [0.0, 100.0, *grown])
    assert found == {
        "process": "driver", "first_mb": 200.0, "last_mb": 203.5, "mb_per_trial": 0.5,
    }  # fmt: skip
