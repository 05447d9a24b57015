"""The threat model names tests that exist, for each of its claims."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_threat_model_every_claim_names_a_test_that_exists() -> None:
    """A row of the table without a test is a hope."""
    text = (ROOT / "docs" / "threat-model.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 7
    for row in rows:
        named = re.findall(r"`(tests/[^`]+\.py)`", row)
        assert named, row
        assert all((ROOT / name).is_file() for name in named), row


def test_threat_model_names_every_test_of_this_folder() -> None:
    """What is tested here is claimed there."""
    text = (ROOT / "docs" / "threat-model.md").read_text()
    for path in Path(__file__).parent.glob("test_*.py"):
        assert path.name in text or path.name == "test_threat_model.py"
