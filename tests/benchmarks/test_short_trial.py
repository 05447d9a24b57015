"""Where the time of one short trial goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import short_trial


def test_short_trial_tells_where_the_time_of_both_models_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quick run has a figure for every part, each of which is still called as it was."""
    short_trial.main(["--quick", "--json", str(tmp_path / "short.json")])
    rows = json.loads((tmp_path / "short.json").read_text())["rows"]
    found = {row.pop("part"): row for row in rows}
    assert set(found) == {
        *(set(short_trial.PARTS) - {"train", "validate"}),
        "trace and prepare graphs",
        "arithmetic",
        "total",
        "efficiency",
    }
    for row in (found["build model"], found["write checkpoints and report"], found["arithmetic"]):
        assert min(row["dense"], row["convolutional"]) > 0
    assert "seconds of the processor" in capsys.readouterr().out
