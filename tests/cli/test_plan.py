"""plan: what is printed, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.report.test_plan import make_plan


def test_plan_prints_the_space(sweeps, api) -> None:
    """`plan` asks the API once and prints what it says."""
    api.answer = make_plan()
    said = sweeps("plan", "space.yaml", "--set", "limits.trials=3")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("digits  maximize val_accuracy\n")
    assert api.calls == [("plan", (Path("space.yaml"),), {"overrides": ["limits.trials=3"]})]


def test_plan_json(sweeps, api) -> None:
    """`plan --json` is one JSON object and nothing else."""
    api.answer = make_plan()
    record = json.loads(sweeps("plan", "space.yaml", "--json").out)
    assert (record["schema"], record["configurations"], record["trials"]) == (1, 16, 8)
